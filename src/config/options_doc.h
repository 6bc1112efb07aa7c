#pragma once

#include <string>

namespace tombo::config {

/// docs/MOSQUITTO.md: every option of the table in Markdown.
std::string options_doc();

}  // namespace tombo::config
