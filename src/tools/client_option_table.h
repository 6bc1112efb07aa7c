#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "tools/client_options.h"

namespace tombo::tools {

/// Arguments of one option.
using OptionValues = std::span<const std::string_view>;

/// One row: an option of the clients of the command line, as Mosquitto has it.
struct ClientOption {
  std::string_view name;
  std::string_view synonym;  ///< empty: none
  uint8_t tools = 0;         ///< bits of ClientTool
  std::string_view values;   ///< for the help: "port"; empty: it takes none
  /// Gives what is wrong; empty: nothing.
  std::string (*set)(ClientOptions& options, std::string_view value);
  std::string_view help;
};

std::span<const ClientOption> client_option_table();

}  // namespace tombo::tools
