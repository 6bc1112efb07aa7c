#include "config/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace tombo::config {
namespace {

/// A directory of its own, removed afterwards.
class DiskFilesTest : public testing::Test {
 protected:
  DiskFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tombo-config-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }

  ~DiskFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
    return directory_ + "/" + name;
  }

  std::string directory_;
  DiskFiles files_;
};

TEST(IncludeOrder, puts_upper_case_before_the_same_lower_case_letter) {
  const std::vector<std::string> expected = {"00.conf", "01.conf", "A.conf",
                                             "a.conf",  "B.conf",  "b.conf"};
  EXPECT_EQ(in_include_order({"b.conf", "A.conf", "01.conf", "a.conf", "B.conf", "00.conf"}),
            expected);
}

TEST(IncludeOrder, takes_names_that_end_in_conf_alone) {
  const std::vector<std::string> expected = {".a.conf", "x.conf"};
  EXPECT_EQ(in_include_order({"x.conf", "x.conf~", ".conf", "conf", "x.CONF", ".a.conf", "x.con"}),
            expected);
}

TEST_F(DiskFilesTest, reads_the_whole_file_with_its_zero_bytes) {
  const std::string text("a\0b\n\xff\r\n", 7);
  const Result<std::string> read = files_.read(write("a.conf", text));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, text);
  EXPECT_EQ(*files_.read(write("empty.conf", "")), "");
}

TEST_F(DiskFilesTest, says_what_it_cannot_open) {
  const Result<std::string> missing = files_.read(directory_ + "/none.conf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text,
            "Error: Unable to open config file " + directory_ + "/none.conf.");
  EXPECT_EQ(missing.error().code, 1);

  const Result<std::string> directory = files_.read(directory_);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().text, "Error: Config file " + directory_ + " is a directory.");
  EXPECT_EQ(directory.error().code, 1);
}

TEST_F(DiskFilesTest, lists_the_names_in_a_directory) {
  write("b.conf", "");
  write("a.txt", "");
  Result<std::vector<std::string>> names = files_.list(directory_);
  ASSERT_TRUE(names);
  std::ranges::sort(*names);
  EXPECT_EQ(*names, (std::vector<std::string>{"a.txt", "b.conf"}));

  const Result<std::vector<std::string>> missing = files_.list(directory_ + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "Error: Unable to open include_dir '" + directory_ + "/none'.");
  EXPECT_EQ(missing.error().code, 3);
}

}  // namespace
}  // namespace tombo::config
