#include "config/survey.h"

#include <algorithm>

namespace tombo::config {

bool Survey::is_startable() const {
  return faults.empty() && std::ranges::none_of(uses, &Use::refused);
}

bool Survey::has_use_of(std::string_view option) const {
  return std::ranges::any_of(uses, [option](const Use& use) { return use.option->name == option; });
}

}  // namespace tombo::config
