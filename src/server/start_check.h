#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "server/passphrases.h"

namespace tombo::server {

/// What `tombo --test-config` has found, in lines for a person.
struct StartCheck {
  std::vector<std::string> problems;  ///< A start would fail with each of them.
  std::vector<std::string> notes;     ///< Worth knowing, but perhaps as it should be.
};

/// Opens and reads what a start with this configuration would: passwords, rights, certificates and
/// keys, log and pid file, ports. With the rights of the process, root's if root starts it; changes
/// nothing. A port in use is a note: a configuration is tested beside the broker that is to read
/// it.
StartCheck check_start(const std::shared_ptr<const config::Config>& config,
                       Passphrases& passphrases);

/// Adds what the process needs later, as the user that the broker becomes and this process is now:
/// files of a reload that he may not read and a log that he may not open again are notes, a store
/// that he may not use is a problem.
void check_rights(const config::Config& config, const std::optional<std::string>& config_file,
                  StartCheck& check);

}  // namespace tombo::server
