#include "base/result.h"

#include <fmt/core.h>

namespace tombo {

Error Error::with(std::string_view what, std::string_view name) const {
  return Error{fmt::format("{} {}: {}", what, name, text), code};
}

}  // namespace tombo
