#pragma once

#include <memory>
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
/// keys, log and pid file, ports. As the user that the process is now; changes nothing. A port in
/// use is a note: a configuration is tested beside the broker that is to read it.
StartCheck check_start(const std::shared_ptr<const config::Config>& config,
                       Passphrases& passphrases);

}  // namespace tombo::server
