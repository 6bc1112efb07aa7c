#include "scenario/world.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/core.h>

#include "base/check.h"
#include "base/hash.h"
#include "scenario/mail_text.h"

namespace tombo::scenario {

using broker::ConnectionId;
using broker::Mail;
using broker::ShardId;
namespace mail = broker::mail;

namespace {

constexpr uint64_t kHashSeed = 42;
constexpr uint64_t kRandomSeed = 7;
constexpr int64_t kWallStart = 1'700'000'000'000;
constexpr int kRoundsMax = 100'000;

std::string_view level_name(LogType type) {
  switch (type) {
    case LogType::info:
      return "info";
    case LogType::notice:
      return "notice";
    case LogType::warning:
      return "warning";
    case LogType::error:
      return "error";
    case LogType::debug:
      return "debug";
    case LogType::subscribe:
      return "subscribe";
    case LogType::unsubscribe:
      return "unsubscribe";
    case LogType::none:
    case LogType::websockets:
    case LogType::internal:
    case LogType::all:
      break;
  }
  return "other";
}

ShardId shard_id(unsigned shard) {
  return ShardId(static_cast<uint8_t>(shard));
}

/// The method TEST. The client decides: `no` is refused, `call-me-NAME` and `i-am-NAME` claim to be
/// NAME, the latter with a proof; without one it is asked for more.
class FakeExchange final : public broker::AuthExchange {
 public:
  broker::AuthDecision next(Bytes data) override {
    constexpr std::string_view kClaim = "call-me-";
    constexpr std::string_view kProof = "i-am-";
    const std::string_view text = as_text(data);
    if (text == "no") return {mqtt::Reason::not_authorized, "as the client wishes"};
    if (text.starts_with(kClaim)) name_ = text.substr(kClaim.size());
    if (text.starts_with(kProof)) {
      name_ = text.substr(kProof.size());
      return {mqtt::Reason::success, {}, "welcome-" + name_};
    }
    return {
        mqtt::Reason::continue_authentication, {}, text.empty() ? "" : fmt::format("{}?", text)};
  }

  [[nodiscard]] std::string_view user_name() const override { return name_; }

 private:
  std::string name_;
};

}  // namespace

class World::RecordingLogger final : public Logger {
 public:
  explicit RecordingLogger(std::vector<std::string>& trace) : trace_(trace) { set_mask(0); }

  using Logger::set_mask;

 private:
  void write(LogType type, std::string_view line) override {
    trace_.push_back(fmt::format("log {}: {}", level_name(type), line));
  }

  std::vector<std::string>& trace_;
};

class World::FakeStore final : public broker::Store {
 public:
  explicit FakeStore(bool keeps) : keeps_(keeps) {}

  [[nodiscard]] bool keeps() const override { return keeps_; }

  void submit(broker::StoreBatch batch) override { taken.push_back(std::move(batch)); }

  std::deque<broker::StoreBatch> taken;
  size_t noted = 0;  ///< of `taken`, shown in the trace

 private:
  bool keeps_;
};

/// Counts as the server does, but for one thread.
class World::FakeAdmission final : public broker::Admission {
 public:
  explicit FakeAdmission(const std::shared_ptr<const config::Config>& config) : config_(config) {}

  bool enter_connection() override { return enter(connections_, config_->global_max_connections); }

  void leave_connection() override {
    CHECK(connections_ > 0);
    --connections_;
  }

  bool enter_session() override { return enter(sessions_, config_->global_max_clients); }

  void leave_session() override {
    CHECK(sessions_ > 0);
    --sessions_;
  }

  void set_retained(ShardId shard, Retained here) override { retained_[shard.value()] = here; }

  Retained retained_elsewhere(ShardId shard) override {
    Retained sum;
    for (const auto& [keeper, here] : retained_) {
      if (keeper == shard.value()) continue;
      sum.messages += here.messages;
      sum.bytes += here.bytes;
    }
    return sum;
  }

  Retained add_retained_of_client(uint64_t origin, Retained change, Time /*now*/) override {
    Retained& sum = of_client_[origin];
    sum.messages += change.messages;
    sum.bytes += change.bytes;
    CHECK(sum.messages >= 0 && sum.bytes >= 0);
    return sum;
  }

  LoginPace login_pace(std::string_view /*address*/, std::string_view user_name,
                       const config::Limits& limits, Time /*now*/) override {
    const uint32_t failed = failures_[std::string(user_name)];
    const uint32_t user_most = limits.max_login_failures_per_user;
    const uint32_t address_most = limits.max_login_failures_per_address;
    return {
        .banned = address_most != 0 && failed >= address_most,
        .delay = Duration(user_most != 0 && failed >= user_most && !user_name.empty() ? 1000 : 0)};
  }

  void login_failed(std::string_view /*address*/, std::string_view user_name,
                    const config::Limits& /*limits*/, Time /*now*/) override {
    ++failures_[std::string(user_name)];
  }

 private:
  static bool enter(int64_t& count, int64_t limit) {
    if (limit >= 0 && count >= limit) return false;
    ++count;
    return true;
  }

  const std::shared_ptr<const config::Config>& config_;
  int64_t connections_ = 0;
  int64_t sessions_ = 0;
  std::map<unsigned, Retained> retained_;
  std::map<uint64_t, Retained> of_client_;
  std::map<std::string, uint32_t> failures_;  ///< they never leak away
};

/// Notes who asks, and lets those with passwords wait.
class World::FakeAuthenticator final : public broker::Authenticator {
 public:
  struct Asked {
    ShardId shard;
    ConnectionId connection;
  };

  explicit FakeAuthenticator(std::vector<std::string>& trace) : trace_(trace) {}

  std::optional<broker::AuthDecision> authenticate(const broker::ConnectInfo& info, ShardId shard,
                                                   ConnectionId connection) override {
    trace_.push_back(fmt::format("login of {}: user {}, password {}", info.client_id,
                                 info.user_name.value_or("none"),
                                 info.password ? as_text(*info.password) : "none"));
    asked.push_back({shard, connection});
    return std::nullopt;
  }

  std::unique_ptr<broker::AuthExchange> begin(std::string_view method, uint16_t listener) override {
    trace_.push_back(fmt::format("method {} at listener {}", method, listener));
    return method == "TEST" ? std::make_unique<FakeExchange>() : nullptr;
  }

  std::deque<Asked> asked;

 private:
  std::vector<std::string>& trace_;
};

/// A client's socket on its way home.
class World::Transport final : public broker::TransportHandle {
 public:
  explicit Transport(Client* owner) : client(owner) {}

  Client* client;
};

struct World::Shard {
  explicit Shard(std::vector<std::string>& trace) : log(trace) {}

  RecordingLogger log;
  std::unique_ptr<broker::Broker> broker;
  broker::FlushBuffer buffer;
};

World::World(WorldSetup setup)
    : config_(std::move(setup.config)),
      interest_(kHashSeed),
      store_(std::make_unique<FakeStore>(setup.store_keeps)),
      admission_(std::make_unique<FakeAdmission>(config_)),
      authenticator_(setup.logins_later ? std::make_unique<FakeAuthenticator>(trace_) : nullptr) {
  now_.wall_ms = kWallStart;
  for (unsigned i = 0; i < setup.shards; ++i) {
    auto shard = std::make_unique<Shard>(trace_);
    shard->broker = std::make_unique<broker::Broker>(
        broker::BrokerSetup{.shard = shard_id(i),
                            .shards = setup.shards,
                            .config = config_,
                            .interest = setup.shards > 1 ? &interest_ : nullptr,
                            .log = &shard->log,
                            .store = store_.get(),
                            .authenticator = authenticator_.get(),
                            .authorizer = setup.authorizer,
                            .admission = admission_.get(),
                            .hash_seed = kHashSeed,
                            .random_seed = kRandomSeed + i,
                            .start = now_.time});
    shards_.push_back(std::move(shard));
  }
}

World::~World() = default;

Client& World::client(const std::string& name) {
  auto& found = clients_[name];
  if (found == nullptr) {
    found = std::make_unique<Client>();
    found->name = name;
    in_order_.push_back(found.get());
  }
  return *found;
}

Client* World::find(unsigned shard, ConnectionId id) {
  for (Client* each : in_order_) {
    if (each->is_open() && each->shard == shard && each->connection == id) return each;
  }
  return nullptr;
}

void World::open(Client& client, unsigned shard, uint16_t listener) {
  CHECK(shard < shards_.size());
  client.shard = shard;
  client.listener = listener;
  client.address = fmt::format("192.0.2.1:{}", 50'001 + in_order_.size() - 1);
  // No script sends the header itself: to the broker such a connection stays silent.
  const bool is_proxied = listener < config_->listeners.size() &&
                          config_->listeners[listener].enable_proxy_protocol != 0;
  client.connection = broker(shard).on_open(
      {.address = client.address, .listener = listener, .is_proxied = is_proxied}, now_);
}

void World::send(Client& client, Bytes bytes) {
  client.to_broker.insert(client.to_broker.end(), bytes.begin(), bytes.end());
}

void World::drop(Client& client, broker::CloseCause cause) {
  const ConnectionId id = client.connection;
  const unsigned shard = client.shard;
  client.close();
  broker(shard).on_closed(id, cause, "Connection reset by peer", now_);
}

void World::set_capacity(Client& client, std::optional<size_t> bytes) {
  client.capacity = bytes;
  if (client.is_open() && client.blocked && bytes != size_t{0}) write(client);
}

void World::settle() {
  for (int i = 0; round(); ++i) CHECK(i < kRoundsMax, "the world does not come to rest");
}

/// One turn of every shard. False when nothing happened.
bool World::round() {
  bool moved = read_sockets();
  for (unsigned shard = 0; shard < shards_.size(); ++shard) {
    broker(shard).end_turn(now_);
    take_moves(shard);
  }
  if (show_batches_) {
    for (; store_->noted < store_->taken.size(); ++store_->noted) {
      trace_.push_back(describe(store_->taken[store_->noted]));
    }
  } else {
    store_->noted = store_->taken.size();
  }
  deliver_first();
  std::vector<std::pair<unsigned, Mail>> mails;
  for (unsigned shard = 0; shard < shards_.size(); ++shard) moved |= carry_out(shard, mails);
  moved |= !mails.empty();
  for (auto& [to, mail] : mails) deliver(to, std::move(mail));
  return moved;
}

bool World::read_sockets() {
  bool any = false;
  for (size_t i = 0; i < in_order_.size(); ++i) {
    Client& client = *in_order_[i];
    while (client.is_open() && client.reading && !client.corked && !client.to_broker.empty()) {
      any = true;
      const size_t count =
          chunk_ == 0 ? client.to_broker.size() : std::min(chunk_, client.to_broker.size());
      const std::vector<uint8_t> bytes(client.to_broker.begin(),
                                       client.to_broker.begin() + static_cast<ptrdiff_t>(count));
      client.to_broker.erase(client.to_broker.begin(),
                             client.to_broker.begin() + static_cast<ptrdiff_t>(count));
      const unsigned shard = client.shard;
      for (size_t at = 0; at < count;) {
        at += broker(shard).on_bytes(client.connection, Bytes(bytes).subspan(at), now_);
        take_moves(shard);
        if (broker(shard).output().wants_flush) write_dirty(shard);
      }
    }
  }
  return any;
}

/// Connections that go home take their mail with them at once: nothing is read for them in between.
void World::take_moves(unsigned from) {
  broker::Output& output = broker(from).output();
  for (broker::Output::Move& move : output.moves) {
    Client* client = find(from, move.connection);
    CHECK(client != nullptr, "a move of an unknown connection");
    client->connection = {};
    move.adopt->transport = std::make_unique<Transport>(client);
    output.mails[move.to.value()].emplace_back(std::move(move.adopt));
  }
  output.moves.clear();
}

/// Takes the effects of a shard: mails are collected, writes, closes and reading done.
bool World::carry_out(unsigned from, std::vector<std::pair<unsigned, Mail>>& mails) {
  broker::Output& output = broker(from).output();
  for (unsigned to = 0; to < shards_.size(); ++to) {
    for (Mail& mail : std::exchange(output.mails[to], {})) {
      note_mail(from, to, mail);
      mails.emplace_back(to, std::move(mail));
    }
  }
  const bool any = !output.dirty.empty() || !output.close.empty() || !output.reading.empty();
  write_dirty(from);
  close_ended(from);
  for (const auto& [id, reading] : std::exchange(output.reading, {})) {
    Client* client = find(from, id);
    if (client == nullptr || client->reading == reading) continue;
    client->reading = reading;
    trace_.push_back(fmt::format("{} {}", client->name, reading ? "is read again" : "is not read"));
  }
  return any;
}

/// Mails that must be everywhere before any other is anywhere.
void World::deliver_first() {
  for (bool any = true; any;) {
    any = false;
    for (unsigned from = 0; from < shards_.size(); ++from) {
      for (unsigned to = 0; to < shards_.size(); ++to) {
        for (Mail& mail : std::exchange(broker(from).output().first_mails[to], {})) {
          any = true;
          note_mail(from, to, mail);
          deliver(to, std::move(mail));
        }
      }
    }
  }
}

void World::deliver(unsigned to, Mail mail) {
  if (auto* moved = std::get_if<std::unique_ptr<mail::Adopt>>(&mail)) return adopt(to, **moved);
  broker(to).on_mail(std::move(mail), now_);
  if (broker(to).output().wants_flush) write_dirty(to);
}

void World::adopt(unsigned to, mail::Adopt& adopt) {
  Client& client = *static_cast<Transport&>(*adopt.transport).client;
  adopt.transport.reset();
  client.shard = to;
  client.connection = broker(to).on_adopt(adopt, now_);
  for (Bytes rest = adopt.bytes; !rest.empty();) {
    write_dirty(to);
    rest = rest.subspan(broker(to).on_bytes(client.connection, rest, now_));
  }
}

void World::note_mail(unsigned from, unsigned to, const Mail& mail) {
  if (show_mails_) trace_.push_back(fmt::format("mail {} -> {}: {}", from, to, describe(mail)));
}

void World::write_dirty(unsigned shard) {
  broker::Output& output = broker(shard).output();
  output.wants_flush = false;
  for (const ConnectionId id : std::exchange(output.dirty, {})) {
    Client* client = find(shard, id);
    if (client != nullptr && !client->blocked) write(*client);
  }
}

void World::write(Client& client) {
  Shard& shard = *shards_[client.shard];
  client.blocked = false;
  while (true) {
    shard.buffer.clear();
    if (!shard.broker->gather(client.connection, shard.buffer, now_)) return;
    const size_t size = shard.buffer.size();
    size_t left = std::min(size, client.capacity.value_or(size));
    const size_t taken = left;
    for (const broker::Slice& slice : shard.buffer.slices()) {
      const size_t count = std::min(left, slice.size);
      client.from_broker.insert(client.from_broker.end(), slice.data, slice.data + count);
      left -= count;
    }
    if (client.capacity) *client.capacity -= taken;
    take_packets(client, trace_);
    const bool more = shard.broker->wrote(client.connection, shard.buffer, taken);
    if (taken < size) {
      client.blocked = true;
      return;
    }
    if (!more) return;
  }
}

void World::close_ended(unsigned shard) {
  for (const ConnectionId id : std::exchange(broker(shard).output().close, {})) {
    Client* client = find(shard, id);
    if (client == nullptr) continue;
    if (!client->from_broker.empty()) {
      trace_.push_back(fmt::format("{} <- cut off {}", client->name, hex(client->from_broker)));
    }
    trace_.push_back(client->name + " closed");
    client->close();
    broker(shard).on_closed(id, broker::CloseCause::by_broker, {}, now_);
  }
}

void World::advance(Duration duration) {
  const Time start = now_.time;
  const Time end = start + duration;
  int fruitless = 0;
  while (true) {
    std::optional<Time> next;
    for (const auto& shard : shards_) {
      const auto deadline = shard->broker->next_deadline();
      if (deadline) next = std::min(next.value_or(*deadline), *deadline);
    }
    if (!next || *next > end) break;
    const Time now = std::max(*next, now_.time);
    fruitless = now == now_.time ? fruitless + 1 : 0;
    CHECK(fruitless < 1000, "a deadline that stays");
    pass_time(now, start);
  }
  pass_time(end, start);
}

/// It is `now`; what comes of it is marked with the time since `start`.
void World::pass_time(Time now, Time start) {
  now_.wall_ms += (now - now_.time).count();
  now_.time = now;
  const size_t before = trace_.size();
  for (const auto& shard : shards_) shard->broker->on_time(now_);
  settle();
  if (trace_.size() == before) return;
  const int64_t passed = (now - start).count();
  trace_.insert(trace_.begin() + static_cast<ptrdiff_t>(before),
                fmt::format("after {}.{:03}s:", passed / 1000, passed % 1000));
}

void World::reload(const mail::Reconfigure& change) {
  config_ = change.config;
  for (unsigned shard = 0; shard < shards_.size(); ++shard) {
    deliver(shard, change);
  }
}

void World::inject(SharedRef<const mqtt::Message> message) {
  broker(0).on_mail(mail::Inject{std::move(message)}, now_);
}

void World::set_disk_full(bool is_full) {
  for (unsigned shard = 0; shard < shards_.size(); ++shard) {
    deliver(shard, mail::DiskFull{is_full});
  }
}

void World::commit(std::optional<unsigned> shard) {
  std::deque<broker::StoreBatch> rest;
  for (broker::StoreBatch& batch : std::exchange(store_->taken, {})) {
    if (shard && batch.shard != shard_id(*shard)) {
      rest.push_back(std::move(batch));
      continue;
    }
    broker(batch.shard.value()).on_mail(mail::Committed{batch.number}, now_);
  }
  store_->taken = std::move(rest);
  store_->noted = store_->taken.size();
}

void World::shutdown() {
  using Step = mail::Shutdown::Step;
  for (const Step step : {Step::publish_wills, Step::disconnect}) {
    for (unsigned shard = 0; shard < shards_.size(); ++shard) deliver(shard, mail::Shutdown{step});
    settle();
  }
}

bool World::decide(broker::AuthDecision decision) {
  if (authenticator_ == nullptr || authenticator_->asked.empty()) return false;
  const auto [shard, connection] = authenticator_->asked.front();
  authenticator_->asked.pop_front();
  deliver(shard.value(),
          std::make_unique<mail::AuthDecided>(mail::AuthDecided{connection, std::move(decision)}));
  return true;
}

unsigned World::home(std::string_view key) const {
  return static_cast<unsigned>(hash64(key, kHashSeed) % shards_.size());
}

broker::Broker& World::broker(unsigned shard) {
  return *shards_[shard]->broker;
}

broker::Stats World::stats() {
  broker::Stats sum;
  for (const auto& shard : shards_) sum.add(shard->broker->stats());
  return sum;
}

void World::set_log_mask(uint32_t mask) {
  for (const auto& shard : shards_) shard->log.set_mask(mask);
}

}  // namespace tombo::scenario
