#include "server/sys_topics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace tombo::server {
namespace {

using broker::LimitHit;
using broker::Stats;

/// A sample and the highest values up to it.
struct View {
  const SysSample& sample;
  uint64_t clients_maximum;
  uint64_t heap_maximum;
};

/// A topic below $SYS/broker/ with a whole number.
struct Number {
  std::string_view topic;
  uint64_t (*value)(const View&);
  std::string_view alias = {};
  bool since_2_1 = false;
};

template <uint64_t Stats::*kField>
uint64_t stat(const View& view) {
  return view.sample.stats.*kField;
}

template <LimitHit kLimit>
uint64_t hits(const View& view) {
  return view.sample.stats.hits(kLimit);
}

uint64_t disconnected(const View& view) {
  const Stats& stats = view.sample.stats;
  // Shards are read one after the other, so a client on its way between them may be counted oddly.
  return stats.sessions - std::min(stats.sessions, stats.connected);
}

constexpr Number kNumbers[] = {
    {"clients/total", &stat<&Stats::sessions>},
    {"clients/maximum", [](const View& view) { return view.clients_maximum; }},
    {"clients/disconnected", &disconnected, "clients/inactive"},
    {"clients/connected", &stat<&Stats::connected>, "clients/active"},
    {"clients/expired", &stat<&Stats::clients_expired>},
    {"messages/stored", &stat<&Stats::stored_messages>, "store/messages/count"},
    {"store/messages/bytes", &stat<&Stats::stored_bytes>},
    {"subscriptions/count", &stat<&Stats::subscriptions>},
    {"shared_subscriptions/count", &stat<&Stats::shared_subscriptions>},
    {"retained messages/count", &stat<&Stats::retained_messages>},
    {"heap/current", [](const View& view) { return view.sample.heap_bytes; }},
    {"heap/maximum", [](const View& view) { return view.heap_maximum; }},
    {"messages/received", &stat<&Stats::messages_received>},
    {"messages/sent", &stat<&Stats::messages_sent>},
    {"publish/messages/dropped", &stat<&Stats::publish_messages_dropped>},
    {"publish/messages/received", &stat<&Stats::publish_messages_received>},
    {"publish/messages/sent", &stat<&Stats::publish_messages_sent>},
    {"publish/bytes/received", &stat<&Stats::publish_bytes_received>},
    {"publish/bytes/sent", &stat<&Stats::publish_bytes_sent>},
    {"bytes/received", &stat<&Stats::bytes_received>},
    {"bytes/sent", &stat<&Stats::bytes_sent>},
    {"refused/connect", &stat<&Stats::connects_refused>},
    {"refused/publish", &stat<&Stats::publishes_refused>},
    {"refused/subscribe", &stat<&Stats::subscribes_refused>},
    {"refused/delivery", &stat<&Stats::deliveries_refused>},
    {"limits/connect_timeout", &hits<LimitHit::connect_timeout>},
    {"limits/connect_size", &hits<LimitHit::connect_size>},
    {"limits/pending_connections", &hits<LimitHit::pending>},
    {"limits/connection_rate", &hits<LimitHit::connection_rate>},
    {"limits/login_failures_per_address", &hits<LimitHit::login_failures_of_address>},
    {"limits/login_failures_per_user", &hits<LimitHit::login_failures_of_user>},
    {"limits/rate_per_client", &hits<LimitHit::client_rate>},
    {"limits/rate_per_user", &hits<LimitHit::user_rate>},
    {"limits/subscriptions", &hits<LimitHit::subscriptions>},
    {"limits/topic_levels", &hits<LimitHit::topic_levels>},
    {"limits/user_properties", &hits<LimitHit::user_properties>},
    {"limits/will_size", &hits<LimitHit::will_size>},
    {"limits/retained", &hits<LimitHit::retained>},
    {"packet/out/count", &stat<&Stats::packets_waiting>, {}, true},
    {"packet/out/bytes", &stat<&Stats::packet_bytes_waiting>, {}, true},
    {"connections/socket/count", &stat<&Stats::sockets_opened>, {}, true},
};

/// A group of topics $SYS/broker/load/NAME/{1min,5min,15min}.
struct LoadName {
  std::string_view name;
  uint64_t Stats::*counter;
};

constexpr LoadName kLoadNames[] = {
    {"messages/received", &Stats::messages_received},
    {"messages/sent", &Stats::messages_sent},
    {"publish/dropped", &Stats::publish_messages_dropped},
    {"publish/received", &Stats::publish_messages_received},
    {"publish/sent", &Stats::publish_messages_sent},
    {"bytes/received", &Stats::bytes_received},
    {"bytes/sent", &Stats::bytes_sent},
    {"sockets", &Stats::sockets_opened},
    {"connections", &Stats::connections_accepted},
};

struct Span {
  std::string_view name;
  double seconds;
};

constexpr Span kSpanNames[] = {{"1min", 60}, {"5min", 300}, {"15min", 900}};

std::string below_broker(std::string_view topic) {
  return fmt::format("$SYS/broker/{}", topic);
}

}  // namespace

SysTopics::SysTopics(std::string version, config::Compatibility compatibility)
    : version_(std::move(version)), compatibility_(compatibility), numbers_(std::size(kNumbers)) {
  static_assert(std::size(kLoadNames) == kLoads);
  static_assert(std::size(kSpanNames) == kSpans);
}

std::vector<SysTopics::Item> SysTopics::update(const SysSample& sample) {
  std::vector<Item> changed;
  if (!last_at_s_) {
    changed.push_back({below_broker("version"), fmt::format("mosquitto version {}", version_)});
  }
  changed.push_back(
      {below_broker("uptime"), fmt::format("{} seconds", static_cast<int64_t>(sample.at_s))});
  update_loads(sample, changed);
  update_numbers(sample, changed);
  last_at_s_ = sample.at_s;
  return changed;
}

void SysTopics::update_numbers(const SysSample& sample, std::vector<Item>& changed) {
  clients_maximum_ = std::max(clients_maximum_, sample.stats.sessions);
  heap_maximum_ = std::max(heap_maximum_, sample.heap_bytes);
  const View view{sample, clients_maximum_, heap_maximum_};
  for (size_t i = 0; i < std::size(kNumbers); ++i) {
    const Number& number = kNumbers[i];
    if (number.since_2_1 && compatibility_ == config::Compatibility::v2_0) continue;
    const uint64_t value = number.value(view);
    if (numbers_[i] == value) continue;
    numbers_[i] = value;
    changed.push_back({below_broker(number.topic), fmt::to_string(value)});
    if (!number.alias.empty()) {
      changed.push_back({below_broker(number.alias), fmt::to_string(value)});
    }
  }
}

void SysTopics::update_loads(const SysSample& sample, std::vector<Item>& changed) {
  const double elapsed_s = sample.at_s - last_at_s_.value_or(sample.at_s);
  for (size_t i = 0; i < kLoads; ++i) {
    Load& load = loads_[i];
    const uint64_t counter = sample.stats.*kLoadNames[i].counter;
    const auto events = static_cast<double>(counter - std::exchange(load.counted, counter));
    for (size_t k = 0; k < kSpans; ++k) {
      // Mosquitto's formula: the rate of the time since the last update goes into the average.
      if (elapsed_s > 0) {
        const double per_minute = events * 60.0 / elapsed_s;
        const double weight = std::exp(-elapsed_s / kSpanNames[k].seconds);
        load.averages[k] = per_minute + weight * (load.averages[k] - per_minute);
      }
      std::string text = fmt::format("{:.2f}", load.averages[k]);
      if (text == load.published[k]) continue;
      load.published[k] = text;
      changed.push_back(
          {fmt::format("$SYS/broker/load/{}/{}", kLoadNames[i].name, kSpanNames[k].name),
           std::move(text)});
    }
  }
}

}  // namespace tombo::server
