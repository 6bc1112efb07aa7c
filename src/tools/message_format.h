#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tombo/types.h"

namespace tombo::tools {

/// The language of option -F: literal text with `%`, `@` and `\` in it, see the man page of
/// mosquitto_sub.
/// ```
/// Result<MessageFormat> format = MessageFormat::parse("%t %p", false);
/// std::cout << format->print(message, now);
/// ```
class MessageFormat {
 public:
  /// The error is for the user. `is_v2_0`: the JSON of Mosquitto 2.0.
  static Result<MessageFormat> parse(std::string_view text, bool is_v2_0);

  void set_pretty(bool pretty) { pretty_ = pretty; }

  struct Printed {
    std::string text;
    std::string problem;  ///< a line for the user; empty: none
  };

  [[nodiscard]] Printed print(const client::Received& message, const timespec& at) const;

 private:
  struct Piece {
    enum class Kind : uint8_t { literal, field, time };
    Kind kind{};
    std::string text;  ///< literal; of time: a format of strftime, "N" for nanoseconds
    char field = 0;
    bool left = false;
    bool zeros = false;
    int width = 0;
    int precision = -1;
    char separator = ' ';
  };

  class Parser;
  class FieldPrinter;

  void print_field(const Piece& piece, const client::Received& message, const timespec& at,
                   Printed& out) const;

  std::vector<Piece> pieces_;
  bool is_v2_0_ = false;
  bool pretty_ = false;
};

}  // namespace tombo::tools
