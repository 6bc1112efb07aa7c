#include "server/config_files.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include <fmt/core.h>

#include "server/privileges.h"

namespace tombo::server {
namespace {

bool is_kept_from(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
}

std::string line_about(const ConfigFile& file) {
  return fmt::format("{} {} cannot be read by user {}", file.option, file.path, own_user_name());
}

}  // namespace

std::vector<ConfigFile> config_files(const config::Config& config) {
  std::vector<ConfigFile> files;
  const auto add = [&files](std::string_view option, const std::string& path) {
    if (path.empty() || std::ranges::find(files, path, &ConfigFile::path) != files.end()) return;
    files.push_back({std::string(option), path});
  };
  for (const config::ListenerConfig& listener : config.listeners) {
    if (listener.closed) continue;
    add("password_file", config.password_file_for(listener));
    add("scram_file", config.scram_file_for(listener));
    add("acl_file", config.acl_file_for(listener));
    add("psk_file", config.psk_file_for(listener));
    if (!listener.uses_tls()) continue;
    add("certfile", listener.certfile);
    if (listener.tls_keyform != config::TlsKeyForm::engine) add("keyfile", listener.keyfile);
    add("cafile", listener.cafile);
    add("capath", listener.capath);
    add("crlfile", listener.crlfile);
    add("ocsp_file", listener.ocsp_file);
    add("dhparamfile", listener.dhparamfile);
  }
  return files;
}

std::vector<std::string> unreadable_files(const config::Config& config) {
  std::vector<std::string> lines;
  for (const ConfigFile& file : config_files(config)) {
    if (is_kept_from(file.path)) lines.push_back(line_about(file));
  }
  return lines;
}

std::optional<std::string> unreadable_config(const std::optional<std::string>& path) {
  if (!path || !is_kept_from(*path)) return std::nullopt;
  return line_about({"Configuration file", *path});
}

}  // namespace tombo::server
