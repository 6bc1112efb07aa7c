#include "broker/core.h"

// While the disk is full, what would need more of it is refused; what frees some, or needs none,
// goes on.
namespace tombo::broker {

using mqtt::Reason;
using mqtt::Version;

namespace {

constexpr std::string_view kFull = "no space left on the disk of the broker";

}  // namespace

/// The store says so.
void Core::on_disk_full(bool is_full) {
  disk_full_ = is_full;
  if (is_full) return;
  for (const ConnectionId id : std::exchange(waiting_for_disk_, {})) {
    Connection* connection = connections_.find(id);
    if (connection == nullptr || (connection->paused_for & Connection::pause_disk) == 0) continue;
    const Peer peer{id, *connection};
    set_reading(peer, Connection::pause_login, true);  // until go_on() is through
    set_reading(peer, Connection::pause_disk, false);
    go_on(id);
  }
}

/// v3 has no way to refuse a message, so it is left unread, with all behind it.
bool Core::waits_for_disk(Peer peer, uint8_t first_byte) {
  if (!disk_full_ || !peer.connection.is_open() || peer.connection.version == Version::v5) {
    return false;
  }
  const bool is_publish = first_byte >> 4 == static_cast<unsigned>(mqtt::PacketType::publish);
  if (!is_publish || (first_byte & 0x06) == 0) return false;
  LOG_TO(log(), LogType::notice, "Client {} is not read: {}.", name_of(peer.connection), kFull);
  set_reading(peer, Connection::pause_disk, true);
  waiting_for_disk_.push_back(peer.id);
  return true;
}

/// Why a PUBLISH is refused; empty: it is not. Clearing a retained message frees room.
std::string_view Core::no_room_for(const mqtt::Publish& packet) const {
  const bool clears = packet.retain && packet.payload.empty();
  return disk_full_ && packet.qos != mqtt::Qos::at_most_once && !clears ? kFull
                                                                        : std::string_view();
}

/// Why a CONNECT is refused; empty: it is not. Who has a session already comes for what frees room.
std::string_view Core::no_room_for(const mqtt::Connect& packet, bool known) const {
  if (!disk_full_ || (known && !packet.clean_start)) return {};
  const bool stays =
      packet.version == Version::v5
          ? packet.properties.number(mqtt::PropertyId::session_expiry_interval).value_or(0) != 0
          : !packet.clean_start;
  return stays ? kFull : std::string_view();
}

/// Why a subscription is refused; empty: it is not.
std::string_view Core::no_room_for(Session& session, std::string_view filter) {
  const bool stays = disk_full_ && !session.clean;
  return stays && !has_subscription(session, filter) ? kFull : std::string_view();
}

/// Why a message is not retained; empty: it is. Of those with an answer the publisher's shard has
/// decided.
std::string_view Core::no_room_for(const mqtt::Message& message) const {
  return disk_full_ && message.qos() == mqtt::Qos::at_most_once ? kFull : std::string_view();
}

}  // namespace tombo::broker
