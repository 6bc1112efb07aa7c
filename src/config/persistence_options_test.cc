#include <string>

#include <gtest/gtest.h>

#include "config/files_in_memory.h"
#include "config/parser.h"

namespace tombo::config {
namespace {

Config config_of(const std::string& text) {
  FilesInMemory files({{"t.conf", text}});
  Result<ParseOutcome> outcome = parse_file(files, "t.conf", {});
  EXPECT_TRUE(outcome);
  return std::move(outcome->config);
}

TEST(PersistenceOptions, reads_what_survives_the_process) {
  const Config config = config_of(
      "persistence true\npersistence_location /var/lib/\npersistence_file a.db\ndurability os\n");
  EXPECT_TRUE(config.persistence);
  EXPECT_EQ(config.durability, Durability::os);
  EXPECT_EQ(config.disk_reserve, 67'108'864U);
  EXPECT_EQ(config_of("disk_reserve 0").disk_reserve, 0U);
  EXPECT_EQ(config.store_path(), "/var/lib/a.tombo");
  EXPECT_EQ(config.database_path(), "/var/lib/a.db");
  EXPECT_EQ(config_of("persistence_file b").database_path(), "b");
  EXPECT_EQ(config_of("persistence_location /var").database_path(), "/var/mosquitto.db");
  EXPECT_TRUE(config.mosquitto_export);
  EXPECT_FALSE(config_of("mosquitto_export false").mosquitto_export);
  EXPECT_EQ(config_of("persistence_file b").store_path(), "./b.tombo");
  EXPECT_TRUE(config_of("retained_persistence 1").persistence);
}

}  // namespace
}  // namespace tombo::config
