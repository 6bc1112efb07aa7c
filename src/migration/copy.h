#pragma once

#include "base/result.h"
#include "migration/summary.h"

namespace tombo::store {
class FrameStore;
}

namespace tombo::migration {

/// Counts all that a store has; reads all of it, so it finds what is damaged. Error: where.
Result<Summary> count_store(store::FrameStore& store);

/// Writes all of `from` into `to`, which is empty, after count_store() has found it whole. Error:
/// as of both; `to` is of no use then.
Result<Summary> copy_store(store::FrameStore& from, store::FrameStore& to);

}  // namespace tombo::migration
