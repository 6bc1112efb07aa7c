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

TEST(LoginOptions, takes_the_last_password_file_of_its_scope) {
  const Config global = config_of("password_file a\nlistener 1884\npassword_file b\n");
  EXPECT_EQ(global.password_file_for(global.listeners[0]), "b");
  const Config split =
      config_of("per_listener_settings true\nlistener 1884\npassword_file a\nlistener 1885\n");
  EXPECT_EQ(split.password_file_for(split.listeners[0]), "a");
  EXPECT_EQ(split.password_file_for(split.listeners[1]), "");
}

TEST(LoginOptions, takes_the_scram_file_of_its_scope) {
  const Config global = config_of("scram_file a\nlistener 1884\nscram_file b\n");
  EXPECT_EQ(global.scram_file_for(global.listeners[0]), "b");
  const Config split =
      config_of("per_listener_settings true\nlistener 1884\nscram_file a\nlistener 1885\n");
  EXPECT_EQ(split.scram_file_for(split.listeners[0]), "a");
  EXPECT_EQ(split.scram_file_for(split.listeners[1]), "");
}

}  // namespace
}  // namespace tombo::config
