#include "fuzz/shard_script.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "base/check.h"
#include "mqtt/message.h"
#include "mqtt/topic.h"

namespace tombo::fuzz {

using broker::CloseCause;
using mqtt::Buffer;
using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::PropertyWriter;
using mqtt::Qos;
using mqtt::Version;
namespace mail = broker::mail;

namespace {

/// The longest that anything outlives its client in these worlds.
constexpr int64_t kExpirationS = 3600;

constexpr std::string_view kIds[] = {"", "a", "b", "c", "d", "e", "f", "g"};
constexpr std::string_view kTopics[] = {
    "a",
    "a/b",
    "a/b/c",
    "b",
    "/",
    "/a",
    "a//b",
    "$SYS/x",
    "$x/a",
    "m/a",
    "r/1",
    "r/2",
    "x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/y",
    "+",
    "\xC3\xA9/\xC3\xBC",
    "a/",
};
constexpr std::string_view kFilters[] = {
    "a",
    "a/b",
    "a/b/c",
    "b",
    "#",
    "+",
    "a/#",
    "a/+",
    "+/b",
    "+/+",
    "/#",
    "a/b/#",
    "$SYS/#",
    "$x/+",
    "m/#",
    "+/+/#",
    "r/#",
    "r/+",
    "r/1",
    "x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/#",
    "$share/g/a",
    "$share/g/#",
    "$share/h/a/+",
    "$share/g/r/#",
    "$share/h/+/b",
    "a/#/b",
};
constexpr uint32_t kSeconds[] = {0, 1, 10, 60, 1000, UINT32_MAX};
constexpr size_t kPayloads[] = {0, 1, 5, 100, 511, 512, 600, 2000, 70'000};
constexpr uint32_t kPacketSizes[] = {0, 5, 20, 30, 100, 1000};
constexpr uint16_t kWindows[] = {0, 1, 2, 20, 65'535};
constexpr int64_t kPauses[] = {1, 50, 1000, 1500, 10'000, 31'000, 60'000, 100'000, 3'700'000};

template <class T, size_t kSize>
T pick(const T (&table)[kSize], uint8_t choice) {
  return table[choice % kSize];
}

bool bit(uint8_t byte, unsigned number) {
  return (byte >> number & 1) != 0;
}

void add_listeners(config::Config& config) {
  config.listeners.clear();
  for (uint16_t i = 0; i < 3; ++i) {
    config.listeners.push_back(
        config::default_listener(config.compatibility, static_cast<uint16_t>(1883 + i)));
  }
  config.listeners[1].mount_point = "m/";
  config.listeners[1].max_topic_alias = 2;
  config.listeners[2].max_qos = 1;
  config.listeners[2].max_topic_alias = 0;
  config.listeners[2].max_topic_alias_broker = 1;
  config.listeners[2].accept_protocol_versions = config::kAcceptV311 | config::kAcceptV5;
}

}  // namespace

std::shared_ptr<const config::Config> make_config(Input& input) {
  const uint8_t flags = input.u8();
  const uint8_t queues = input.u8();
  const uint8_t sizes = input.u8();
  const uint8_t limits = input.u8();
  using config::Compatibility;
  auto config = std::make_shared<config::Config>(
      config::default_config(bit(flags, 0) ? Compatibility::v2_0 : Compatibility::v2_1));
  config->persistent_client_expiration = kExpirationS;
  config->allow_anonymous = true;
  config->queue_qos0_messages = bit(flags, 1);
  config->upgrade_outgoing_qos = bit(flags, 2);
  if (bit(flags, 3)) config->allow_duplicate_messages = !config->allow_duplicate_messages;
  config->retain_available = !bit(flags, 4);
  config->allow_zero_length_clientid = !bit(flags, 5);
  config->retain_expiry_interval = bit(flags, 6) ? 1 : 0;
  config->max_keepalive = bit(flags, 7) ? 60 : 0;
  constexpr uint16_t kInflight[] = {20, 1, 2, 0};
  constexpr uint32_t kQueued[] = {1000, 0, 1, 10};
  config->max_inflight_messages = pick(kInflight, queues);
  config->max_queued_messages = pick(kQueued, queues / 4);
  config->max_queued_bytes = bit(queues, 4) ? 700 : 0;
  config->max_inflight_bytes = bit(queues, 5) ? 600 : 0;
  constexpr uint32_t kPacket[] = {0, 2'000'000, 100, 1000};
  constexpr uint32_t kMessage[] = {0, 4, 550, 0};
  config->max_packet_size = pick(kPacket, sizes);
  config->message_size_limit = pick(kMessage, sizes / 4);
  constexpr uint64_t kMemory[] = {0, 3000, 300'000, 0};
  config->memory_limit = pick(kMemory, limits);
  config->global_max_clients = bit(limits, 2) ? 3 : -1;
  config->global_max_connections = bit(limits, 3) ? 2 : -1;
  add_listeners(*config);
  return config;
}

void ShardScript::run() {
  for (int steps = 0; steps < kStepsMax && !input_.empty(); ++steps) step();
}

void ShardScript::step() {
  const uint8_t code = input_.u8();
  // Three of four are about a client.
  if (code % 4 == 0) return step_of_world(code / 4);
  step_of_client(static_cast<uint8_t>(code - code / 4 - 1));
}

void ShardScript::step_of_world(uint8_t code) {
  switch (code % 16) {
    case 0:
    case 1:
      return open();
    case 2:
    case 3:
    case 4:
      return world_.step(input_.below(world_.shards()));
    case 5:
    case 6:
    case 7:
      return world_.settle();
    case 8:
    case 9:
      return world_.pass(Duration(pick(kPauses, input_.u8())));
    case 10:
      return world_.commit(input_.below(world_.shards()));
    case 11:
      return world_.commit_all();
    case 12:
      return inject();
    case 13: {
      const auto config = make_config(input_);
      world_.sayings().qos_is_upgraded |= config->upgrade_outgoing_qos;
      return world_.reload(config);
    }
    case 14:
      // The clock on the wall goes back or ahead.
      return world_.shift_wall((input_.u8() - 128) * int64_t{10'000});
    default:
      return shut_down();
  }
}

void ShardScript::step_of_client(uint8_t code) {
  Socket* socket = slots_[code % kSlots];
  if (socket == nullptr) return open();
  switch (code / kSlots % 16) {
    case 0:
      return connect(*socket);
    case 1:
    case 2:
      return subscribe(*socket);
    case 3:
      return unsubscribe(*socket);
    case 4:
    case 5:
    case 6:
      return publish(*socket);
    case 7:
      return burst(*socket);
    case 8:
    case 9:
      return answer(*socket);
    case 10:
      return acknowledge(*socket);
    case 11:
      return disconnect(*socket);
    case 12:
      return send_framed(*socket);
    case 13:
      return send_raw(*socket);
    case 14:
      return make_room(*socket);
    default:
      return world_.drop(*socket, input_.u8() % 2 == 0 ? CloseCause::by_peer : CloseCause::error);
  }
}

/// A new connection in the place of the slot's last one, which is closed if it was not, or which
/// goes on by itself.
void ShardScript::open() {
  const uint8_t choice = input_.u8();
  Socket*& slot = slots_[choice % kSlots];
  if (slot != nullptr && bit(choice, 7)) world_.drop(*slot, CloseCause::by_peer);
  if (world_.sockets().size() >= 100) return;
  slot = &world_.open(static_cast<unsigned>(choice / kSlots % world_.shards()),
                      static_cast<uint16_t>(input_.below(3)));
  slot->chunk = choice % 7 == 0 ? 1U + choice % 5U : 0U;
}

void ShardScript::connect(Socket& socket) {
  const uint8_t how = input_.u8();
  const uint8_t who = input_.u8();
  const uint8_t will = input_.u8();
  mqtt::Connect packet;
  packet.version = static_cast<Version>(3 + how % 3);
  packet.clean_start = bit(how, 2);
  packet.bridge = how / 8 % 8 == 7;
  packet.keep_alive_s = static_cast<uint16_t>(pick(kSeconds, how / 64 + 2) % 65'536);
  packet.client_id = pick(kIds, who);
  Buffer properties;
  Buffer will_properties;
  if (packet.version == Version::v5) {
    const uint8_t limits = input_.u8();
    PropertyWriter writer(properties);
    writer.number(PropertyId::session_expiry_interval, pick(kSeconds, who / 8));
    const uint32_t size = pick(kPacketSizes, limits);
    if (size != 0) writer.number(PropertyId::maximum_packet_size, size);
    const uint16_t window = pick(kWindows, limits / 8);
    if (window != 0) writer.number(PropertyId::receive_maximum, window);
    writer.number(PropertyId::topic_alias_maximum, limits / 64);
    PropertyWriter(will_properties).number(PropertyId::will_delay_interval, pick(kSeconds, will));
    packet.properties = mqtt::Properties(properties);
  }
  if (bit(will, 7)) {
    packet.will = mqtt::Will{.qos = static_cast<Qos>(will % 3),
                             .retain = bit(will, 6),
                             .properties = mqtt::Properties(will_properties),
                             .topic = pick(kTopics, will / 4 % 16),
                             .payload = as_bytes("will")};
  }
  Buffer bytes;
  mqtt::encode(packet, bytes);
  world_.send(socket, bytes);
}

mqtt::PacketId ShardScript::next_id(uint8_t choice) {
  if (choice % 16 == 15) return mqtt::PacketId(uint16_t{1});
  if (++last_id_ == 0) ++last_id_;
  return mqtt::PacketId(last_id_);
}

void ShardScript::subscribe(Socket& socket) {
  const uint8_t how = input_.u8();
  std::vector<mqtt::Subscription> filters(1 + how % 3);
  for (mqtt::Subscription& entry : filters) {
    entry.filter = pick(kFilters, input_.u8());
    const uint8_t options = input_.u8();
    entry.options.qos = static_cast<Qos>(options % 3);
    if (socket.peer.version() != Version::v5) continue;
    entry.options.no_local = bit(options, 2) && !mqtt::is_shared(entry.filter);
    entry.options.retain_as_published = bit(options, 3);
    entry.options.retain_handling = static_cast<mqtt::RetainHandling>(options / 16 % 3);
  }
  Buffer properties;
  if (socket.peer.version() == Version::v5 && bit(how, 7)) {
    PropertyWriter(properties).number(PropertyId::subscription_identifier, 1U + how % 8);
  }
  Buffer bytes;
  mqtt::encode_subscribe(next_id(how), mqtt::Properties(properties), filters, socket.peer.version(),
                         bytes);
  world_.send(socket, bytes);
}

void ShardScript::unsubscribe(Socket& socket) {
  const uint8_t how = input_.u8();
  std::vector<std::string_view> filters(1 + how % 3);
  for (std::string_view& filter : filters) filter = pick(kFilters, input_.u8());
  Buffer bytes;
  mqtt::encode_unsubscribe(next_id(how), {}, filters, socket.peer.version(), bytes);
  world_.send(socket, bytes);
}

bool ShardScript::allowed(size_t payload) {
  ++messages_;
  bytes_ += payload;
  return messages_ <= kMessagesMax && bytes_ <= kBytesMax;
}

/// Different each time, so that messages can be told apart.
Bytes ShardScript::payload(uint8_t choice) {
  const size_t size = pick(kPayloads, choice);
  const std::string number = std::to_string(messages_);
  payload_.assign(size, 'x');
  std::copy_n(number.begin(), std::min(size, number.size()), payload_.begin());
  return payload_;
}

void ShardScript::publish(Socket& socket) {
  const uint8_t how = input_.u8();
  const uint8_t what = input_.u8();
  mqtt::Publish packet;
  packet.qos = static_cast<Qos>(how % 3);
  packet.retain = bit(how, 2);
  packet.dup = packet.qos != Qos::at_most_once && bit(how, 3);
  packet.topic = pick(kTopics, what);
  if (packet.qos != Qos::at_most_once) packet.packet_id = next_id(how / 16);
  packet.payload = payload(what / 16);
  if (!allowed(packet.payload.size())) return;
  Buffer properties;
  if (socket.peer.version() == Version::v5 && bit(how, 7)) {
    const uint8_t more = input_.u8();
    PropertyWriter writer(properties);
    if (bit(more, 0)) writer.number(PropertyId::message_expiry_interval, pick(kSeconds, more / 4));
    if (bit(more, 1)) writer.number(PropertyId::topic_alias, 1U + more / 4 % 3);
    if (bit(more, 1) && bit(more, 7)) packet.topic = {};
    if (bit(more, 6)) writer.pair("k", "v");
    packet.properties = mqtt::Properties(properties);
  }
  Buffer bytes;
  mqtt::encode(packet, socket.peer.version(), bytes);
  world_.send(socket, bytes);
}

/// Many messages at once: on one topic, or each on its own and retained.
void ShardScript::burst(Socket& socket) {
  const uint8_t how = input_.u8();
  const uint8_t what = input_.u8();
  mqtt::Publish packet;
  packet.qos = static_cast<Qos>(how % 3);
  packet.retain = bit(how, 2);
  Buffer bytes;
  for (unsigned i = 0; i < 4U * (how / 8 + 1U); ++i) {
    const std::string topic =
        packet.retain ? fmt::format("r/{}", i) : std::string(pick(kTopics, what));
    packet.topic = topic;
    packet.payload = payload(what / 16);
    if (!allowed(packet.payload.size())) break;
    if (packet.qos != Qos::at_most_once) packet.packet_id = next_id(0);
    mqtt::encode(packet, socket.peer.version(), bytes);
  }
  world_.send(socket, bytes);
}

void ShardScript::answer(Socket& socket) {
  world_.send(socket, socket.peer.answers());
}

/// One acknowledgement, perhaps a wrong one.
void ShardScript::acknowledge(Socket& socket) {
  const uint8_t how = input_.u8();
  mqtt::Acknowledgement packet;
  packet.type = static_cast<PacketType>(static_cast<uint8_t>(PacketType::puback) + how % 4);
  uint16_t id = socket.peer.some_outstanding(how / 16);
  if (id == 0 || bit(how, 3)) id = bit(how, 4) ? last_id_ : uint16_t{1};
  packet.packet_id = mqtt::PacketId(std::max<uint16_t>(id, 1));
  if (bit(how, 2)) {
    const bool rel = packet.type == PacketType::pubrel || packet.type == PacketType::pubcomp;
    packet.reason =
        rel ? mqtt::Reason::packet_identifier_not_found : mqtt::Reason::unspecified_error;
  }
  Buffer bytes;
  mqtt::encode(packet, socket.peer.version(), bytes);
  world_.send(socket, bytes);
}

void ShardScript::disconnect(Socket& socket) {
  const uint8_t how = input_.u8();
  mqtt::Disconnect packet;
  Buffer properties;
  if (socket.peer.version() == Version::v5) {
    if (bit(how, 0)) packet.reason = mqtt::Reason::disconnect_with_will;
    if (bit(how, 1)) {
      PropertyWriter(properties)
          .number(PropertyId::session_expiry_interval, pick(kSeconds, how / 4));
    }
    packet.properties = mqtt::Properties(properties);
  }
  Buffer bytes;
  mqtt::encode(packet, socket.peer.version(), bytes);
  world_.send(socket, bytes);
  if (bit(how, 7)) world_.drop(socket, CloseCause::by_peer);
}

/// Any packet whose Remaining Length is right.
void ShardScript::send_framed(Socket& socket) {
  const uint8_t first_byte = input_.u8();
  const Bytes body = input_.take(input_.u8());
  Buffer bytes = {first_byte};
  mqtt::append_variable(bytes, static_cast<uint32_t>(body.size()));
  bytes.insert(bytes.end(), body.begin(), body.end());
  world_.send(socket, bytes);
}

void ShardScript::send_raw(Socket& socket) {
  world_.send(socket, input_.take(input_.u8()));
}

void ShardScript::make_room(Socket& socket) {
  constexpr size_t kRooms[] = {0, 1, 4, 10, 50, 200, 1000, 100'000};
  const uint8_t choice = input_.u8();
  if (choice % 16 == 15) {
    socket.room.reset();
  } else {
    socket.room = pick(kRooms, choice);
  }
  if (bit(choice, 7)) socket.chunk = choice / 16 % 8;
}

/// A message of the broker itself.
void ShardScript::inject() {
  const uint8_t what = input_.u8();
  const std::string topic = fmt::format("$SYS/{}", what % 4);
  const Bytes bytes = payload(what / 16 % 4);
  if (!allowed(bytes.size())) return;
  const auto qos = static_cast<Qos>(what / 4 % 3);
  world_.sayings().note_published(topic, bytes, qos);
  world_.post(
      what % world_.shards(),
      mail::Inject{mqtt::Message::make(
          {.topic = topic, .properties = {}, .payload = bytes, .qos = qos, .retain = true})});
}

/// Seldom, for there is little to see behind it.
void ShardScript::shut_down() {
  if (input_.u8() != 0xFF) return;
  using Step = mail::Shutdown::Step;
  is_shut_down_ = true;
  for (const Step step : {Step::publish_wills, Step::disconnect}) {
    for (unsigned i = 0; i < world_.shards(); ++i) world_.post(i, mail::Shutdown{step});
    world_.settle();
  }
}

void ShardScript::finish() {
  for (Socket& socket : world_.sockets()) {
    socket.room.reset();
    socket.chunk = 0;
  }
  come_to_rest();
  clear_away();
  if (is_shut_down_) return;
  prove_life();
  clear_away();
}

/// Sockets take everything, clients acknowledge everything, batches are safe.
void ShardScript::come_to_rest() {
  for (bool moved = true; moved;) {
    moved = false;
    world_.settle();
    world_.commit_all();
    world_.settle();
    for (Socket& socket : world_.sockets()) {
      const Buffer answers = socket.peer.answers();
      if (socket.ended || socket.dropped || answers.empty()) continue;
      world_.send(socket, answers);
      moved = true;
    }
  }
  world_.check_rest();
}

/// Clients go, sessions expire, retained messages are cleared.
void ShardScript::clear_away() {
  for (Socket& socket : world_.sockets()) world_.drop(socket, CloseCause::error);
  world_.settle();
  // A will may come of an expiry, and a session's end of a will's.
  for (int i = 0; i < 2; ++i) {
    world_.pass(std::chrono::seconds(kExpirationS + 1));
    world_.settle();
  }
  for (const std::string& topic : world_.sayings().topics()) {
    world_.post(0, mail::Inject{mqtt::Message::make(
                       {.topic = topic, .properties = {}, .payload = {}, .retain = true})});
  }
  world_.settle();
  world_.commit_all();
  world_.settle();
  world_.check_empty();
}

/// After all that the broker serves: each of some subscribers, one by each shard, gets what each
/// publishes.
void ShardScript::prove_life() {
  Input nothing(nullptr, 0);
  world_.reload(make_config(nothing));
  world_.settle();
  std::vector<Socket*> sockets;
  for (unsigned i = 0; i < world_.shards(); ++i) {
    Socket& socket = *sockets.emplace_back(&world_.open(i, 0));
    const std::string id = fmt::format("life{}", i);
    const mqtt::Subscription wish{.filter = "life/+", .options = {.qos = Qos::at_least_once}};
    Buffer bytes;
    mqtt::encode(mqtt::Connect{.version = Version::v5, .client_id = id}, bytes);
    mqtt::encode_subscribe(mqtt::PacketId(uint16_t{1}), {}, {&wish, 1}, Version::v5, bytes);
    world_.send(socket, bytes);
  }
  come_to_rest();
  for (unsigned i = 0; i < world_.shards(); ++i) {
    const std::string topic = fmt::format("life/{}", i);
    Buffer bytes;
    mqtt::encode(mqtt::Publish{.qos = Qos::at_least_once,
                               .topic = topic,
                               .packet_id = mqtt::PacketId(uint16_t{2}),
                               .payload = as_bytes("life")},
                 Version::v5, bytes);
    world_.send(*sockets[i], bytes);
  }
  come_to_rest();
  for (const Socket* socket : sockets) {
    CHECK(socket->peer.deliveries() == world_.shards(), "a subscriber is left out");
  }
}

}  // namespace tombo::fuzz
