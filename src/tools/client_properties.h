#pragma once

#include <span>
#include <string>
#include <string_view>

#include "tools/client_options.h"

namespace tombo::tools {

/// Option -D: COMMAND PROPERTY VALUE, or COMMAND user-property NAME VALUE; takes what it needs off
/// the front of `arguments`. Gives what is wrong; empty: nothing.
std::string apply_property(ClientOptions& options, std::span<const std::string_view>& arguments);

}  // namespace tombo::tools
