#pragma once

#include <vector>

#include "base/bytes.h"
#include "mqtt/message.h"

/// Messages on disk, in frames and as retained ones: docs/formats/frame.md.
namespace tombo::store {

void append_message(std::vector<uint8_t>& out, const mqtt::MessageParts& parts);

/// Views of what `reader` reads from. False: this is not a message, `parts` is not to be used.
/// `sequence` is not kept: it orders messages of one run of the broker.
[[nodiscard]] bool read_message(ByteReader& reader, mqtt::MessageParts& parts);

/// What a message is made of, to be written.
[[nodiscard]] mqtt::MessageParts parts_of(const mqtt::Message& message);

}  // namespace tombo::store
