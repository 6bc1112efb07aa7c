#include "server/daemon.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PidFile, holds_the_process_id_while_it_lives) {
  const std::string path = testing::TempDir() + "tombo_pid_" + std::to_string(::getpid());
  {
    Result<PidFile> file = PidFile::open(path);
    ASSERT_TRUE(file && file->write());
    EXPECT_EQ(text_of(path), std::to_string(::getpid()));
    const PidFile kept = std::move(*file);
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(PidFile, says_when_it_cannot_be_written) {
  const Result<PidFile> file = PidFile::open("/nonexistent/folder/pid");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().text, "Error: Unable to write pid file.");
  EXPECT_EQ(file.error().code, 1);
}

TEST(PidFile, without_a_path_there_is_none) {
  EXPECT_TRUE(PidFile::open("")->write());
}

TEST(RaiseDescriptorLimit, goes_up_to_the_hard_limit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 100;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  raise_descriptor_limit();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
}

}  // namespace
}  // namespace tombo::server
