#include "client/responses.h"

#include <algorithm>
#include <array>
#include <sys/random.h>
#include <utility>

#include <fmt/core.h>

#include "base/bytes.h"
#include "base/check.h"

namespace tombo::client {

Responses::Responses() {
  std::array<uint8_t, 12> random{};
  CHECK(::getrandom(random.data(), random.size(), 0) == static_cast<ssize_t>(random.size()));
  topic_ = "tombo/response/" + hex(random);
}

void Responses::add(Message& message, Time until, const Promise<IncomingMessage>& promise) {
  const std::string correlation = fmt::format("{:x}", ++last_);
  message.properties.add(PropertyId::response_topic, topic_);
  message.properties.add(PropertyId::correlation_data, correlation);
  waiting_.emplace(correlation, Waiting{until, promise});
}

bool Responses::take(const IncomingMessage& message) {
  if (message.topic != topic_) return false;
  const std::string* correlation = message.properties.text(PropertyId::correlation_data);
  const auto found = correlation == nullptr ? waiting_.end() : waiting_.find(*correlation);
  // One that comes too late is nobody's.
  if (found == waiting_.end()) return true;
  const Waiting waiting = std::move(found->second);
  waiting_.erase(found);
  waiting.promise.give({.value = message});
  return true;
}

void Responses::expire(Time now) {
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    if (at->second.until > now) {
      ++at;
      continue;
    }
    const Waiting waiting = std::move(at->second);
    at = waiting_.erase(at);
    waiting.promise.fail({.kind = ErrorKind::timeout, .text = "no response came"});
  }
}

std::optional<Time> Responses::deadline() const {
  std::optional<Time> first;
  for (const auto& [correlation, waiting] : waiting_) {
    if (!first || waiting.until < *first) first = waiting.until;
  }
  return first;
}

void Responses::give_up(const Error& why) {
  for (const auto& [correlation, waiting] : std::exchange(waiting_, {})) {
    waiting.promise.fail(why);
  }
}

}  // namespace tombo::client
