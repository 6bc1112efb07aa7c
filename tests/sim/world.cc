#include "sim/world.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "base/check.h"
#include "mqtt/encode.h"
#include "mqtt/topic.h"

namespace tombo::sim {

using mqtt::Qos;
using mqtt::Version;
using Kind = Event::Kind;

namespace {

constexpr std::array<std::string_view, 12> kTopics = {"a",     "a/b", "a/b/c", "a/c",   "b",  "b/a",
                                                      "b/c/a", "r/1", "r/2",   "r/1/x", "/a", "a/"};
constexpr std::array<std::string_view, 18> kFilters = {
    "#",   "a/#", "+",     "+/b", "a/+",   "a/b/c", "a",      "r/#", "r/+",
    "r/1", "b/#", "b/+/a", "+/+", "+/a/#", "w/#",   "w/will", "a/b", "/+"};

constexpr std::array<std::string_view, 2> kNarrowTopics = {"r/1", "r/2"};
constexpr std::array<std::string_view, 4> kNarrowFilters = {"r/1", "r/+", "r/2", "#"};

constexpr size_t kRoom = size_t{1} << 30;

std::string_view one_of(std::span<const std::string_view> all, Random& random) {
  return all[random.below(all.size())];
}

Qos some_qos(Random& random) {
  return static_cast<Qos>(random.below(3));
}

}  // namespace

World::World(const Plan& plan)
    : plan_(plan),
      shards_(plan.shards),
      oracle_(Allowed{.duplicates = plan.duplicates,
                      .drops = plan.short_queues,
                      .upgrades = plan.upgrades,
                      .group_losses = plan.store_keeps && plan.short_memory,
                      .group_losses_after_death = plan.store_keeps}) {
  now_.wall_ms = 1'700'000'000'000;
  for (uint32_t i = 0; i <= plan.clients; ++i) clients_.emplace_back(i, oracle_);
  const bool any_unlimited = std::ranges::find(plan.windows, 0U) != plan.windows.end();
  const unsigned window = any_unlimited ? 0 : std::ranges::max(plan.windows);
  for (Client& client : clients_) client.set_window(window);
}

World::~World() = default;

std::shared_ptr<const config::Config> World::make_config(unsigned window) const {
  config::Config config = config::default_config(plan_.is_v2_0 ? config::Compatibility::v2_0
                                                               : config::Compatibility::v2_1);
  config.max_inflight_messages = static_cast<uint16_t>(window);
  config.allow_duplicate_messages = plan_.duplicates;
  config.upgrade_outgoing_qos = plan_.upgrades;
  config.queue_qos0_messages = plan_.queue_qos0;
  config.max_queued_messages = plan_.short_queues ? 3 : 0;
  // Slow enough to hold back some, fast enough to be through when the world comes to rest.
  if (plan_.seed % 4 == 0) config.limits.max_message_rate_per_client = 20;
  return std::make_shared<const config::Config>(std::move(config));
}

broker::ReplayLimits World::replay_limits() const {
  if (!plan_.short_replays) return {};
  // Each way out of a replay that is too long, with few messages.
  Random random(plan_.seed);
  return {.page = static_cast<size_t>(random.between(1, 3)),
          .active = static_cast<size_t>(random.between(1, 3)),
          .held = static_cast<size_t>(random.between(0, 4)),
          .seen = static_cast<size_t>(random.between(0, 2))};
}

broker::QueueLimits World::queue_limits() const {
  if (!plan_.short_memory) return {};
  Random random(plan_.seed);
  return {.in_memory = static_cast<size_t>(random.between(1, 4)),
          .page = static_cast<uint32_t>(random.between(1, 4))};
}

void World::start_broker(const Found& found) {
  if (network_) now_ = network_->now();
  network_.reset();
  network_ = std::make_unique<Network>(Network::Setup{.shards = shards_,
                                                      .config = make_config(plan_.windows[window_]),
                                                      .disk = disk_.get(),
                                                      .seed = plan_.seed + starts_++,
                                                      .first_session_key = found.next_session_key,
                                                      .first_decision = found.next_decision,
                                                      .start = now_,
                                                      .log = log_,
                                                      .replay_limits = replay_limits(),
                                                      .queue_limits = queue_limits()});
  for (Client& client : clients_) client.use(network_.get());
}

std::string World::run(Logger* log) {
  log_ = log != nullptr ? log : &nobody_;
  disk_ = std::make_unique<Disk>(plan_.store_keeps, plan_.small_log, queue_limits().in_memory);
  const Result<Found> nothing = disk_->load();
  start_broker(*nothing);
  disk_->fail_sync(plan_.cut_at);
  for (const Event& event : plan_.events) {
    LOG_TO(*log_, LogType::notice, "--- {} (client {})", name(event.kind), event.client);
    carry_out(event);
    Random random(event.seed ^ 0xC4A5);
    if (disk_->is_down() && !oracle_.failed()) crash(random);
    if (!disk_->nonsense().empty()) oracle_.fail("on the disk: " + disk_->nonsense());
    if (oracle_.failed()) return oracle_.failure();
  }
  Random random(plan_.seed ^ 0x5EED);
  LOG_TO(*log_, LogType::notice, "--- the end");
  disk_->fail_sync(0);
  come_to_rest(random);
  if (!oracle_.failed()) check_retained(random);
  if (!oracle_.failed()) clear_away(random);
  if (!disk_->nonsense().empty()) oracle_.fail("on the disk: " + disk_->nonsense());
  return oracle_.failure();
}

void World::carry_out(const Event& event) {
  Random random(event.seed);
  Client& client = clients_[event.client];
  switch (event.kind) {
    case Kind::connect:
      if (!client.is_open() || random.one_in(3)) connect(client, false, random);
      break;
    case Kind::connect_clean:
      connect(client, true, random);
      break;
    case Kind::disconnect: {
      const bool with_will = random.one_in(4);
      client.disconnect(with_will, random.one_in(6) ? std::optional<uint32_t>(0) : std::nullopt);
      break;
    }
    case Kind::drop:
      client.drop(random.one_in(2));
      break;
    case Kind::publish:
      publish(client, random);
      break;
    case Kind::publish_many:
      for (uint64_t i = 5 + random.below(20); i > 0; --i) publish(client, random);
      break;
    case Kind::subscribe:
      subscribe(client, random);
      break;
    case Kind::meet:
      meet(client, fmt::format("m/{}", event.seed % 1'000'000), random);
      break;
    case Kind::unsubscribe:
      client.unsubscribe(client.some_filter(random));
      break;
    case Kind::ping:
      client.ping();
      break;
    case Kind::lazy:
      client.set_lazy(true);
      break;
    case Kind::busy:
      client.set_lazy(false);
      break;
    case Kind::slow:
      // It is made small when the client connects; here it gets some more.
      client.poll(1 + random.below(100));
      break;
    case Kind::vandal:
      vandalise(random);
      break;
    case Kind::pass_time:
      pass(Duration(random.between(1, 4000)), random);
      break;
    case Kind::long_time:
      pass(Duration(random.between(4000, 40'000)), random);
      break;
    case Kind::reload:
      reload();
      break;
    case Kind::crash:
      plan_crash(random);
      break;
    case Kind::calm:
      settle(random);
      break;
  }
  stir(random);
}

/// Shards, the disk and clients do some of what they have to do, in any order.
void World::stir(Random& random) {
  for (uint64_t i = random.below(plan_.steps + 1); i > 0 && !oracle_.failed(); --i) {
    if (random.one_in(3)) {
      Client& client = clients_[random.below(clients_.size())];
      client.poll(random.one_in(3) ? 1 + random.below(40) : kRoom);
    } else {
      network_->step(random);
    }
  }
}

void World::settle(Random& random) {
  for (bool moved = true; moved && !oracle_.failed();) {
    if (!network_->settle(random)) return oracle_.fail("the broker does not come to rest");
    moved = false;
    for (Client& client : clients_) moved |= client.poll(kRoom);
  }
}

void World::pass(Duration duration, Random& random) {
  if (!network_->advance(duration, random)) oracle_.fail("a deadline that stays");
}

void World::connect(Client& client, bool clean, Random& random) {
  if (!client.may_connect()) return;
  ConnectPlan plan;
  constexpr std::array kVersions = {Version::v5, Version::v5, Version::v3_1_1, Version::v3_1};
  plan.version = kVersions.at(random.below(4));
  plan.clean = clean;
  constexpr std::array<uint32_t, 5> kExpiries = {0xFFFF'FFFF, 0xFFFF'FFFF, 10'000'000, 0,
                                                 kExpiryShort};
  plan.expiry = kExpiries.at(random.below(5));
  plan.keep_alive = random.one_in(4) ? 20 : 0;
  plan.with_will = random.one_in(3);
  plan.pipelines = random.one_in(3);
  plan.room = random.one_in(5) ? 200 + random.below(2000) : kRoom;
  client.connect(plan, random);
}

void World::publish(Client& client, Random& random) {
  Publication publication;
  publication.topic = plan_.is_narrow ? one_of(kNarrowTopics, random) : one_of(kTopics, random);
  publication.retain = publication.topic.front() == 'r' || random.one_in(6);
  publication.is_empty = publication.retain && random.one_in(10);
  publication.qos = some_qos(random);
  publication.expires = random.one_in(20);
  client.publish(std::move(publication), random);
}

void World::subscribe(Client& client, Random& random) {
  std::vector<std::pair<std::string, mqtt::SubscribeOptions>> filters;
  for (uint64_t i = 1 + random.below(3); i > 0; --i) {
    std::string filter(plan_.is_narrow ? one_of(kNarrowFilters, random) : one_of(kFilters, random));
    if (random.one_in(5)) filter = fmt::format("$share/g{}/{}", random.below(2), filter);
    mqtt::SubscribeOptions options;
    options.qos = some_qos(random);
    options.no_local = random.one_in(5);
    options.retain_as_published = random.one_in(3);
    options.retain_handling = static_cast<mqtt::RetainHandling>(random.below(3));
    const bool is_double =
        std::ranges::any_of(filters, [&](const auto& each) { return each.first == filter; });
    if (!is_double) filters.emplace_back(std::move(filter), options);
  }
  client.subscribe(filters, random.one_in(3));
}

void World::meet(Client& client, const std::string& topic, Random& random) {
  Client& other = clients_[random.below(clients_.size())];
  Publication publication;
  publication.topic = topic;
  publication.retain = true;
  publication.qos = random.one_in(2) ? Qos::at_least_once : Qos::exactly_once;
  const bool subscribes_first = random.one_in(2);
  if (subscribes_first) other.subscribe({{topic, {.qos = publication.qos}}}, false);
  client.publish(std::move(publication), random);
  if (!subscribes_first) other.subscribe({{topic, {.qos = Qos::at_least_once}}}, false);
}

/// Somebody connects, is let in or not, and sends bytes that make no sense or almost do.
void World::vandalise(Random& random) {
  Socket& socket = network_->open(9999, static_cast<unsigned>(random.below(64)), kRoom);
  const auto version = random.one_in(2) ? Version::v5 : Version::v3_1_1;
  std::vector<uint8_t> bytes;
  if (!random.one_in(4)) {
    const std::string id = fmt::format("v{}", random.below(3));
    mqtt::Connect connect;
    connect.version = version;
    connect.clean_start = true;
    connect.client_id = id;
    mqtt::encode(connect, bytes);
  }
  network_->send(socket, bytes);
  std::vector<uint8_t> rest;
  for (uint64_t i = random.below(4); i > 0; --i) {
    mqtt::Publish publish;
    publish.topic = "v/x";
    publish.qos = some_qos(random);
    publish.packet_id = mqtt::PacketId(publish.qos == Qos::at_most_once ? 0 : 7);
    publish.payload = as_bytes("vandal");
    mqtt::encode(publish, version, rest);
    const std::vector<mqtt::Subscription> filters = {{"v/#", {.qos = some_qos(random)}}};
    mqtt::encode_subscribe(mqtt::PacketId(3), {}, filters, version, rest);
  }
  if (!rest.empty()) {
    for (uint64_t i = random.below(4); i > 0; --i) {
      rest[random.below(rest.size())] = static_cast<uint8_t>(random.next());
    }
  }
  for (uint64_t i = random.below(12); i > 0; --i) {
    rest.push_back(static_cast<uint8_t>(random.next()));
  }
  network_->send(socket, rest);
  network_->hang_up(socket, random.one_in(3));
}

void World::reload() {
  window_ = (window_ + 1) % static_cast<unsigned>(plan_.windows.size());
  network_->reload(make_config(plan_.windows[window_]));
}

/// Now, or when a sync to come fails.
void World::plan_crash(Random& random) {
  if (random.one_in(3)) return disk_->fail_sync(1 + random.below(6));
  if (random.one_in(3)) settle(random);
  if (!disk_->is_down() && !oracle_.failed()) crash(random);
}

/// The process is killed and the power goes. What clients know by now must be on the disk.
void World::crash(Random& random) {
  const bool at_rest = !disk_->is_down() && network_->is_at_rest();
  LOG_TO(*log_, LogType::notice, "--- the broker dies{}", at_rest ? ", at rest" : "");
  for (Client& client : clients_) {
    // Some of what was on its way to them arrives.
    if (random.one_in(2)) client.poll(kRoom);
  }
  if (oracle_.failed()) return;
  for (Client& client : clients_) client.broker_died(at_rest);
  oracle_.broker_died(at_rest);
  disk_->crash(random);
  if (random.one_in(8)) {
    if (const std::string wrong = disk_->read_damaged(random); !wrong.empty()) {
      return oracle_.fail(wrong);
    }
  }
  restart(random);
}

/// Perhaps with another number of shards, and at another time. It may die again meanwhile.
void World::restart(Random& random) {
  constexpr std::array<int64_t, 8> kJumpsSeconds = {0, 0, 0, 11, 86'400, -3'600, -5, -31'536'000};
  for (int64_t later_s = 0;;) {
    const Result<Found> found = disk_->load();
    if (!found) return oracle_.fail("the store cannot be read: " + found.error().text);
    const Result<Found> all = disk_->look();
    if (!all) return oracle_.fail("the store cannot be read: " + all.error().text);
    oracle_.check_disk(*all);
    if (oracle_.failed()) return;
    if (random.one_in(2)) shards_ = static_cast<unsigned>(random.between(1, 5));
    now_ = network_->now();
    const int64_t jump_s = kJumpsSeconds.at(random.below(kJumpsSeconds.size()));
    later_s += jump_s;
    now_.wall_ms += jump_s * 1000;
    network_.reset();
    start_broker(*found);
    if (random.one_in(6)) disk_->fail_sync(1 + random.below(2));
    if (!network_->restore(*found, random)) return oracle_.fail("a start does not come to its end");
    if (!disk_->is_down()) {
      for (Client& client : clients_) client.broker_started(std::chrono::seconds(later_s));
      return;
    }
    disk_->crash(random);
  }
}

/// Everybody behaves, wills are given time, and whoever has a session comes back for what it holds.
void World::come_to_rest(Random& random) {
  for (Socket& socket : network_->sockets()) socket.room = kRoom;
  for (Client& client : clients_) client.set_lazy(false);
  settle(random);
  end_lost_connections();
  settle(random);
  pass(Duration(15'000), random);
  settle(random);
  for (Client& client : clients_) {
    client.settle_wills(true);
    if (client.is_open() || !client.is_durable()) continue;
    ConnectPlan plan;
    plan.version = client.version();
    plan.expiry = 0xFFFF'FFFF;
    plan.room = kRoom;
    client.connect(plan, random);
  }
  settle(random);
  if (oracle_.failed()) return;
  for (const Client& client : clients_) {
    const std::string missing = client.waits_for();
    if (missing.empty()) continue;
    return oracle_.fail(fmt::format("client {} never gets {}", client.index(), missing));
  }
  check_connections();
  oracle_.check_at_rest();
}

/// Those that nobody holds any more: a client that has a new one must have ended its old ones, one
/// that has none leaves it to the network.
void World::end_lost_connections() {
  for (Socket& socket : network_->sockets()) {
    if (socket.ended || socket.hung_up || socket.owner >= clients_.size()) continue;
    const Client& owner = clients_[socket.owner];
    if (owner.socket() == &socket) continue;
    if (owner.is_connected()) {
      return oracle_.fail(fmt::format("client {} has two connections", socket.owner));
    }
    network_->hang_up(socket, true);
  }
}

void World::check_connections() {
  for (const Socket& socket : network_->sockets()) {
    if (socket.ended) continue;
    if (socket.owner < clients_.size() && clients_[socket.owner].socket() == &socket) continue;
    return oracle_.fail(fmt::format("a connection of client {} is left over", socket.owner));
  }
}

void World::check_retained(Random& random) {
  Client& checker = clients_.back();
  ConnectPlan plan;
  plan.clean = true;
  plan.room = kRoom;
  checker.connect(plan, random);
  settle(random);
  // At QoS 0 no queue is too short.
  checker.subscribe({{"#", {.qos = Qos::at_most_once}}}, false);
  settle(random);
  if (!oracle_.failed() && !(plan_.short_queues && plan_.upgrades)) {
    oracle_.check_retained(checker.retained());
  }
}

/// Clears all topics where something may be retained.
void World::clear_retained(Random& random) {
  Client& checker = clients_.back();
  // Expired ones are not sent to anybody, but may still be kept.
  std::set<std::string> topics(kTopics.begin(), kTopics.end());
  topics.insert("w/will");
  for (const Client& client : clients_) topics.insert(fmt::format("w/{}", client.index()));
  for (const auto& [topic, payload] : checker.retained()) topics.insert(topic);
  for (const std::string& topic : topics) {
    Publication nothing;
    nothing.topic = topic;
    nothing.qos = Qos::at_least_once;
    nothing.retain = nothing.is_empty = true;
    checker.publish(std::move(nothing), random);
    settle(random);
    pass(Duration(50), random);  // A limit on rates may hold it back.
    settle(random);
  }
}

/// When all sessions have ended and all retained messages are cleared, nothing is left.
void World::clear_away(Random& random) {
  for (Client& client : clients_) {
    ConnectPlan plan;
    plan.version = client.version();
    plan.clean = true;
    plan.room = kRoom;
    client.connect(plan, random);
    settle(random);
    if (&client == &clients_.back()) clear_retained(random);
    client.disconnect(false, std::nullopt);
    settle(random);
  }
  pass(Duration(60'000), random);
  settle(random);
  if (oracle_.failed()) return;
  const broker::Stats stats = network_->stats();
  const std::array left = {std::pair{"sessions", stats.sessions},
                           std::pair{"connections", stats.connected},
                           std::pair{"subscriptions", stats.subscriptions},
                           std::pair{"shared subscriptions", stats.shared_subscriptions},
                           std::pair{"retained messages", stats.retained_messages},
                           std::pair{"messages", stats.stored_messages},
                           std::pair{"bytes", stats.stored_bytes},
                           std::pair{"packets", stats.packets_waiting}};
  for (const auto& [what, count] : left) {
    if (count != 0) return oracle_.fail(fmt::format("{} {} are left over", count, what));
  }
  if (const std::string kept = disk_->leftovers(); !kept.empty()) oracle_.fail(kept);
}

}  // namespace tombo::sim
