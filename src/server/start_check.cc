#include "server/start_check.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "auth/access_control.h"
#include "auth/password_authenticator.h"
#include "net/endpoint.h"
#include "net/listener.h"
#include "server/config_files.h"
#include "server/listen_place.h"
#include "server/mosquitto_database.h"
#include "server/persistence.h"
#include "server/privileges.h"
#include "server/tls_setup.h"

namespace tombo::server {
namespace {

void add(std::vector<std::string>& lines, std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

/// 0: the process may do so with its effective ids; else an errno.
int why_not(const std::string& path, int mode) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) == 0 ? 0 : errno;
}

/// Why a file cannot be made at this path; 0: it can.
int why_not_made(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return why_not(folder.empty() ? "." : folder, W_OK | X_OK);
}

/// Why a file that the broker writes, and makes if it is not there, cannot be written; 0: it can.
int why_not_written(const std::string& path) {
  int error = why_not(path, W_OK);
  if (error == ENOENT) error = why_not_made(path);
  std::error_code ignored;
  if (error == 0 && std::filesystem::is_directory(path, ignored)) error = EISDIR;
  return error;
}

void add_unwritable(std::string_view option, const std::string& path, int error,
                    StartCheck& check) {
  if (error == 0) return;
  check.problems.push_back(fmt::format("Error: Unable to write \"{}\": {}. Check {}.", path,
                                       std::strerror(error), option));
}

void check_files(const std::shared_ptr<const config::Config>& config, Passphrases& passphrases,
                 StartCheck& check) {
  if (const auto logins = auth::load_logins(config); !logins) {
    add(check.problems, logins.error().text);
  }
  if (const auto rights = auth::load_access_control(*config, auth::read_acl_file); !rights) {
    add(check.problems, rights.error().text);
  }
  if (const auto keys = check_unused_psk_files(*config); !keys) {
    add(check.problems, keys.error().text);
  }
  TlsContexts contexts;
  for (const config::ListenerConfig& listener : config->listeners) {
    if (!listener.uses_tls()) continue;
    auto context = make_tls_context(*config, listener, passphrases);
    if (context) {
      contexts.push_back(std::move(*context));
    } else {
      add(check.problems, context.error().text);
    }
  }
  for (std::string& warning : warnings_of(contexts)) check.notes.push_back(std::move(warning));
  const std::string& log = config->log.log_dest_file;
  if (!log.empty()) add_unwritable("log_dest", log, why_not_written(log), check);
  const std::string& pid = config->pid_file;
  if (!pid.empty()) add_unwritable("pid_file", pid, why_not_written(pid), check);
}

std::string name_of(const config::ListenerConfig& listener, const net::Endpoint& endpoint) {
  return fmt::format("the listener on port {} ({})", listener.port, net::to_text(endpoint.address));
}

/// One address of a listener; false: it cannot be opened, whoever runs now.
bool check_endpoint(const config::ListenerConfig& listener, const net::Endpoint& endpoint,
                    StartCheck& check, bool required) {
  const int error = net::try_to_bind(endpoint);
  if (error == 0) return true;
  if (error == EADDRINUSE) {
    check.notes.push_back(
        fmt::format("Note: The port of {} is in use, perhaps by the broker that is running.",
                    name_of(listener, endpoint)));
    return true;
  }
  if (required) {
    check.problems.push_back(fmt::format("Error: Unable to open {}: {}.",
                                         name_of(listener, endpoint), std::strerror(error)));
  }
  return false;
}

void check_ports(const config::Config& config, StartCheck& check) {
  bool any = false;
  for (const config::ListenerConfig& listener : config.listeners) {
    if (!listener.unix_path.empty()) {
      add_unwritable("listener", listener.unix_path, why_not_made(listener.unix_path), check);
      any = true;
      continue;
    }
    const auto endpoints = net::resolve(place_of(listener));
    // In local only mode one of the two loopback addresses is enough.
    if (!endpoints && config.local_only) continue;
    if (!endpoints) {
      check.problems.push_back(
          fmt::format("Error: Unable to open the listener on port {} of \"{}\": {}.", listener.port,
                      listener.host, endpoints.error().text));
      continue;
    }
    for (const net::Endpoint& endpoint : *endpoints) {
      any |= check_endpoint(listener, endpoint, check, !config.local_only);
    }
  }
  if (!any && check.problems.empty()) {
    check.problems.emplace_back("Error: No listener could be opened.");
  }
}

}  // namespace

StartCheck check_start(const std::shared_ptr<const config::Config>& config,
                       Passphrases& passphrases) {
  StartCheck check;
  check_files(config, passphrases, check);
  check_ports(*config, check);
  return check;
}

void check_rights(const config::Config& config, const std::optional<std::string>& config_file,
                  StartCheck& check) {
  std::vector<std::string> unreadable = unreadable_files(config);
  if (const auto line = unreadable_config(config_file)) unreadable.push_back(*line);
  for (const std::string& line : unreadable) {
    check.notes.push_back(
        fmt::format("Warning: {}, so the configuration could not be reloaded.", line));
  }
  const std::string& log = config.log.log_dest_file;
  if (!log.empty() && why_not_written(log) == EACCES) {
    check.notes.push_back(fmt::format(
        "Warning: log_dest {} cannot be written by user {}, so it could not be opened again after "
        "a rotation.",
        log, own_user_name()));
  }
  if (const Result<void> fine = check_store_rights(config); !fine) {
    check.problems.push_back(fine.error().text);
  } else if (const Result<void> usable = check_database(config); !usable) {
    add(check.problems, usable.error().text);
  }
}

}  // namespace tombo::server
