#include "config/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/parser.h"

namespace tombo::config {
namespace {

/// A directory of its own, removed afterwards.
class DiskFilesTest : public testing::Test {
 protected:
  DiskFilesTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tombo-config-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }

  ~DiskFilesTest() override { std::filesystem::remove_all(directory); }

  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory + "/" + name, std::ios::binary) << text;
    return directory + "/" + name;
  }

  std::string directory;
  DiskFiles files;
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
  const Result<std::string> read = files.read(write("a.conf", text));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, text);
  EXPECT_EQ(*files.read(write("empty.conf", "")), "");
}

TEST_F(DiskFilesTest, says_what_it_cannot_open) {
  const Result<std::string> missing = files.read(directory + "/none.conf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "Error: Unable to open config file " + directory + "/none.conf.");
  EXPECT_EQ(missing.error().code, 1);

  const Result<std::string> folder = files.read(directory);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().text, "Error: Config file " + directory + " is a directory.");
  EXPECT_EQ(folder.error().code, 1);
}

TEST_F(DiskFilesTest, lists_the_names_in_a_directory) {
  write("b.conf", "");
  write("a.txt", "");
  Result<std::vector<std::string>> names = files.list(directory);
  ASSERT_TRUE(names);
  std::ranges::sort(*names);
  EXPECT_EQ(*names, (std::vector<std::string>{"a.txt", "b.conf"}));

  const Result<std::vector<std::string>> missing = files.list(directory + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text, "Error: Unable to open include_dir '" + directory + "/none'.");
  EXPECT_EQ(missing.error().code, 3);
}

TEST_F(DiskFilesTest, feeds_the_parser_with_included_files) {
  std::filesystem::create_directory(directory + "/conf.d");
  write("conf.d/b.conf", "sys_interval 2\nbogus\n");
  write("conf.d/a.conf", "sys_interval 1\n");
  const std::string main = write("main.conf", "include_dir " + directory + "/conf.d\n");
  const Result<ParseOutcome> outcome = parse_file(files, main, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text,
            "Error: Unknown configuration variable \"bogus\".\n"
            "Error found at " +
                directory +
                "/conf.d/b.conf:2.\n"
                "Error found at " +
                main + ":1.");
}

}  // namespace
}  // namespace tombo::config
