#pragma once

#include <span>

#include "config/options.h"

namespace tombo::config {

// The four parts of options(), for options.cc.
std::span<const Option> general_options();
std::span<const Option> listener_options();
std::span<const Option> limit_options();
std::span<const Option> later_options();

}  // namespace tombo::config
