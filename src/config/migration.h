#pragma once

#include <string>

#include "config/config.h"
#include "config/survey.h"

namespace tombo::config {

/// What --check-migration prints: what would be different from Mosquitto for the configuration in
/// `path`, with places, out of the option tables.
std::string migration_report(const std::string& path, Compatibility compatibility,
                             const Survey& survey);

}  // namespace tombo::config
