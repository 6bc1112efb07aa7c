#include "tools/locked_file.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

namespace tombo::tools {
namespace {

namespace fs = std::filesystem;

class LockedFiles : public testing::Test {
 protected:
  LockedFiles() {
    std::string name = testing::TempDir() + "tombo-locked-XXXXXX";
    folder = ::mkdtemp(name.data());
    path = folder / "file";
  }

  ~LockedFiles() override { fs::remove_all(folder); }

  void write(const std::string& text) const { std::ofstream(path) << text; }

  [[nodiscard]] std::string text() const {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  [[nodiscard]] std::ptrdiff_t entries() const {
    return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  }

  [[nodiscard]] std::string error(Links links = Links::refuse) const {
    const Result<LockedFile> file = LockedFile::open(path, links);
    return file ? std::string() : file.error().text;
  }

  [[nodiscard]] std::string name() const {
    return "Error: Unable to open password file " + path.string();
  }

  fs::path folder;
  fs::path path;
};

TEST_F(LockedFiles, are_read_and_replaced) {
  write("old");
  const Result<LockedFile> file = LockedFile::open(path, Links::refuse);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->read(), "old");
  ASSERT_TRUE(file->replace("new"));
  EXPECT_EQ(text(), "new");
  EXPECT_EQ(entries(), 1);
}

TEST_F(LockedFiles, keep_their_mode) {
  write("old");
  fs::permissions(path, fs::perms(0640));
  ASSERT_TRUE(LockedFile::open(path, Links::refuse)->replace("new"));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
}

TEST_F(LockedFiles, are_made_for_their_owner_alone) {
  ASSERT_TRUE(create_file(path, "new"));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0600));
  EXPECT_EQ(text(), "new");
}

TEST_F(LockedFiles, are_not_made_over_others) {
  write("old");
  const Result<void> made = create_file(path, "new");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().text,
            "Error: Unable to open file " + path.string() + " for writing. File exists.");
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(entries(), 1);
}

TEST_F(LockedFiles, follow_a_link_when_told) {
  std::ofstream(folder / "real") << "old";
  fs::create_symlink("real", path);
  EXPECT_EQ(error(Links::refuse),
            name() + ". It is a symbolic link, and MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is not set.");
  ASSERT_TRUE(LockedFile::open(path, Links::follow)->replace("new"));
  EXPECT_TRUE(fs::is_symlink(path));
  EXPECT_EQ(text(), "new");
}

TEST_F(LockedFiles, say_why_they_cannot_be_opened) {
  EXPECT_EQ(error(), name() + ". No such file or directory.");
  fs::create_directory(path);
  EXPECT_EQ(error(), name() + ". Is a directory.");
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(error(), name() + ". It is not a file.");
}

TEST_F(LockedFiles, have_a_largest_size) {
  write("");
  fs::resize_file(path, LockedFile::kBytesMax);
  EXPECT_TRUE(LockedFile::open(path, Links::refuse)->read());
  fs::resize_file(path, LockedFile::kBytesMax + 1);
  const Result<std::string> read = LockedFile::open(path, Links::refuse)->read();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text, name() + ". It has more than 67108864 bytes.");
}

TEST_F(LockedFiles, lose_nothing_when_many_change_them) {
  constexpr int kWriters = 8;
  constexpr int kRounds = 10;
  write("");
  std::vector<pid_t> children;
  for (int i = 0; i < kWriters; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int round = 0; round < kRounds; ++round) {
        const Result<LockedFile> file = LockedFile::open(path, Links::refuse);
        if (!file || !file->replace(*file->read() + "x")) ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(text(), std::string(size_t{kWriters} * kRounds, 'x'));
  EXPECT_EQ(entries(), 1);
}

}  // namespace
}  // namespace tombo::tools
