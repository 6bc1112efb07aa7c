#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.h"

namespace tombo::server {

/// A file that a configuration names.
struct ConfigFile {
  std::string option;  ///< Such as "keyfile".
  std::string path;
};

/// The files that are read at the start and again by each reload, each once; without the
/// configuration itself.
std::vector<ConfigFile> config_files(const config::Config& config);

/// Those that are there but may not be read by this process, in lines for the log that begin with
/// the option.
std::vector<std::string> unreadable_files(const config::Config& config);
/// The same of the configuration itself.
std::optional<std::string> unreadable_config(const std::optional<std::string>& path);

}  // namespace tombo::server
