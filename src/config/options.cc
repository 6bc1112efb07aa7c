#include "config/options.h"

#include <algorithm>
#include <vector>

#include "config/option_tables.h"

namespace tombo::config {
namespace {

std::vector<Option> all_tables() {
  std::vector<Option> all;
  for (const std::span<const Option> table :
       {general_options(), listener_options(), limit_options(), later_options()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> kAll = all_tables();
  return kAll;
}

const Option* find_option(std::string_view name) {
  const std::span<const Option> all = options();
  const auto found = std::ranges::find_if(all, [&](const Option& option) {
    return option.name.ends_with('_') ? name.starts_with(option.name) : name == option.name;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace tombo::config
