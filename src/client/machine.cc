#include "tombo/machine.h"

#include <algorithm>
#include <utility>

#include "client/coding.h"
#include "client/machine_state.h"
#include "mqtt/encode.h"
#include "mqtt/reason.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

// What is asked of the client, and the time that passes.
namespace tombo::client {

using mqtt::PacketType;
using Stage = Outgoing::Stage;

std::string_view reason_name(uint8_t reason) {
  return mqtt::name(static_cast<mqtt::Reason>(reason));
}

namespace {

/// Room in the output that stays for the next ones.
constexpr size_t kOutputKept = size_t{256} << 10;
constexpr uint8_t kDupBit = 0x08;

Error invalid(std::string text) {
  return {.kind = ErrorKind::invalid_argument, .text = std::move(text)};
}

Error not_connected() {
  return {.kind = ErrorKind::not_connected, .text = "the client is not connected"};
}

mqtt::Properties view(const std::vector<uint8_t>& encoded) {
  return mqtt::Properties(encoded);
}

/// Null: all are fine.
const char* wrong_properties(const Properties& properties, mqtt::PropertyPlace place,
                             std::vector<uint8_t>& encoded) {
  encoded.clear();
  if (!encode_properties(properties, encoded)) return "a property that is none";
  mqtt::Malformed error;
  return mqtt::check_properties(encoded, place, 0, error) ? nullptr
                                                          : "a property that may not stand there";
}

bool is_filter(std::string_view filter) {
  if (filter.size() > mqtt::kStringBytesMax || !mqtt::valid_utf8(filter)) return false;
  if (!mqtt::is_shared(filter)) return mqtt::valid_topic_filter(filter);
  const auto shared = mqtt::parse_shared(filter);
  return shared && mqtt::valid_topic_filter(shared->filter);
}

}  // namespace

Machine::State::State(Options options, Handler& handler)
    : options_(std::move(options)), handler_(handler), window_(options_.max_inflight) {}

void Machine::State::open(Time now) {
  now_ = now;
  stage_ = State::Stage::waiting;
  told_ = false;
  out_.clear();
  written_ = 0;
  rest_.clear();
  topics_.clear();
  aliases_.reset(0);
  pinged_.reset();
  connect_by_ = now + options_.connect_timeout;
  keep_alive_s_ = options_.keep_alive_s;
  is_rewound_ = false;
  send_connect();
  if (!options_.sends_early) return;
  take_limits({});
  if (!options_.clean_start) return;
  // There will be no session to go on with.
  rewind(false);
  send_waiting();
}

void Machine::State::send_connect() {
  mqtt::Connect packet;
  packet.version = version();
  packet.clean_start = options_.clean_start;
  packet.keep_alive_s = options_.keep_alive_s;
  packet.client_id = options_.client_id;
  std::vector<uint8_t> properties;
  std::vector<uint8_t> will_properties;
  if (options_.version == Version::v5) {
    static_cast<void>(encode_properties(options_.properties, properties));
    packet.properties = view(properties);
  }
  if (options_.will) {
    mqtt::Will& will = packet.will.emplace();
    will.topic = options_.will->topic;
    will.payload = as_bytes(options_.will->payload);
    will.qos = static_cast<mqtt::Qos>(options_.will->qos);
    will.retain = options_.will->retain;
    if (options_.version == Version::v5) {
      static_cast<void>(encode_properties(options_.will->properties, will_properties));
      will.properties = view(will_properties);
    }
  }
  if (options_.user_name) packet.user_name = *options_.user_name;
  if (options_.password) packet.password = as_bytes(*options_.password);
  mqtt::encode(packet, out_);
  last_sent_ = now_;
  trace({.sent = true, .name = "CONNECT"});
}

void Machine::State::close(Time now) {
  now_ = now;
  stage_ = State::Stage::closed;
  connect_by_.reset();
  pinged_.reset();
  for (const auto& [id, asked] : std::exchange(asked_, {})) ids_.give_back(id);
  if (std::exchange(told_, true)) return;
  handler_.on_disconnected({.kind = ErrorKind::connection_lost, .text = "the connection was lost"});
}

bool Machine::State::fail(const Error& error) {
  stage_ = State::Stage::ending;
  connect_by_.reset();
  pinged_.reset();
  if (!std::exchange(told_, true)) handler_.on_disconnected(error);
  return false;
}

void Machine::State::pass(Time now) {
  now_ = now;
  if (stage_ == State::Stage::waiting && connect_by_ && now >= *connect_by_) {
    fail({.kind = ErrorKind::connect_timeout, .text = "the broker does not answer CONNECT"});
    return;
  }
  if (stage_ != State::Stage::connected || keep_alive_s_ == 0) return;
  const std::chrono::seconds interval(keep_alive_s_);
  if (pinged_ && reads_) {
    if (now < *pinged_ + interval) return;
    fail({.kind = ErrorKind::keep_alive_timeout, .text = "the broker does not answer PINGREQ"});
  } else if (now >= last_sent_ + interval) {
    mqtt::encode_ping(PacketType::pingreq, out_);
    pinged_ = last_sent_ = now;
    trace({.sent = true, .name = "PINGREQ"});
  }
}

std::optional<Time> Machine::State::deadline() const {
  if (stage_ == State::Stage::waiting) return connect_by_;
  if (stage_ != State::Stage::connected || keep_alive_s_ == 0) return std::nullopt;
  return (pinged_ && reads_ ? *pinged_ : last_sent_) + std::chrono::seconds(keep_alive_s_);
}

void Machine::State::set_reading(bool reads, Time now) {
  if (reads && !reads_ && pinged_) pinged_ = now;
  reads_ = reads;
}

void Machine::State::wrote(size_t count, Time now) {
  if (count == 0) return;
  written_ += count;
  last_sent_ = now;
  if (written_ < out_.size()) return;
  out_.clear();
  written_ = 0;
  if (out_.capacity() > kOutputKept) out_.shrink_to_fit();
}

Error Machine::State::fits(size_t size) const {
  if (packet_size_max_ == 0 || size <= packet_size_max_) return {};
  return {.kind = ErrorKind::too_large, .text = "larger than the broker takes"};
}

Error Machine::State::check(const Message& message) const {
  // With a topic alias the topic may be empty.
  const bool has_alias = options_.version == Version::v5 &&
                         message.properties.number(PropertyId::topic_alias).has_value();
  const bool fine = mqtt::valid_topic_name(message.topic) || (message.topic.empty() && has_alias);
  if (!fine || message.topic.size() > mqtt::kStringBytesMax || !mqtt::valid_utf8(message.topic)) {
    return invalid("the topic is not one");
  }
  if (message.payload.size() > mqtt::kRemainingLengthMax - mqtt::kStringBytesMax) {
    return {.kind = ErrorKind::too_large, .text = "larger than MQTT allows"};
  }
  if (static_cast<uint8_t>(message.qos) > qos_max_) {
    return {.kind = ErrorKind::not_supported, .text = "the broker does not offer this QoS"};
  }
  if (message.retain && !retains_) {
    return {.kind = ErrorKind::not_supported, .text = "the broker does not retain messages"};
  }
  return {};
}

Error Machine::State::publish(const Message& message, Request& request) {
  if (Error wrong = check(message)) return wrong;
  if (message.qos == Qos::at_most_once && !may_send()) return not_connected();
  mqtt::Publish packet;
  packet.topic = message.topic;
  packet.payload = as_bytes(message.payload);
  packet.qos = static_cast<mqtt::Qos>(message.qos);
  packet.retain = message.retain;
  if (options_.version == Version::v5 && !message.properties.empty()) {
    if (const char* wrong =
            wrong_properties(message.properties, mqtt::PropertyPlace::publish, scratch_)) {
      return invalid(wrong);
    }
    packet.properties = view(scratch_);
    if (message.properties.number(PropertyId::topic_alias)) aliases_.reset(0);
  }
  request = ++last_request_;
  if (message.qos == Qos::at_most_once) {
    if (Error wrong = send_now(packet)) return wrong;
    trace({.sent = true,
           .name = "PUBLISH",
           .retain = message.retain,
           .topic = message.topic,
           .payload_size = message.payload.size()});
    handler_.on_published({.request = request});
    return {};
  }
  Outgoing::Entry entry{.request = request, .qos = packet.qos};
  packet.packet_id = mqtt::PacketId(1);
  mqtt::encode(packet, version(), entry.packet);
  if (Error wrong = fits(entry.packet.size())) return wrong;
  entry.topic_size = static_cast<uint16_t>(message.topic.size());
  entry.payload_size = message.payload.size();
  entry.has_alias = message.properties.number(PropertyId::topic_alias).has_value();
  entry.id_at =
      mqtt::cut_frame(entry.packet, 0).frame.header_size + sizeof(uint16_t) + message.topic.size();
  outgoing_.add(std::move(entry));
  send_waiting();
  return {};
}

/// At QoS 0.
Error Machine::State::send_now(const mqtt::Publish& packet) {
  if (aliases_.is_on()) {
    packet_.clear();
    mqtt::encode(packet, version(), packet_);
    if (Error wrong = fits(packet_.size() + TopicAliases::kPropertySize)) return wrong;
    aliases_.append(packet_, {.topic_size = packet.topic.size(), .has_packet_id = false}, out_);
    return {};
  }
  const size_t before = out_.size();
  mqtt::encode(packet, version(), out_);
  Error wrong = fits(out_.size() - before);
  if (wrong) out_.resize(before);
  return wrong;
}

void Machine::State::send_waiting() {
  while (may_send() && is_rewound_ && outgoing_.under_way() < window_) {
    Outgoing::Entry* entry = outgoing_.next_waiting();
    if (entry == nullptr) return;
    if (entry->packet_id == 0) {
      const std::optional<uint16_t> id = ids_.take();
      if (!id) return;
      entry->packet_id = *id;
      entry->packet[entry->id_at] = static_cast<uint8_t>(*id >> 8);
      entry->packet[entry->id_at + 1] = static_cast<uint8_t>(*id);
    }
    send(*entry);
  }
}

void Machine::State::send(Outgoing::Entry& entry) {
  if (entry.packet.empty()) {
    send_acknowledgement(PacketType::pubrel, entry.packet_id);
    return outgoing_.sent(entry);
  }
  if (entry.dup) entry.packet.front() |= kDupBit;
  if (aliases_.is_on() && !entry.has_alias &&
      !fits(entry.packet.size() + TopicAliases::kPropertySize)) {
    aliases_.append(entry.packet, {.topic_size = entry.topic_size, .has_packet_id = true}, out_);
  } else {
    out_.insert(out_.end(), entry.packet.begin(), entry.packet.end());
  }
  trace({.sent = true,
         .name = "PUBLISH",
         .packet_id = entry.packet_id,
         .qos = static_cast<Qos>(entry.qos),
         .dup = entry.dup,
         .retain = (entry.packet.front() & 1U) != 0,
         .topic = std::string_view(
             reinterpret_cast<const char*>(entry.packet.data()) + entry.id_at - entry.topic_size,
             entry.topic_size),
         .payload_size = entry.payload_size});
  outgoing_.sent(entry);
}

void Machine::State::send_acknowledgement(PacketType type, uint16_t packet_id) {
  mqtt::encode(mqtt::Acknowledgement{.type = type, .packet_id = mqtt::PacketId(packet_id)},
               version(), out_);
  trace({.sent = true, .name = mqtt::name(type), .packet_id = packet_id});
}

void Machine::State::acknowledge(uint16_t packet_id, Qos qos) {
  if (!is_connected()) return;
  send_acknowledgement(qos == Qos::at_least_once ? PacketType::puback : PacketType::pubrec,
                       packet_id);
}

Error Machine::State::subscribe(std::span<const Subscription> subscriptions,
                                const Properties& properties, Request& request) {
  if (subscriptions.empty()) return invalid("no topic filter");
  for (const Subscription& each : subscriptions) {
    if (!is_filter(each.filter)) return invalid("the topic filter is not one: " + each.filter);
  }
  if (const char* wrong = wrong_properties(properties, mqtt::PropertyPlace::subscribe, scratch_)) {
    return invalid(wrong);
  }
  if (!may_send()) return not_connected();
  const std::optional<uint16_t> id = ids_.take();
  if (!id) return {.kind = ErrorKind::queue_full, .text = "all packet identifiers are in use"};
  request = ++last_request_;
  for (const Subscription& each : subscriptions) {
    std::erase_if(subscribed_,
                  [&each](const auto& known) { return known.first.filter == each.filter; });
    subscribed_.emplace_back(each, properties);
  }
  send_subscribe(subscriptions, properties, {.request = request, .subscribes = true}, *id);
  return {};
}

void Machine::State::send_subscribe(std::span<const Subscription> subscriptions,
                                    const Properties& properties, const Asked& asked,
                                    uint16_t packet_id) {
  std::vector<mqtt::Subscription> filters;
  for (const Subscription& each : subscriptions) {
    filters.push_back(
        {each.filter,
         {.qos = static_cast<mqtt::Qos>(each.qos),
          .no_local = each.no_local,
          .retain_as_published = each.retain_as_published,
          .retain_handling = static_cast<mqtt::RetainHandling>(each.retain_handling)}});
  }
  std::vector<uint8_t> encoded;
  if (options_.version == Version::v5) static_cast<void>(encode_properties(properties, encoded));
  mqtt::encode_subscribe(mqtt::PacketId(packet_id), view(encoded), filters, version(), out_);
  asked_[packet_id] = asked;
  trace({.sent = true, .name = "SUBSCRIBE", .packet_id = packet_id});
}

Error Machine::State::unsubscribe(std::span<const std::string> filters,
                                  const Properties& properties, Request& request) {
  if (filters.empty()) return invalid("no topic filter");
  for (const std::string& each : filters) {
    if (!is_filter(each)) return invalid("the topic filter is not one: " + each);
  }
  if (const char* wrong =
          wrong_properties(properties, mqtt::PropertyPlace::unsubscribe, scratch_)) {
    return invalid(wrong);
  }
  if (!may_send()) return not_connected();
  const std::optional<uint16_t> id = ids_.take();
  if (!id) return {.kind = ErrorKind::queue_full, .text = "all packet identifiers are in use"};
  request = ++last_request_;
  std::vector<std::string_view> views(filters.begin(), filters.end());
  for (const std::string& each : filters) {
    std::erase_if(subscribed_, [&each](const auto& known) { return known.first.filter == each; });
  }
  const mqtt::Properties encoded =
      options_.version == Version::v5 ? view(scratch_) : mqtt::Properties();
  mqtt::encode_unsubscribe(mqtt::PacketId(*id), encoded, views, version(), out_);
  asked_[*id] = {.request = request};
  trace({.sent = true, .name = "UNSUBSCRIBE", .packet_id = *id});
  return {};
}

Error Machine::State::authenticate(uint8_t reason, const Properties& properties) {
  if (options_.version != Version::v5) {
    return {.kind = ErrorKind::not_supported, .text = "only MQTT 5 has AUTH"};
  }
  if (stage_ != State::Stage::waiting && stage_ != State::Stage::connected) return not_connected();
  if (const char* wrong = wrong_properties(properties, mqtt::PropertyPlace::auth, scratch_)) {
    return invalid(wrong);
  }
  mqtt::encode(
      mqtt::Auth{.reason = static_cast<mqtt::Reason>(reason), .properties = view(scratch_)}, out_);
  trace({.sent = true, .name = "AUTH", .reason = reason});
  return {};
}

void Machine::State::disconnect(uint8_t reason, const Properties& properties) {
  if (stage_ != State::Stage::connected && stage_ != State::Stage::waiting) return;
  mqtt::Disconnect packet{.reason = static_cast<mqtt::Reason>(reason)};
  scratch_.clear();
  if (options_.version == Version::v5 && encode_properties(properties, scratch_)) {
    packet.properties = view(scratch_);
  }
  if (may_send()) {
    mqtt::encode(packet, version(), out_);
    trace({.sent = true, .name = "DISCONNECT", .reason = reason});
  }
  fail({});
}

Machine::Machine(Options options, Handler& handler)
    : state_(std::make_unique<State>(std::move(options), handler)) {}

Machine::~Machine() = default;

void Machine::set_options(Options options) {
  state_->set_options(std::move(options));
}

void Machine::opened(Time now) {
  state_->open(now);
}

void Machine::received(std::span<const uint8_t> bytes, Time now) {
  state_->receive(bytes, now);
}

void Machine::closed(Time now) {
  state_->close(now);
}

void Machine::passed(Time now) {
  state_->pass(now);
}

std::optional<Time> Machine::deadline() const {
  return state_->deadline();
}

std::span<const uint8_t> Machine::output() const {
  return state_->output();
}

void Machine::wrote(size_t count, Time now) {
  state_->wrote(count, now);
}

void Machine::set_reading(bool reads, Time now) {
  state_->set_reading(reads, now);
}

bool Machine::is_ending() const {
  return state_->is_ending();
}

Error Machine::publish(const Message& message, Request& request) {
  return state_->publish(message, request);
}

Error Machine::subscribe(std::span<const Subscription> subscriptions, const Properties& properties,
                         Request& request) {
  return state_->subscribe(subscriptions, properties, request);
}

Error Machine::unsubscribe(std::span<const std::string> filters, const Properties& properties,
                           Request& request) {
  return state_->unsubscribe(filters, properties, request);
}

void Machine::acknowledge(uint16_t packet_id, Qos qos) {
  state_->acknowledge(packet_id, qos);
}

Error Machine::authenticate(uint8_t reason, const Properties& properties) {
  return state_->authenticate(reason, properties);
}

void Machine::disconnect(uint8_t reason, const Properties& properties) {
  state_->disconnect(reason, properties);
}

bool Machine::is_connected() const {
  return state_->is_connected();
}

size_t Machine::unacknowledged() const {
  return state_->outgoing().unfinished();
}

size_t Machine::room() const {
  const size_t used = state_->outgoing().unfinished();
  return used < state_->window() ? state_->window() - used : 0;
}

}  // namespace tombo::client
