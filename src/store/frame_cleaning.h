#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "store/frame.h"
#include "store/frame_index.h"

namespace tombo::store {

/// Adds all that lives in frame `number` to the frame that `index` has begun, so that nothing lives
/// there any more. Sequences stay, and with them the order of the queues. Gives the number of
/// messages that were added. Error: the frame is damaged.
Result<uint32_t> write_living_again(FrameNumber number, Bytes frame, FrameIndex& index,
                                    FrameWriter& writer);

}  // namespace tombo::store
