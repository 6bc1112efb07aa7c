#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.h"

/// The file in which Mosquitto keeps sessions and messages (`mosquitto.db`): a header and chunks
/// behind each other. Formats 2 to 6, which is those of Mosquitto 0.13 to 2.1. All texts are views
/// of the file. Times are seconds since 1970.
namespace tombo::mosquitto_db {

inline constexpr uint32_t kOldestFormat = 2;
inline constexpr uint32_t kNewestFormat = 6;

/// Session Expiry Interval of a session that never ends.
inline constexpr uint32_t kNeverExpires = UINT32_MAX;

enum class ChunkType : uint32_t {
  config = 1,
  message = 2,
  client_message = 3,
  retained = 4,
  subscription = 5,
  client = 6,
};

struct Config {
  uint64_t last_id = 0;  ///< The last message id that was handed out.
  uint8_t shutdown = 0;  ///< 1: written at an orderly end.
  uint8_t id_size = 8;
};

/// An application message, whoever gets it.
struct Message {
  uint64_t id = 0;
  int64_t expires_at_s = 0;  ///< 0 or less: never.
  uint16_t packet_id = 0;    ///< The publisher's.
  uint16_t port = 0;         ///< Of the listener it came through; 0: none.
  uint8_t qos = 0;
  uint8_t retain = 0;
  std::string_view client_id{};  ///< The publisher's; empty: the broker itself.
  std::string_view user_name{};  ///< Empty: none.
  std::string_view topic{};
  Bytes payload{};
  Bytes properties{};  ///< As in PUBLISH, without the length in front. Not checked.
};

enum class Direction : uint8_t { in = 0, out = 1 };

/// States of ClientMessage that tell something after a restart.
enum class State : uint8_t {
  wait_for_puback = 3,
  wait_for_pubrec = 5,
  resend_pubrel = 6,
  wait_for_pubrel = 7,
  wait_for_pubcomp = 9,
  queued = 11,
};

/// One message in the flow of one client.
struct ClientMessage {
  uint64_t message_id = 0;
  uint16_t packet_id = 0;
  uint8_t qos = 0;
  uint8_t state = 0;  ///< State, or a number that is none.
  uint8_t retain = 0;
  uint8_t dup = 0;
  uint8_t direction = 0;  ///< Direction
  std::string_view client_id{};
  Bytes properties{};  ///< Subscription Identifier or nothing. Not checked.
};

/// The message is the retained one of its topic.
struct Retained {
  uint64_t message_id = 0;
};

struct Subscription {
  uint32_t identifier = 0;  ///< 0: none.
  uint8_t qos = 0;
  uint8_t options = 0;  ///< The options byte of SUBSCRIBE without its QoS.
  std::string_view client_id{};
  std::string_view filter{};
};

struct Client {
  int64_t ends_at_s = 0;           ///< When the session ends; 0: not set.
  uint32_t expiry_interval_s = 0;  ///< kNeverExpires in formats 2 to 4, which do not have it.
  int64_t disconnected_at_s = 0;   ///< Formats 3 and 4 only.
  uint16_t last_packet_id = 0;     ///< The last that the broker used towards it.
  uint16_t port = 0;               ///< Of its listener; 0: unknown.
  std::string_view client_id{};
  std::string_view user_name{};  ///< Empty: none. A hint only: see ChunkReader.
};

/// A chunk of a type that nobody knows.
struct Unknown {};

struct Chunk {
  uint32_t type = 0;    ///< ChunkType, or a number that is none.
  uint32_t length = 0;  ///< Of its body, as the file says it.
  uint64_t offset = 0;  ///< Of its first byte in the file.
  std::variant<Unknown, Config, Message, ClientMessage, Retained, Subscription, Client> body{};
};

}  // namespace tombo::mosquitto_db
