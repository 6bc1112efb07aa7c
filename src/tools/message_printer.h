#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "tools/client_options.h"

namespace tombo::tools {

/// Prints received messages as the options want them. What comes together is written together.
class MessagePrinter {
 public:
  /// `options` outlives it.
  explicit MessagePrinter(const ClientOptions& options) : options_(options) {}

  void print(const client::Received& message);
  void print(std::string_view text);

  /// On standard error, unless the user wants none; behind all that was printed.
  void complain(std::string_view text);

  void flush();

  /// Nobody takes the output any more.
  [[nodiscard]] bool has_failed() const { return failed_; }

 private:
  const ClientOptions& options_;
  std::string out_;
  std::map<std::string, size_t> rows_;  // Of the terminal, by topic.
  bool failed_ = false;
};

}  // namespace tombo::tools
