#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "config/draft.h"

namespace tombo::server {

/// A line on standard error in the form of the log, while there is none yet.
void say(std::string_view text);

/// Says why the process ends, and gives its exit status.
int fail(const Error& error);

/// Keeps lines for a log that is not open yet.  Bound: what a start has to say.
class EarlyLines final : public Logger {
 public:
  /// `types` as in LogConfig::log_type.
  explicit EarlyLines(uint32_t types) { set_mask(types); }

  [[nodiscard]] const std::vector<config::Notice>& lines() const { return lines_; }

 private:
  void write(LogType type, std::string_view line) override;

  std::vector<config::Notice> lines_;
};

}  // namespace tombo::server
