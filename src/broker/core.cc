#include "broker/core.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "broker/limits.h"
#include "mqtt/decode.h"
#include "mqtt/encode.h"

namespace tombo::broker {

using mqtt::PacketType;

namespace {

std::unique_ptr<char[]> copy_text(std::string_view text) {
  auto copy = std::make_unique<char[]>(text.size() + 1);
  std::memcpy(copy.get(), text.data(), text.size());
  return copy;
}

}  // namespace

uint8_t pack(const mqtt::SubscribeOptions& options) {
  return static_cast<uint8_t>(mqtt::value(options.qos) | (options.no_local ? 4U : 0U) |
                              (options.retain_as_published ? 8U : 0U) |
                              static_cast<unsigned>(options.retain_handling) << 4);
}

mqtt::SubscribeOptions unpack(uint8_t options) {
  return {.qos = static_cast<mqtt::Qos>(options & 3),
          .no_local = (options & 4) != 0,
          .retain_as_published = (options & 8) != 0,
          .retain_handling = static_cast<mqtt::RetainHandling>(options >> 4 & 3)};
}

Core::Core(BrokerSetup setup)
    : setup_(std::move(setup)),
      output_(setup_.shards),
      timers_(setup_.start),
      random_(setup_.random_seed),
      tree_(setup_.hash_seed),
      interest_(setup_.shards > 1 ? setup_.interest : nullptr, setup_.shard),
      retained_(setup_.hash_seed),
      links_(setup_.shards) {
  CHECK(setup_.config != nullptr && setup_.log != nullptr);
  now_.time = setup_.start;
  counts_rates_ = config().limits.any_rate();
  sweep_timer_.kind = timer_sweep;
  if (config().retain_expiry_interval != 0) {
    timers_.arm(sweep_timer_, now_.time + std::chrono::minutes(config().retain_expiry_interval));
  }
}

const config::ListenerConfig& Core::listener(uint16_t index) const {
  static const config::ListenerConfig kDefault;
  const auto& listeners = config().listeners;
  return index < listeners.size() ? listeners[index] : kDefault;
}

uint64_t origin_of(std::string_view client_id) {
  return hash64(client_id, 0) | 1;
}

ShardId home_of(std::string_view key, uint64_t hash_seed, unsigned shards) {
  return ShardId(static_cast<uint8_t>(hash64(key, hash_seed) % shards));
}

ShardId Core::home(std::string_view key) const {
  return multi() ? home_of(key, setup_.hash_seed, setup_.shards) : setup_.shard;
}

void Core::send(ShardId to, Mail mail) {
  output_.mails[to.value()].push_back(std::move(mail));
}

std::string_view Core::name_of(const Connection& connection) const {
  if (connection.session) {
    const Session* session = const_cast<SessionTable&>(sessions_).find(connection.session);
    if (session != nullptr) return session->client_id;
  }
  return config().is_v2_0() ? std::string_view("<unknown>") : connection.address.get();
}

ConnectionId Core::on_open(const OpenInfo& info, Now now) {
  now_ = now;
  auto [id, connection] = connections_.emplace();
  connection.address = copy_text(info.address);
  connection.listener = info.listener;
  connection.is_proxied = info.is_proxied;
  connection.pending = info.pending;
  connection.timer.owner = id.index;
  connection.timer.kind = timer_connection;
  connection.last_received = now.time;
  timers_.arm(connection.timer, now.time + std::chrono::seconds(config().limits.connect_timeout));
  ++stats_.sockets_opened;
  return id;
}

ConnectionId Core::on_adopt(mail::Adopt& adopt, Now now) {
  const ConnectionId id = on_open(
      {.address = adopt.address, .listener = adopt.listener, .pending = adopt.pending}, now);
  --stats_.sockets_opened;  // counted where it was accepted
  stats_.bytes_received -= adopt.bytes.size();
  connections_.at(id).moved = true;
  if (!adopt.counted_address.empty()) {
    connections_.at(id).counted_address = copy_text(adopt.counted_address);
  }
  connections_.at(id).peer_name = std::move(adopt.peer_name);
  const size_t taken = on_bytes(id, adopt.bytes, now);
  adopt.bytes.erase(adopt.bytes.begin(), adopt.bytes.begin() + static_cast<ptrdiff_t>(taken));
  return id;
}

void Core::on_client_address(ConnectionId id, std::string_view address, bool pending) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->stage != Connection::Stage::connecting) return;
  connection->address = copy_text(address);
  connection->is_proxied = false;
  connection->pending = pending;
}

void Core::on_peer_name(ConnectionId id, std::string name) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->stage != Connection::Stage::connecting) return;
  connection->peer_name = std::make_unique<std::string>(std::move(name));
}

void Core::on_peer_address(ConnectionId id, std::string_view address) {
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->stage != Connection::Stage::connecting) return;
  std::string text(address);
  const std::string_view before = connection->address.get();
  if (const size_t colon = before.rfind(':'); colon != std::string_view::npos) {
    text += before.substr(colon);
  }
  // Anybody can say so: limits go by what is known.
  if (connection->counted_address == nullptr) {
    connection->counted_address = std::move(connection->address);
  }
  connection->address = copy_text(text);
}

uint32_t Core::packet_size_limit(const Connection& connection) const {
  if (connection.is_open()) return connection.packet_size_max_in;
  const uint32_t configured = config().max_packet_size;
  const uint32_t limit = config().limits.max_connect_size;
  return configured == 0 ? limit : std::min(configured, limit);
}

size_t Core::on_bytes(ConnectionId id, Bytes bytes, Now now) {
  now_ = now;
  const size_t given = bytes.size();
  Connection* connection = connections_.find(id);
  if (connection == nullptr || connection->stage == Connection::Stage::closing) return given;
  stats_.bytes_received += given;
  if ((connection->paused_for & Connection::pause_login) != 0 || connection->is_slowed()) {
    // Read before the socket was told to rest.
    if (connection->partial == nullptr) connection->partial = std::make_unique<Buffer>();
    connection->partial->insert(connection->partial->end(), bytes.begin(), bytes.end());
    return given;
  }
  if (connection->partial != nullptr && !take_partial(id, bytes)) return given;
  const size_t taken = take_frames(id, bytes);
  connection = connections_.find(id);  // a CONNECT may have moved it
  if (connection == nullptr || connection->stage == Connection::Stage::closing) return given;
  const size_t left = bytes.size() - taken;
  if (left != 0 && taken != 0 && output_.wants_flush) {
    stats_.bytes_received -= left;  // it comes again
    return given - left;
  }
  if (left != 0) {
    connection->partial =
        std::make_unique<Buffer>(bytes.begin() + static_cast<ptrdiff_t>(taken), bytes.end());
    note_progress(*connection);
  }
  return given;
}

/// A client that is sending something large is alive; one that drips bytes is not.
void Core::note_progress(Connection& connection) const {
  const Buffer& partial = *connection.partial;
  const mqtt::Cut cut = mqtt::cut_frame(partial, packet_size_limit(connection));
  if (cut.needed > partial.size() + kLargeRest) connection.last_received = now_.time;
}

/// Completes the packet whose beginning was kept aside, takes the bytes it needs off `bytes` and
/// handles it. False when there is nothing more to do with the rest. The memory grows with what has
/// come, never with what the packet announces.
bool Core::take_partial(ConnectionId id, Bytes& bytes) {
  Connection& connection = connections_.at(id);
  Buffer& partial = *connection.partial;
  const size_t before = partial.size();
  mqtt::Cut cut;
  if (connection.stage == Connection::Stage::connecting) {
    // What follows a CONNECT goes home with it, so it must be in one place.
    partial.insert(partial.end(), bytes.begin(), bytes.end());
    bytes = bytes.last(0);
  } else if (before < 5) {
    // The fixed header may be incomplete: take a few bytes to know the size.
    const size_t some = std::min(bytes.size(), size_t{5} - before);
    partial.insert(partial.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(some));
    bytes = bytes.subspan(some);
  }
  cut = mqtt::cut_frame(partial, packet_size_limit(connection));
  if (cut.status == mqtt::CutStatus::incomplete && cut.needed > partial.size()) {
    const size_t some = std::min(bytes.size(), size_t{cut.needed} - partial.size());
    partial.insert(partial.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(some));
    bytes = bytes.subspan(some);
    cut = mqtt::cut_frame(partial, packet_size_limit(connection));
  }
  if (cut.status == mqtt::CutStatus::incomplete) {
    note_progress(connection);
    return false;
  }
  // The frame's bytes must outlive the connection's members, which a handler may reset.
  std::unique_ptr<Buffer> whole = std::move(connection.partial);
  const size_t taken = take_frames(id, *whole);
  Connection* after = connections_.find(id);
  if (after == nullptr || after->stage == Connection::Stage::closing) return false;
  if (taken == 0 && after->is_slowed()) {
    // The packet itself is not taken yet, nor what came behind it.
    whole->insert(whole->end(), bytes.begin(), bytes.end());
    after->partial = std::move(whole);
    return false;
  }
  // The beginning of the next packet may be in here. It came in this read: back to the others.
  const size_t left = whole->size() - taken;
  DCHECK(left <= whole->size() - before);
  bytes = Bytes(bytes.data() - left, bytes.size() + left);
  return true;
}

/// Handles all whole packets at the front of `bytes`; returns how many bytes they took. Stops when
/// the connection is closed or moved, or when connections should be written first.
size_t Core::take_frames(ConnectionId id, Bytes bytes) {
  size_t taken = 0;
  while (taken < bytes.size()) {
    if (taken != 0 && output_.wants_flush) break;
    Connection* connection = connections_.find(id);
    if (connection == nullptr || connection->stage == Connection::Stage::closing) break;
    if (connection->rest_waits()) break;
    const Peer peer{id, *connection};
    if (connection->stage == Connection::Stage::connecting &&
        !check_first_bytes(peer, bytes.subspan(taken))) {
      break;
    }
    const mqtt::Cut cut = mqtt::cut_frame(bytes.subspan(taken), packet_size_limit(*connection));
    if (cut.status == mqtt::CutStatus::incomplete) break;
    if (cut.status == mqtt::CutStatus::complete) {
      if (waits_for_disk(peer, bytes[taken])) break;
      const Bytes rest = bytes.subspan(taken + cut.frame.size());
      taken += cut.frame.size();
      connection->last_received = now_.time;  // [MQTT-3.1.2-22] speaks of whole packets
      if (connection->stage == Connection::Stage::connecting) {
        rest_behind_connect_ = rest;
        on_connect_frame(peer, cut.frame);
      } else if (connection->stage == Connection::Stage::authenticating) {
        on_frame_before_connack(peer, cut.frame);
      } else {
        on_frame(peer, cut.frame);
      }
      continue;
    }
    refuse_cut(peer, cut.status, static_cast<PacketType>(bytes[taken] >> 4));
    break;
  }
  return taken;
}

void Core::refuse_cut(Peer peer, mqtt::CutStatus status, PacketType type) {
  if (status == mqtt::CutStatus::too_large) {
    refuse_too_large(peer, type);
  } else {
    malformed(peer, type, {mqtt::Reason::malformed_packet, 1, "remaining length malformed"});
  }
}

void Core::refuse_too_large(Peer peer, PacketType type) {
  std::string_view why = "larger than max_packet_size";
  if (peer.connection.stage == Connection::Stage::connecting) {
    count(LimitHit::connect_size);
    const uint32_t limit = config().limits.max_connect_size;
    if (packet_size_limit(peer.connection) == limit) why = "larger than max_connect_size";
  }
  malformed(peer, type, {mqtt::Reason::packet_too_large, 1, why});
}

void Core::on_frame(Peer peer, const mqtt::Frame& frame) {
  ++stats_.messages_received;
  ++stats_.packets_received[frame.first_byte >> 4];
  if (counts_rates_) charge(peer, frame);
  mqtt::Malformed error;
  switch (frame.type()) {
    case PacketType::publish:
      return on_publish(peer, frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return on_acknowledgement(peer, frame);
    case PacketType::subscribe:
      return on_subscribe(peer, frame);
    case PacketType::unsubscribe:
      return on_unsubscribe(peer, frame);
    case PacketType::pingreq:
      if (!mqtt::decode_ping(frame, error)) return malformed(peer, frame.type(), error);
      LOG_TO(log(), LogType::debug, "Received PINGREQ from {}", name_of(peer.connection));
      LOG_TO(log(), LogType::debug, "Sending PINGRESP to {}", name_of(peer.connection));
      mqtt::encode_ping(PacketType::pingresp, control(peer));
      ++stats_.messages_sent;
      return mark_dirty(peer);
    case PacketType::disconnect:
      return on_disconnect(peer, frame);
    case PacketType::auth:
      return on_auth(peer, frame);
    case PacketType::connect:
      // [MQTT-3.1.0-2]
      return malformed(peer, frame.type(), {mqtt::Reason::protocol_error, 0, "second CONNECT"});
    case PacketType::pingresp:
      // Mosquitto looks at the flags of a PINGRESP before it finds that clients do not send one.
      if (frame.flags() != 0 && !config().is_v2_0()) {
        return malformed(peer, frame.type(),
                         {mqtt::Reason::malformed_packet, 0, "reserved flags set"});
      }
      [[fallthrough]];
    case PacketType::connack:
    case PacketType::suback:
    case PacketType::unsuback:
      return malformed(peer, frame.type(),
                       {mqtt::Reason::protocol_error, 0, "only a server sends this"});
    case PacketType::reserved:
      return malformed(peer, frame.type(), {mqtt::Reason::malformed_packet, 0, "packet type 0"});
  }
}

void Core::on_time(Now now) {
  now_ = now;
  timers_.advance(now.time, [this](Timer& timer) { on_timer(timer); });
}

std::optional<Time> Core::next_deadline() const {
  return timers_.next_deadline();
}

void Core::on_timer(Timer& timer) {
  if (timer.kind == timer_sweep) return sweep_retained();
  if (timer.kind == timer_session || timer.kind == timer_rate) {
    Session* session = sessions_.at_index(timer.owner);
    if (session == nullptr) return;
    return timer.kind == timer_rate ? on_rate_timer(*session) : on_session_timer(*session);
  }
  Connection* connection = connections_.at_index(timer.owner);
  if (connection == nullptr) return;
  const Peer peer{connections_.id_at(timer.owner), *connection};
  if (connection->stage == Connection::Stage::authenticating) {
    if (connection->login->delayed) return look_at_delayed(peer);
    return on_login_timeout(peer);
  }
  if (!connection->is_open()) {
    LOG_TO(log(), LogType::notice, "Client {} sent no {} within {} s.", connection->address.get(),
           connection->is_proxied ? "complete PROXY header" : "CONNECT",
           config().limits.connect_timeout);
    count(LimitHit::connect_timeout);
    log_ending(*connection, EndCause::timeout, "");
    return start_closing(peer);
  }
  // What a client sends while this broker does not read it counts when it is read.
  const bool unread = (connection->paused_for & ~Connection::pause_control) != 0;
  if (unread) connection->last_received = now_.time;
  const auto limit = std::chrono::milliseconds(connection->keep_alive_s * 1500);
  if (connection->last_received + limit > now_.time) return arm_keep_alive(*connection);
  // [MQTT-3.1.2-22]
  end(peer, mqtt::Reason::keep_alive_timeout, "nothing came for 1.5 times the keep alive");
}

void Core::arm_keep_alive(Connection& connection) {
  if (connection.keep_alive_s == 0) return timers_.cancel(connection.timer);
  timers_.arm(connection.timer,
              connection.last_received + std::chrono::milliseconds(connection.keep_alive_s * 1500));
}

void Core::sweep_retained() {
  if (config().retain_expiry_interval == 0) return;
  // A part of the store at a time, so that a large one does not stall the shard.
  const bool done = retained_.sweep(
      now_.wall_ms, kSweepNodes,
      [this](const mqtt::Message& message) { count_retained_of_client(message, -1); });
  tell_retained();
  const auto pause =
      done ? Duration(std::chrono::minutes(config().retain_expiry_interval)) : kSweepPause;
  timers_.arm(sweep_timer_, now_.time + pause);
}

void Core::end_turn(Now now) {
  now_ = now;
  for (const ConnectionId id : std::exchange(moved_away_, {})) connections_.erase(id);
  for (size_t shard = 0; shard < links_.size(); ++shard) {
    if (links_[shard].to_give_back < kCreditStep) continue;
    send(ShardId(static_cast<uint8_t>(shard)),
         mail::Credit{setup_.shard, links_[shard].to_give_back});
    links_[shard].to_give_back = 0;
  }
  for (const auto& [token, matched] : std::exchange(settle_last_, {})) settle_now(token, matched);
  if (batch_ops_.empty() && batch_reads_.empty()) return;
  StoreBatch batch;
  batch.shard = setup_.shard;
  batch.number = batch_number_++;
  std::swap(batch.ops, batch_ops_);
  std::swap(batch.reads, batch_reads_);
  // The store's thread reads the messages and drops them while this shard has references yet.
  for (const StoreOp& op : batch.ops) {
    if (op.message) op.message->share_across_shards();
    if (op.session && op.session->will) op.session->will->share_across_shards();
  }
  setup_.store->submit(std::move(batch));
}

const Stats& Core::stats() {
  stats_.sessions = sessions_.size();
  stats_.retained_messages = retained_.size();
  stats_.stored_messages = held_messages_ + retained_.size();
  stats_.stored_bytes = held_bytes_ + retained_.bytes();
  stats_.packets_waiting = held_messages_;
  stats_.packet_bytes_waiting = held_bytes_;
  return stats_;
}

std::string Core::subscription_tree() const {
  std::string text;
  tree_.for_each([&text](std::string_view filter, size_t subscribers) {
    text += fmt::format("{} ({})\n", filter, subscribers);
  });
  return text;
}

}  // namespace tombo::broker
