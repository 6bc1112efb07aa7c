#include "server/log_sink.h"

#include <cstdio>
#include <fstream>
#include <latch>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& path) {
  Lines lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class LogSinkTest : public testing::Test {
 protected:
  LogSinkTest() : path(testing::TempDir() + "tombo_log_" + std::to_string(::getpid())) {
    settings.log_dest_stderr = false;
    settings.log_dest_file = path;
    settings.log_timestamp = false;
    std::remove(path.c_str());
  }

  void TearDown() override { std::remove(path.c_str()); }

  void open() {
    const Result<void> opened = sink->open(settings);
    ASSERT_TRUE(opened) << opened.error().text;
  }

  /// What is in the file once all has been written.
  Lines finish() {
    sink.reset();
    return lines_of(path);
  }

  std::string path;
  config::LogConfig settings;
  std::unique_ptr<LogSink> sink = std::make_unique<LogSink>();
};

TEST_F(LogSinkTest, writes_the_types_that_a_thread_wants) {
  open();
  ThreadLogger logger(*sink, config::kLogDefault);
  logger.log(LogType::notice, "one");
  logger.log(LogType::debug, "two");
  LOG_TO(logger, LogType::error, "three {}", 3);
  logger.set_types(config::kLogAll);
  logger.log(LogType::debug, "four");
  EXPECT_EQ(finish(), (Lines{"one", "three 3", "four"}));
}

TEST_F(LogSinkTest, puts_seconds_in_front) {
  settings.log_timestamp = true;
  open();
  sink->write(LogType::info, "text");
  const Lines lines = finish();
  ASSERT_EQ(lines.size(), 1U);
  const size_t colon = lines[0].find(": ");
  EXPECT_GT(std::stoll(lines[0].substr(0, colon)), 1'700'000'000);
  EXPECT_EQ(lines[0].substr(colon), ": text");
}

TEST_F(LogSinkTest, puts_a_time_of_any_form_in_front) {
  settings.log_timestamp = true;
  settings.log_timestamp_format = "%Y at";
  open();
  sink->write(LogType::info, "text");
  const Lines lines = finish();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].substr(0, 2), "20");
  EXPECT_EQ(lines[0].substr(4), " at: text");
}

TEST_F(LogSinkTest, cuts_long_lines) {
  open();
  sink->write(LogType::info, std::string(5000, 'x'));
  const Lines lines = finish();
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], std::string(LogSink::kLineBytesMax, 'x'));
}

TEST_F(LogSinkTest, opens_a_file_that_was_moved_away_anew) {
  const std::string moved = path + ".1";
  open();
  sink->write(LogType::info, "old");
  // Exchanging the destinations does not wait for lines under way, so wait for this one.
  while (lines_of(path).empty()) continue;
  std::rename(path.c_str(), moved.c_str());
  open();
  sink->write(LogType::info, "new");
  EXPECT_EQ(finish(), Lines{"new"});
  EXPECT_EQ(lines_of(moved), Lines{"old"});
  std::remove(moved.c_str());
}

TEST_F(LogSinkTest, the_file_is_for_its_owner_alone) {
  open();

  struct stat status {};

  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(LogSinkTest, a_file_that_cannot_be_opened_leaves_the_old_one_in_place) {
  open();
  settings.log_dest_file = "/nonexistent/log";
  const Result<void> opened = sink->open(settings);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().text,
            "Error: Unable to open log file /nonexistent/log for writing: "
            "No such file or directory.");
  sink->write(LogType::info, "still here");
  EXPECT_EQ(finish(), Lines{"still here"});
}

TEST_F(LogSinkTest, publishes_lines_by_type_but_never_debug) {
  settings.log_dest_file.clear();
  settings.log_dest_topic = true;
  Lines published;
  sink->set_topic_writer([&published](const std::string& topic, std::string_view line) {
    published.push_back(topic + " " + std::string(line));
  });
  open();
  for (const auto& [type, line] :
       std::vector<std::pair<LogType, std::string>>{{LogType::error, "e"},
                                                    {LogType::debug, "d"},
                                                    {LogType::subscribe, "s"},
                                                    {LogType::internal, "i"},
                                                    {LogType::notice, "n"}}) {
    sink->write(type, line);
  }
  sink.reset();
  EXPECT_EQ(published,
            (Lines{"$SYS/broker/log/E e", "$SYS/broker/log/M/subscribe s", "$SYS/broker/log/N n"}));
}

TEST_F(LogSinkTest, throws_the_oldest_away_when_writing_is_too_slow) {
  settings.log_dest_topic = true;
  std::latch blocked(1);
  std::latch go_on(1);
  sink->set_topic_writer([&](const std::string& /*topic*/, std::string_view line) {
    if (line != "first") return;
    blocked.count_down();
    go_on.wait();
  });
  open();
  sink->write(LogType::info, "first");
  blocked.wait();
  for (size_t i = 0; i < LogSink::kLinesMax + 10; ++i) {
    sink->write(LogType::info, std::to_string(i));
  }
  EXPECT_EQ(sink->take_lost(), 10U);
  EXPECT_EQ(sink->take_lost(), 0U);
  go_on.count_down();
  const Lines lines = finish();
  ASSERT_EQ(lines.size(), LogSink::kLinesMax + 1);
  EXPECT_EQ(lines[1], "10");
  EXPECT_EQ(lines.back(), std::to_string(LogSink::kLinesMax + 9));
}

}  // namespace
}  // namespace tombo::server
