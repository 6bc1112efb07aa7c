#include "tools/message_printer.h"

#include <cstdio>
#include <ctime>
#include <utility>

#include <fmt/core.h>

namespace tombo::tools {
namespace {

/// Printed text that may wait before it is written.
constexpr size_t kPrintedMost = size_t{64} << 10;

timespec wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

}  // namespace

void MessagePrinter::print(const client::Received& message) {
  std::string line;
  std::string problem;
  if (options_.format) {
    MessageFormat::Printed printed = options_.format->print(message, wall_clock());
    line = std::move(printed.text);
    problem = std::move(printed.problem);
  } else {
    if (options_.verbose) line = fmt::format("{} ", message.topic);
    line += message.payload.empty() && options_.verbose ? "(null)" : message.payload;
  }
  if (options_.watches) {
    const size_t next = rows_.size() + 1;
    const size_t row = rows_.try_emplace(std::string(message.topic), next).first->second;
    return print(fmt::format("\x1b[{};1H\x1b[2K{}", row, line));
  }
  if (!options_.no_end_of_line) line += '\n';
  print(line);
  if (!problem.empty()) complain(problem);
}

void MessagePrinter::print(std::string_view text) {
  out_ += text;
  if (out_.size() >= kPrintedMost) flush();
}

void MessagePrinter::complain(std::string_view text) {
  flush();
  if (!options_.quiet) fmt::print(stderr, "{}", text);
}

void MessagePrinter::flush() {
  const bool written = std::fwrite(out_.data(), 1, out_.size(), stdout) == out_.size();
  out_.clear();
  if (std::fflush(stdout) != 0 || !written) failed_ = true;
}

}  // namespace tombo::tools
