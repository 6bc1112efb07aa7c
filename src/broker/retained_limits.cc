#include "broker/core.h"

// The limits on retained messages, at the keeper of their topics. Who publishes is not told: the
// message was delivered, and the keeper may be another shard. The log tells it once a minute.
namespace tombo::broker {

using mqtt::Message;

namespace {

constexpr Duration kQuiet = std::chrono::seconds(60);

int64_t bytes_of(const Message* message) {
  return message == nullptr ? 0 : static_cast<int64_t>(message->footprint());
}

}  // namespace

/// Sets or clears the retained message of a topic. One that no limit lets in takes the old one with
/// it: a value that is out of date is worse than none.
bool Core::keep_retained(const SharedRef<const Message>& message) {
  const bool clears = message->payload_size() == 0;
  const bool looks = config().limits.any_retained() || disk_full_;
  const Message* old = looks ? retained_.find(message->topic()) : nullptr;
  const std::string why = looks && !clears ? check_retained(*message, old) : std::string();
  if (old != nullptr) count_retained_of_client(*old, -1);
  if (why.empty()) {
    if (!clears) count_retained_of_client(*message, 1);
    retained_.set(message);
    tell_retained();
    return !clears;
  }
  count(LimitHit::retained);
  if (now_.time >= retained_quiet_until_) {
    retained_quiet_until_ = now_.time + kQuiet;
    LOG_TO(log(), LogType::notice, "PUBLISH to '{}' not retained: {}.", message->topic(), why);
  }
  if (old == nullptr) return false;
  retained_.set(Message::make({.topic = message->topic(), .properties = {}, .payload = {}}));
  tell_retained();
  return false;
}

/// Why there is no place for a retained message; empty: there is one. The broker's own always have
/// one.
std::string Core::check_retained(const Message& message, const Message* old) {
  if (message.origin() == 0) return {};
  if (const auto full = no_room_for(message); !full.empty()) return std::string(full);
  const config::Limits& limits = config().limits;
  Admission::Retained sum;
  if (multi() && setup_.admission != nullptr) {
    sum = setup_.admission->retained_elsewhere(setup_.shard);
  }
  sum.messages += static_cast<int64_t>(retained_.size()) + (old == nullptr ? 1 : 0);
  sum.bytes += static_cast<int64_t>(retained_.bytes()) + bytes_of(&message) - bytes_of(old);
  if (limits.max_retained_messages != 0 && old == nullptr &&
      sum.messages > int64_t{limits.max_retained_messages}) {
    return fmt::format("more than {} retained messages (max_retained_messages)",
                       limits.max_retained_messages);
  }
  if (limits.max_retained_bytes != 0 &&
      static_cast<uint64_t>(sum.bytes) > limits.max_retained_bytes) {
    return fmt::format("more than {} bytes of retained messages (max_retained_bytes)",
                       limits.max_retained_bytes);
  }
  return check_retained_of_client(message, old);
}

std::string Core::check_retained_of_client(const Message& message, const Message* old) {
  const config::Limits& limits = config().limits;
  if (!limits.any_retained_per_client() || setup_.admission == nullptr) return {};
  const bool own = old != nullptr && old->origin() == message.origin();
  Admission::Retained sum =
      setup_.admission->add_retained_of_client(message.origin(), {}, now_.time);
  sum.messages += own ? 0 : 1;
  sum.bytes += bytes_of(&message) - (own ? bytes_of(old) : 0);
  if (limits.max_retained_messages_per_client != 0 && !own &&
      sum.messages > int64_t{limits.max_retained_messages_per_client}) {
    return fmt::format(
        "its client has {} retained messages already (max_retained_messages_per_client)",
        limits.max_retained_messages_per_client);
  }
  if (limits.max_retained_bytes_per_client != 0 &&
      static_cast<uint64_t>(sum.bytes) > limits.max_retained_bytes_per_client) {
    return fmt::format(
        "its client has more than {} bytes of retained messages (max_retained_bytes_per_client)",
        limits.max_retained_bytes_per_client);
  }
  return {};
}

void Core::count_retained_of_client(const Message& message, int sign) {
  if (!config().limits.any_retained_per_client() || setup_.admission == nullptr ||
      message.origin() == 0) {
    return;
  }
  setup_.admission->add_retained_of_client(message.origin(), {sign, sign * bytes_of(&message)},
                                           now_.time);
}

/// Other shards add up what each of them keeps.
void Core::tell_retained() {
  if (!multi() || setup_.admission == nullptr) return;
  setup_.admission->set_retained(setup_.shard, {static_cast<int64_t>(retained_.size()),
                                                static_cast<int64_t>(retained_.bytes())});
}

}  // namespace tombo::broker
