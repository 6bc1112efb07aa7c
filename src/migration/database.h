#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "mosquitto_db/chunk.h"

namespace tombo::migration {

/// Against what a file is read.
struct ReadOptions {
  int64_t now_ms = 0;  ///< wall clock
  /// Option persistent_client_expiration of who wrote the file, for sessions that never end.
  std::optional<int64_t> client_expiration_s{};
};

/// What a mosquitto.db means to a broker that starts with it: sessions that have not ended, with
/// what waits for them, and retained messages. Texts and bytes are views of the file.
struct Database {
  /// One message in the queue of one session.
  struct Entry {
    enum class State : uint8_t {
      queued,    ///< nothing was sent yet
      sent,      ///< PUBLISH was
      released,  ///< QoS 2: PUBREC has come
    };
    size_t message = 0;  ///< in `messages`
    State state{};
    uint8_t qos = 1;
    bool retain = false;
    uint16_t packet_id = 0;  ///< 0: none yet
    std::vector<uint32_t> subscription_ids{};
  };

  struct Subscription {
    std::string_view filter;
    uint8_t options = 0;  ///< as in SUBSCRIBE
    uint32_t identifier = 0;
  };

  struct Session {
    std::string_view client_id;
    std::string_view user_name;
    uint16_t port = 0;
    uint32_t expiry_interval_s = 0;
    int64_t disconnected_at_ms = 0;
    std::vector<Subscription> subscriptions{};
    /// Sent and released ones first, in the order of their packet ids, which differ; then queued
    /// ones in the order of the file.
    std::vector<Entry> queue{};
    std::vector<uint16_t> received{};  ///< QoS 2 ids that wait for PUBREL
  };

  std::vector<mosquitto_db::Message> messages;
  std::vector<Session> sessions;
  std::vector<size_t> retained;  ///< in `messages`; one for a topic
  /// What was passed over, and why, a line each.
  std::vector<std::string> warnings;
  uint32_t format = 0;
};

/// Reads a file as Mosquitto does at its start, and is stricter: what no broker could have meant is
/// an error with its offset, and then nothing of the file may be used. `file` outlives the result.
/// A QoS 2 message whose PUBREL was awaited reaches subscribers only then with Mosquitto, and at
/// once with tombo: it is put into the queues of those who would get it.
Result<Database> read_database(Bytes file, const ReadOptions& options);

}  // namespace tombo::migration
