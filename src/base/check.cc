#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace tombo {

void check_failed(const char* file, int line, const char* condition,
                  std::string_view text) noexcept {
  // stdio, not the logger: the logger may be what is broken, and one fprintf is one write.
  std::fprintf(stderr, "%s:%d: check failed: %s%s%.*s\n", file, line, condition,
               text.empty() ? "" : ": ", static_cast<int>(text.size()), text.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace tombo
