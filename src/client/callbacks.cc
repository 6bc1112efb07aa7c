#include "client/callbacks.h"

#include "mqtt/topic.h"

namespace tombo::client {
namespace {

/// Without "$share/group/".
std::string_view plain_filter(std::string_view filter) {
  const auto shared = mqtt::is_shared(filter) ? mqtt::parse_shared(filter) : std::nullopt;
  return shared ? shared->filter : filter;
}

}  // namespace

void Callbacks::set(const std::string& filter, Client::MessageCallback callback) {
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Filters>(*filters_);
  std::erase_if(*changed, [&filter](const auto& known) { return known.first == filter; });
  if (callback) changed->emplace_back(filter, std::move(callback));
  filters_ = std::move(changed);
}

bool Callbacks::tell(const IncomingMessage& message) const {
  std::unique_lock lock(mutex_);
  const auto filters = filters_;
  lock.unlock();
  bool told = false;
  for (const auto& [filter, callback] : *filters) {
    if (!mqtt::topic_matches(plain_filter(filter), message.topic)) continue;
    callback(message);
    told = true;
  }
  if (told || !on_message) return told;
  on_message(message);
  return true;
}

}  // namespace tombo::client
