#pragma once

#include "base/bytes.h"
#include "mosquitto_db/chunk.h"
#include "mosquitto_db/layout.h"

/// What stands in a chunk. Each function reads from the beginning of a body and fails by
/// `reader.ok()`; what it leaves unread does not belong to the chunk's fields.
namespace tombo::mosquitto_db {

/// Formats 5 and 6: fixed parts as a C compiler lays them out, then texts.
namespace padded {
Config read_config(ByteReader& reader, const Layout& layout);
Message read_message(ByteReader& reader, const Layout& layout);
ClientMessage read_client_message(ByteReader& reader, const Layout& layout);
Subscription read_subscription(ByteReader& reader);
Client read_client(ByteReader& reader, const Layout& layout);
}  // namespace padded

/// Formats 2 to 4: texts with their length in front, no padding.
namespace packed {
Config read_config(ByteReader& reader, const Layout& layout);
Message read_message(ByteReader& reader, const Layout& layout);
ClientMessage read_client_message(ByteReader& reader, const Layout& layout);
Subscription read_subscription(ByteReader& reader);
Client read_client(ByteReader& reader, const Layout& layout);
}  // namespace packed

}  // namespace tombo::mosquitto_db
