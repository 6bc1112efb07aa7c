#include "sim/plan.h"

#include <array>
#include <span>

#include "base/random.h"

namespace tombo::sim {

namespace {

using Kind = Event::Kind;

struct Weight {
  Kind kind;
  unsigned weight;
};

constexpr std::array kWeights = {
    Weight{Kind::connect, 16},   Weight{Kind::connect_clean, 5}, Weight{Kind::disconnect, 6},
    Weight{Kind::drop, 8},       Weight{Kind::publish, 40},      Weight{Kind::publish_many, 6},
    Weight{Kind::subscribe, 20}, Weight{Kind::unsubscribe, 5},   Weight{Kind::ping, 4},
    Weight{Kind::lazy, 4},       Weight{Kind::busy, 6},          Weight{Kind::slow, 4},
    Weight{Kind::vandal, 3},     Weight{Kind::pass_time, 4},     Weight{Kind::long_time, 1},
    Weight{Kind::reload, 1},     Weight{Kind::crash, 1},         Weight{Kind::calm, 3},
};

/// Where subscribing and publishing meet.
constexpr std::array kNarrowWeights = {
    Weight{Kind::connect, 10},     Weight{Kind::connect_clean, 6}, Weight{Kind::drop, 4},
    Weight{Kind::publish, 40},     Weight{Kind::subscribe, 40},    Weight{Kind::meet, 20},
    Weight{Kind::unsubscribe, 12}, Weight{Kind::calm, 2},
};

Kind pick(std::span<const Weight> weights, Random& random) {
  unsigned sum = 0;
  for (const Weight& each : weights) sum += each.weight;
  auto at = static_cast<unsigned>(random.below(sum));
  for (const Weight& each : weights) {
    if (at < each.weight) return each.kind;
    at -= each.weight;
  }
  return Kind::calm;
}

/// In half of the worlds with a store there are several, with clients that come back in between.
void add_crashes(Plan& plan) {
  Random random(plan.seed ^ 0xD15C);
  constexpr std::array<uint64_t, 3> kSmallLogs = {0, 2000, 64'000};
  plan.small_log = kSmallLogs.at(random.below(kSmallLogs.size()));
  plan.short_memory = random.one_in(2);
  if (random.one_in(2)) return;
  const auto place = [&] { return plan.clients + random.below(plan.events.size() - plan.clients); };
  for (uint64_t i = 1 + random.below(6); i > 0; --i) {
    plan.events[place()].kind = Kind::crash;
    for (uint64_t j = random.below(plan.clients); j > 0; --j) {
      plan.events[place()].kind = Kind::connect;
    }
  }
}

}  // namespace

std::string_view name(Kind kind) {
  constexpr std::array<std::string_view, 19> kNames = {
      "connect",   "connect clean", "disconnect", "drop",  "publish", "publish many", "subscribe",
      "meet",      "unsubscribe",   "ping",       "lazy",  "busy",    "slow",         "vandal",
      "pass time", "long time",     "reload",     "crash", "calm"};
  return kNames.at(static_cast<size_t>(kind));
}

Plan make_plan(uint64_t seed, uint64_t cut_at) {
  Random random(seed);
  Plan plan;
  plan.seed = seed;
  plan.shards = random.one_in(4) ? 1 : static_cast<unsigned>(random.between(2, 5));
  plan.clients = static_cast<uint32_t>(random.between(2, 9));
  size_t events = static_cast<size_t>(random.between(40, 250));
  if (random.one_in(40)) {
    plan.clients = static_cast<uint32_t>(random.between(100, 300));
    events = 2000;
  }
  plan.store_keeps = random.one_in(2);
  plan.duplicates = random.one_in(2);
  plan.upgrades = random.one_in(8);
  plan.short_queues = random.one_in(8);
  plan.queue_qos0 = random.one_in(4);
  plan.is_v2_0 = random.one_in(3);
  plan.short_replays = random.one_in(2);
  plan.is_narrow = random.one_in(3);
  constexpr std::array<unsigned, 5> kWindows = {20, 1, 2, 5, 0};
  plan.windows = {kWindows.at(random.below(5)), kWindows.at(random.below(5))};
  plan.steps = static_cast<unsigned>(random.between(1, 40));
  for (size_t i = 0; i < events; ++i) {
    Event event{plan.is_narrow ? pick(kNarrowWeights, random) : pick(kWeights, random),
                static_cast<uint32_t>(random.below(plan.clients)), random.next()};
    // In the beginning clients come and subscribe, or little happens.
    if (i < plan.clients) event = {Kind::connect, static_cast<uint32_t>(i), random.next()};
    if (event.kind == Kind::crash && !plan.store_keeps) event.kind = Kind::calm;
    plan.events.push_back(event);
  }
  if (plan.store_keeps) add_crashes(plan);
  plan.cut_at = cut_at;
  for (Event& event : plan.events) {
    if (cut_at != 0 && event.kind == Kind::crash) event.kind = Kind::calm;
  }
  return plan;
}

}  // namespace tombo::sim
