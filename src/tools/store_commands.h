#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tombo::tools {

/// A subcommand of tombo_db that works on the folder of a store.
struct StoreCommand {
  std::string_view name;
  std::string_view arguments;  ///< For the usage: "STORE FILE".
  size_t argument_count = 0;
  std::string_view help;
  /// Requires: as many arguments. Gives the exit status.
  int (*run)(std::span<char* const> arguments);
};

std::span<const StoreCommand> store_commands();

}  // namespace tombo::tools
