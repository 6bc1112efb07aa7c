#include "base/result.h"

#include <fmt/core.h>

namespace tombo {

Error Error::with(std::string_view what, std::string_view name) const {
  return Error{fmt::format("{} {}: {}", what, name, text), code};
}

void result_without_value(const Error* error) noexcept {
  CHECK(error == nullptr, error->text);
  UNREACHABLE();
}

}  // namespace tombo
