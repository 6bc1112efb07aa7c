#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "broker/ids.h"
#include "mqtt/types.h"

namespace tombo::scenario {

/// A program out there with one socket: what it wants to say, what it is able to take, and what it
/// was told. It does nothing by itself but acknowledge, when `automatic` is set.
struct Client {
  std::string name;
  mqtt::Version version = mqtt::Version::v5;
  bool automatic = false;
  uint16_t next_packet_id = 1;

  // The socket. `connection` is none when it is closed.
  unsigned shard = 0;
  broker::ConnectionId connection;
  uint16_t listener = 0;
  std::string address;
  bool reading = true;               ///< does the broker read?
  bool blocked = false;              ///< does the broker wait until it may write?
  std::optional<size_t> capacity;    ///< bytes that the socket still takes; nullopt: any number
  bool corked = false;               ///< bytes are kept, to be sent as one
  std::vector<uint8_t> to_broker;    ///< written, not yet read by the broker
  std::vector<uint8_t> from_broker;  ///< the beginning of a packet

  [[nodiscard]] bool is_open() const { return static_cast<bool>(connection); }

  void close() {
    connection = {};
    reading = true;
    blocked = corked = false;
    to_broker.clear();
    from_broker.clear();
  }
};

/// Takes whole packets off the front of client.from_broker, adds a line for each to `trace`, and
/// the answers of an automatic client to its to_broker.
void take_packets(Client& client, std::vector<std::string>& trace);

}  // namespace tombo::scenario
