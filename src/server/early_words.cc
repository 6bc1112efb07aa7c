#include "server/early_words.h"

#include <cstdio>
#include <string>

#include <fmt/core.h>

#include "server/clock.h"

namespace tombo::server {

void say(std::string_view text) {
  fmt::print(stderr, "{}: {}\n", read_clock().wall_s(), text);
}

int fail(const Error& error) {
  std::string_view rest = error.text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    say(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return error.code;
}

void EarlyLines::write(LogType type, std::string_view line) {
  lines_.push_back({type, std::string(line)});
}

}  // namespace tombo::server
