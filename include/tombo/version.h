#pragma once

#include <string_view>

namespace tombo::client {

/// Of the library: "0.1.0".
std::string_view version();

}  // namespace tombo::client
