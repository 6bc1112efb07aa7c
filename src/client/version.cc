#include "tombo/version.h"

namespace tombo::client {

std::string_view version() {
  return TOMBO_VERSION;
}

}  // namespace tombo::client
