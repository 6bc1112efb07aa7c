#include "server/secret_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

namespace fs = std::filesystem;

class SecretFiles : public testing::Test {
 protected:
  SecretFiles() {
    std::string name = testing::TempDir() + "tombo-secrets-XXXXXX";
    folder = ::mkdtemp(name.data());
    ::unsetenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS");
    config.listeners.resize(2);
  }

  ~SecretFiles() override {
    ::unsetenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS");
    fs::remove_all(folder);
  }

  [[nodiscard]] std::string file(const std::string& name, int mode) const {
    std::ofstream(folder / name) << "x";
    fs::permissions(folder / name, fs::perms(mode));
    return folder / name;
  }

  [[nodiscard]] std::string link(const std::string& name) const {
    fs::create_symlink(file("real-" + name, 0600), folder / name);
    return folder / name;
  }

  /// The lines of the log, or the error's.
  [[nodiscard]] std::string lines() const {
    const auto notices = check_secret_files(config);
    if (!notices) return notices.error().text;
    std::string text;
    for (const config::Notice& notice : *notices) {
      EXPECT_EQ(notice.type, LogType::warning);
      text += notice.text + "\n";
    }
    return text;
  }

  fs::path folder;
  config::Config config;
};

TEST_F(SecretFiles, of_the_owner_and_the_group_are_fine) {
  config.password_file = file("pw", 0640);
  config.listeners[0].keyfile = file("key", 0600);
  EXPECT_EQ(lines(), "");
}

TEST_F(SecretFiles, that_all_can_read_are_told_once) {
  config.password_file = file("pw", 0644);
  EXPECT_EQ(lines(), "Warning: File " + config.password_file +
                         " has world readable permissions.\nTo fix this, use `chmod 0700 " +
                         config.password_file + "`.\n");
}

TEST_F(SecretFiles, that_all_can_write_are_told) {
  config.listeners[1].keyfile = file("key", 0602);
  EXPECT_EQ(lines(), "Warning: File " + config.listeners[1].keyfile +
                         " has world writable permissions.\nTo fix this, use `chmod 0700 " +
                         config.listeners[1].keyfile + "`.\n");
}

TEST_F(SecretFiles, of_a_listener_are_looked_at) {
  config.per_listener_settings = true;
  config.listeners[1].password_file = file("pw", 0644);
  config.listeners[1].psk_hint = "hint";
  config.listeners[1].psk_file = file("psk", 0646);
  const std::string text = lines();
  EXPECT_NE(text.find("pw has world readable"), std::string::npos) << text;
  EXPECT_NE(text.find("psk has world readable"), std::string::npos) << text;
  EXPECT_NE(text.find("psk has world writable"), std::string::npos) << text;
}

TEST_F(SecretFiles, that_are_missing_are_not_told_here) {
  config.password_file = folder / "none";
  EXPECT_EQ(lines(), "");
}

TEST_F(SecretFiles, that_are_links_are_refused_in_2_1) {
  config.password_file = link("pw");
  const auto notices = check_secret_files(config);
  ASSERT_FALSE(notices);
  EXPECT_EQ(notices.error().code, 13);
  EXPECT_TRUE(lines().starts_with("Error: Unable to open pwfile \"" + config.password_file +
                                  "\".\nError: It is a symbolic link."));
  ::setenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1", 1);
  EXPECT_EQ(lines(), "");
}

TEST_F(SecretFiles, that_are_links_are_taken_in_2_0) {
  config.compatibility = config::Compatibility::v2_0;
  config.password_file = link("pw");
  EXPECT_EQ(lines(), "");
}

TEST_F(SecretFiles, with_shared_keys_are_no_links_in_2_1) {
  config.listeners[0].psk_hint = "hint";
  config.psk_file = link("psk");
  EXPECT_TRUE(lines().starts_with("Error: Unable to open psk_file \""));
}

TEST_F(SecretFiles, with_keys_of_scram_are_as_those_with_passwords) {
  config.scram_file = file("scram", 0644);
  EXPECT_TRUE(lines().starts_with("Warning: File " + config.scram_file + " has world readable"));
  config.scram_file = link("other");
  EXPECT_TRUE(lines().starts_with("Error: Unable to open scram_file \""));
}

TEST_F(SecretFiles, of_lets_encrypt_are_links) {
  config.listeners[0].keyfile = link("privkey.pem");
  EXPECT_EQ(lines(), "");
}

}  // namespace
}  // namespace tombo::server
