#pragma once

#include <cstdint>
#include <vector>

#include "mosquitto_db/chunk.h"

/// Writes the newest format as a 64-bit little-endian host does, which Mosquitto 1.6.11 and later
/// read wherever they run. The order of chunks is the caller's: CONFIG, messages, then what names
/// them (clients before what is theirs).
namespace tombo::mosquitto_db {

void append_header(std::vector<uint8_t>& out);

// Require: client ids, user names, topics and filters are at most 65,535 bytes, payloads less than
// 256 MiB.
void append(std::vector<uint8_t>& out, const Config& config);
void append(std::vector<uint8_t>& out, const Message& message);
void append(std::vector<uint8_t>& out, const ClientMessage& message);
void append(std::vector<uint8_t>& out, const Retained& retained);
void append(std::vector<uint8_t>& out, const Subscription& subscription);
void append(std::vector<uint8_t>& out, const Client& client);

}  // namespace tombo::mosquitto_db
