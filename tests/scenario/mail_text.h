#pragma once

#include <string>

#include "broker/mail.h"
#include "broker/ports/store.h"

namespace tombo::scenario {

/// A mail in words: "Publish q1 r0 topic="a" token".
std::string describe(const broker::Mail& mail);

/// A store batch in one line.
std::string describe(const broker::StoreBatch& batch);

}  // namespace tombo::scenario
