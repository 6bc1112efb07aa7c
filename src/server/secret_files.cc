#include "server/secret_files.h"

#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>

#include <fmt/core.h>

namespace tombo::server {
namespace {

/// Exit status of a file that is not there, which a link is not either for Mosquitto 2.1.
constexpr int kCannotOpen = 13;

bool is_link(const std::string& path) {
  struct stat about {};

  return ::lstat(path.c_str(), &about) == 0 && S_ISLNK(about.st_mode);
}

/// Refuses links among files of one option.
Result<void> refuse_links(std::string_view option, const std::set<std::string>& paths) {
  for (const std::string& path : paths) {
    if (!is_link(path)) continue;
    return Error{fmt::format("Error: Unable to open {0} \"{1}\".\n"
                             "Error: It is a symbolic link. Name the file itself, or set "
                             "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS in the environment.",
                             option, path),
                 kCannotOpen};
  }
  return {};
}

void warn(const std::string& path, std::vector<config::Notice>& notices) {
  struct stat about {};

  if (path.empty() || ::stat(path.c_str(), &about) != 0) return;
  const bool is_readable = (about.st_mode & S_IROTH) != 0;
  const bool is_writable = (about.st_mode & S_IWOTH) != 0;
  const auto add = [&notices](std::string text) {
    notices.push_back({LogType::warning, std::move(text)});
  };
  if (is_readable) add(fmt::format("Warning: File {} has world readable permissions.", path));
  if (is_writable) add(fmt::format("Warning: File {} has world writable permissions.", path));
  if (is_readable || is_writable) add(fmt::format("To fix this, use `chmod 0700 {}`.", path));
}

}  // namespace

Result<std::vector<config::Notice>> check_secret_files(const config::Config& config) {
  std::set<std::string> password_files;
  std::set<std::string> scram_files;
  std::set<std::string> psk_files;
  std::set<std::string> keyfiles;
  for (const config::ListenerConfig& listener : config.listeners) {
    password_files.insert(config.password_file_for(listener));
    scram_files.insert(config.scram_file_for(listener));
    psk_files.insert(config.psk_file_for(listener));
    keyfiles.insert(listener.keyfile);
  }
  if (!config.is_v2_0() && std::getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") == nullptr) {
    if (const auto done = refuse_links("pwfile", password_files); !done) return done.error();
    if (const auto done = refuse_links("scram_file", scram_files); !done) return done.error();
    if (const auto done = refuse_links("psk_file", psk_files); !done) return done.error();
  }
  std::vector<config::Notice> notices;
  for (const auto* paths : {&password_files, &scram_files, &psk_files, &keyfiles}) {
    for (const std::string& path : *paths) warn(path, notices);
  }
  return notices;
}

}  // namespace tombo::server
