#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/options.h"

namespace tombo::config {

/// What a configuration uses and what is wrong with it, each with its place: for a report on all of
/// it, where a start would end at the first error.
struct Survey {
  /// A line with a known option.
  struct Use {
    const Option* option = nullptr;
    std::string name;      ///< As it stands there: plugin_opt_x.
    std::string place;     ///< "FILE:LINE"
    bool refused = false;  ///< It is not supported yet, with this value.
  };

  /// Why a start would fail, other than by a refused option.
  struct Fault {
    std::string text;
    std::string place;  ///< Empty: the command line.
  };

  std::vector<Use> uses;
  std::vector<Fault> faults;

  /// Would the broker start, as far as the configuration goes?
  [[nodiscard]] bool is_startable() const;
  [[nodiscard]] bool has_use_of(std::string_view option) const;
};

}  // namespace tombo::config
