#include "base/log.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tombo {
namespace {

class Lines final : public Logger {
 public:
  using Logger::set_mask;

  std::vector<std::string> lines;

 private:
  void write(LogType type, std::string_view line) override {
    lines.push_back(std::to_string(static_cast<uint32_t>(type)) + " " + std::string(line));
  }
};

TEST(Logger, writes_what_mosquitto_writes_by_default) {
  const Lines logger;
  EXPECT_TRUE(logger.enabled(LogType::error));
  EXPECT_TRUE(logger.enabled(LogType::warning));
  EXPECT_TRUE(logger.enabled(LogType::notice));
  EXPECT_TRUE(logger.enabled(LogType::info));
  EXPECT_FALSE(logger.enabled(LogType::debug));
  EXPECT_FALSE(logger.enabled(LogType::none));
}

TEST(Logger, drops_what_its_mask_leaves_out) {
  Lines logger;
  logger.set_mask(static_cast<uint32_t>(LogType::debug));
  logger.log(LogType::error, "lost");
  logger.log(LogType::debug, "kept");
  EXPECT_EQ(logger.lines, std::vector<std::string>{"16 kept"});
}

TEST(Logger, formats_a_line) {
  Lines logger;
  LOG_TO(logger, LogType::warning, "client {} sent {} bytes", "a", 7);
  LOG_TO(logger, LogType::error, "no arguments");
  EXPECT_EQ(logger.lines, (std::vector<std::string>{"4 client a sent 7 bytes", "8 no arguments"}));
}

TEST(Logger, does_not_evaluate_the_arguments_of_a_disabled_line) {
  Lines logger;
  int evaluated = 0;
  LOG_TO(logger, LogType::debug, "{}", ++evaluated);
  EXPECT_EQ(evaluated, 0);
  EXPECT_TRUE(logger.lines.empty());
}

TEST(NullLogger, has_every_type_disabled) {
  NullLogger logger;
  EXPECT_FALSE(logger.enabled(LogType::all));
  logger.log(LogType::error, "nowhere");
}

}  // namespace
}  // namespace tombo
