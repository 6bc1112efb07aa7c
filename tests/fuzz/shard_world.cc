#include "fuzz/shard_world.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "base/check.h"

namespace tombo::fuzz {

using broker::ConnectionId;
using broker::Mail;
using broker::Output;
using broker::ShardId;
using broker::StoreOp;
namespace mail = broker::mail;

namespace {

constexpr uint64_t kSeed = 42;
constexpr int64_t kWallStart = 1'700'000'000'000;
constexpr int kRoundsPerTurn = 16;
constexpr int kStepsMax = 1'000'000;
constexpr size_t kReadsMax = 200;

ShardId shard_id(unsigned shard) {
  return ShardId(static_cast<uint8_t>(shard));
}

bool any_mail(const std::vector<std::vector<Mail>>& mails) {
  return std::ranges::any_of(mails, [](const std::vector<Mail>& each) { return !each.empty(); });
}

}  // namespace

void BatchStore::submit(broker::StoreBatch batch) {
  CHECK(keeps_ && !batch.ops.empty());
  CHECK(batch.number == ++numbers_[batch.shard.value()], "batches are not numbered in turn");
  std::ranges::for_each(batch.ops, [this](const StoreOp& op) { apply(op); });
  taken.push_back(std::move(batch));
}

void BatchStore::apply(const StoreOp& op) {
  using Kind = StoreOp::Kind;
  const bool of_session =
      op.kind != Kind::retained_set && op.kind != Kind::retained_delete && op.kind != Kind::decide;
  CHECK(!of_session || op.kind == Kind::session_put || sessions_.contains(op.key),
        "of a session that is not stored");
  const auto is_of_key = [&op](const auto& entry) { return entry.first == op.key; };
  switch (op.kind) {
    case Kind::session_put:
      sessions_.insert(op.key);
      return;
    case Kind::session_delete:
      sessions_.erase(op.key);
      std::erase_if(queued_, is_of_key);
      std::erase_if(received_, is_of_key);
      return;
    case Kind::subscription_put:
    case Kind::subscription_delete:
      CHECK(!op.text.empty());
      return;
    case Kind::queue_add:
      CHECK(op.message != nullptr);
      queued_.emplace(op.key, broker::packet_id_of(op.sequence).value());
      return;
    case Kind::queue_released:
      CHECK(queued_.contains({op.key, op.packet_id}), "released what was not queued");
      return;
    case Kind::queue_done: {
      const auto found = queued_.find({op.key, op.packet_id});
      CHECK(found != queued_.end(), "done with what was not queued");
      queued_.erase(found);
      return;
    }
    case Kind::received_add:
      received_.emplace(op.key, op.packet_id);
      return;
    case Kind::received_delete:
      // Perhaps of one that was released before it was acknowledged, and so never recorded.
      received_.erase({op.key, op.packet_id});
      return;
    case Kind::decide:
      CHECK(op.decision != 0);
      return;
    case Kind::retained_set:
      retained_.emplace(op.message->topic());
      return;
    case Kind::retained_delete:
      retained_.erase(op.text);
      return;
  }
}

/// Counts as the server does, but for one thread.
class ShardWorld::Admission final : public broker::Admission {
 public:
  explicit Admission(const std::shared_ptr<const config::Config>& config) : config_(config) {}

  bool enter_connection() override { return enter(connections_, config_->global_max_connections); }

  void leave_connection() override { CHECK(connections_-- > 0); }

  bool enter_session() override { return enter(sessions_, config_->global_max_clients); }

  void leave_session() override { CHECK(sessions_-- > 0); }

  [[nodiscard]] bool is_empty() const { return connections_ == 0 && sessions_ == 0; }

 private:
  static bool enter(int64_t& count, int64_t limit) {
    if (limit >= 0 && count >= limit) return false;
    ++count;
    return true;
  }

  const std::shared_ptr<const config::Config>& config_;
  int64_t connections_ = 0;
  int64_t sessions_ = 0;
};

class ShardWorld::Transport final : public broker::TransportHandle {
 public:
  explicit Transport(Socket* of) : socket(of) {}

  Socket* socket;
};

struct ShardWorld::Shard {
  struct Post {
    unsigned to;
    std::vector<Mail> mails;
  };

  std::unique_ptr<broker::Broker> broker;
  broker::FlushBuffer buffer;
  std::deque<Mail> mailbox;
  std::deque<Post> posts;     ///< to be pushed one at a time
  bool is_finishing = false;  ///< effects are still to be carried out
};

ShardWorld::ShardWorld(const Setup& setup)
    : config_(setup.config),
      interest_(kSeed),
      store_(setup.store_keeps),
      admission_(std::make_unique<Admission>(config_)) {
  now_.wall_ms = kWallStart;
  for (unsigned i = 0; i < setup.shards; ++i) {
    auto shard = std::make_unique<Shard>();
    shard->broker = std::make_unique<broker::Broker>(
        broker::BrokerSetup{.shard = shard_id(i),
                            .shards = setup.shards,
                            .config = config_,
                            .interest = setup.shards > 1 ? &interest_ : nullptr,
                            .log = &log_,
                            .store = &store_,
                            .admission = admission_.get(),
                            .hash_seed = kSeed,
                            .random_seed = kSeed + i,
                            .start = now_.time,
                            // This store answers no reads.
                            .queue_limits = {.in_memory = SIZE_MAX, .bytes_in_memory = SIZE_MAX}});
    shards_.push_back(std::move(shard));
  }
}

ShardWorld::~ShardWorld() = default;

broker::Broker& ShardWorld::broker(unsigned shard) {
  return *shards_[shard]->broker;
}

Socket* ShardWorld::find(unsigned shard, ConnectionId id) {
  for (Socket& each : sockets_) {
    if (!each.ended && each.shard == shard && each.connection == id) return &each;
  }
  return nullptr;
}

Socket& ShardWorld::open(unsigned shard, uint16_t listener) {
  Socket& socket = sockets_.emplace_back(sayings_, static_cast<uint32_t>(sockets_.size()),
                                         config_->listeners[listener].mount_point);
  socket.shard = shard;
  socket.listener = listener;
  return socket;
}

void ShardWorld::send(Socket& socket, Bytes bytes) {
  if (socket.dropped || socket.ended) return;
  socket.peer.sent(bytes);
  socket.to_broker.insert(socket.to_broker.end(), bytes.begin(), bytes.end());
}

void ShardWorld::drop(Socket& socket, broker::CloseCause cause) {
  socket.dropped = true;
  socket.cause = cause;
  // What was sent is still read when the client has closed politely.
  if (cause == broker::CloseCause::error) socket.take(socket.unread().size());
}

void ShardWorld::post(unsigned shard, Mail mail) {
  shards_[shard]->mailbox.push_back(std::move(mail));
}

void ShardWorld::pass(Duration duration) {
  now_.time += duration;
  now_.wall_ms += duration.count();
}

void ShardWorld::commit(unsigned shard) {
  const auto first = std::ranges::find(store_.taken, shard_id(shard), &broker::StoreBatch::shard);
  if (first == store_.taken.end()) return;
  post(shard, mail::Committed{first->number});
  store_.taken.erase(first);
}

void ShardWorld::commit_all() {
  for (const broker::StoreBatch& batch : std::exchange(store_.taken, {})) {
    post(batch.shard.value(), mail::Committed{batch.number});
  }
}

void ShardWorld::reload(std::shared_ptr<const config::Config> config) {
  config_ = std::move(config);
  for (unsigned i = 0; i < shards(); ++i) post(i, mail::Reconfigure{config_});
}

/// Is there something that the broker would do with this socket now?
bool ShardWorld::can_do(const Socket& socket) const {
  if (!socket.accepted || socket.dropped) return !socket.accepted || socket.connection;
  if (socket.blocked && socket.room != size_t{0}) return true;
  return socket.connection && socket.reading && !socket.unread().empty();
}

bool ShardWorld::has_work(unsigned self) {
  const Shard& shard = *shards_[self];
  if (!shard.posts.empty() || shard.is_finishing || !shard.mailbox.empty()) return true;
  const auto deadline = shard.broker->next_deadline();
  if (deadline && *deadline <= now_.time) return true;
  return std::ranges::any_of(sockets_, [&](const Socket& socket) {
    return !socket.ended && socket.shard == self && can_do(socket);
  });
}

void ShardWorld::step(unsigned self) {
  Shard& shard = *shards_[self];
  if (!shard.posts.empty()) {
    push_next(self);
  } else if (std::exchange(shard.is_finishing, false)) {
    finish(self);
  } else {
    turn(self);
  }
}

void ShardWorld::settle() {
  int steps = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned i = 0; i < shards(); ++i) {
      if (!has_work(i)) continue;
      moved = true;
      step(i);
      CHECK(++steps < kStepsMax, "it does not come to rest");
    }
  }
}

void ShardWorld::turn(unsigned self) {
  take_mail(self);
  for (Socket& socket : sockets_) {
    if (!socket.ended && socket.shard == self) serve(socket);
  }
  broker(self).on_time(now_);
  finish(self);
}

void ShardWorld::take_mail(unsigned self) {
  std::deque<Mail>& mailbox = shards_[self]->mailbox;
  while (!mailbox.empty()) {
    Mail each = std::move(mailbox.front());
    mailbox.pop_front();
    deliver(self, std::move(each));
  }
}

void ShardWorld::deliver(unsigned self, Mail each) {
  if (auto* moved = std::get_if<std::unique_ptr<mail::Adopt>>(&each)) {
    adopt(self, **moved);
  } else {
    broker(self).on_mail(std::move(each), now_);
  }
  if (broker(self).output().wants_flush) flush(self);
}

void ShardWorld::adopt(unsigned self, mail::Adopt& adopt) {
  Socket& socket = *static_cast<Transport&>(*adopt.transport).socket;
  adopt.transport.reset();
  socket.shard = self;
  socket.connection = broker(self).on_adopt(adopt, now_);
  for (Bytes rest = adopt.bytes; !rest.empty();) {
    flush(self);
    rest = rest.subspan(broker(self).on_bytes(socket.connection, rest, now_));
  }
}

/// What the event loop would tell of a socket.
void ShardWorld::serve(Socket& socket) {
  if (!socket.accepted) {
    socket.accepted = true;
    const std::string address = fmt::format("192.0.2.1:{}", 50'001 + sockets_.size());
    socket.connection = broker(socket.shard).on_open({address, socket.listener}, now_);
    return;
  }
  if (!socket.connection) return;  // On its way to another shard.
  if (socket.blocked && socket.room != size_t{0} && !socket.dropped) write(socket);
  if (socket.reading && !socket.unread().empty()) return read(socket);
  if (!socket.dropped) return;
  const ConnectionId id = std::exchange(socket.connection, {});
  socket.ended = true;
  broker(socket.shard).on_closed(id, socket.cause, "Connection reset by peer", now_);
}

void ShardWorld::read(Socket& socket) {
  const unsigned self = socket.shard;
  const Bytes there = socket.unread();
  // A large heap is not read byte by byte: that would take too long.
  const size_t least = there.size() / kReadsMax + 1;
  const size_t count =
      socket.chunk == 0 ? there.size() : std::min(std::max(socket.chunk, least), there.size());
  // In memory of just that size; it is gone when the broker has had it.
  const std::vector<uint8_t> bytes(there.begin(), there.begin() + static_cast<ptrdiff_t>(count));
  socket.take(count);
  const ConnectionId id = socket.connection;
  for (size_t at = 0; at < count;) {
    const size_t taken = broker(self).on_bytes(id, Bytes(bytes).subspan(at), now_);
    CHECK(taken != 0, "bytes that are never taken");
    at += taken;
    deliver_own(self);
    if (broker(self).output().wants_flush || at < count) flush(self);
  }
}

void ShardWorld::deliver_own(unsigned self) {
  std::vector<Mail>& own = broker(self).output().mails[self];
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    deliver_first(self);
    if (own.empty()) return;
    for (Mail& each : std::exchange(own, {})) deliver(self, std::move(each));
  }
}

void ShardWorld::deliver_first(unsigned self) {
  std::vector<std::vector<Mail>>& first = broker(self).output().first_mails;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    post_mails(self, first);
    if (first[self].empty()) return;
    for (Mail& each : std::exchange(first[self], {})) broker(self).on_mail(std::move(each), now_);
  }
}

void ShardWorld::post_mails(unsigned self, std::vector<std::vector<Mail>>& mails) {
  for (unsigned to = 0; to < shards(); ++to) {
    if (to == self || mails[to].empty()) continue;
    shards_[self]->posts.push_back({to, std::exchange(mails[to], {})});
  }
}

void ShardWorld::push_next(unsigned self) {
  Shard& shard = *shards_[self];
  Shard::Post next = std::move(shard.posts.front());
  shard.posts.pop_front();
  std::ranges::move(next.mails, std::back_inserter(shards_[next.to]->mailbox));
}

/// In the middle of a turn; other shards do not run in between.
void ShardWorld::flush(unsigned self) {
  deliver_first(self);
  post_mails(self, broker(self).output().mails);
  while (!shards_[self]->posts.empty()) push_next(self);
  write_dirty(self);
}

/// One round of carrying out. When there is mail to push, other shards may run before the rest.
void ShardWorld::finish(unsigned self) {
  Shard& shard = *shards_[self];
  deliver_own(self);
  shard.broker->end_turn(now_);
  take_moves(self);
  deliver_first(self);
  post_mails(self, shard.broker->output().mails);
  if (!shard.posts.empty()) {
    shard.is_finishing = true;
    return;
  }
  write_dirty(self);
  close_ended(self);
  apply_reading(self);
  shard.is_finishing = has_output(self);
}

bool ShardWorld::has_output(unsigned self) {
  const Output& output = broker(self).output();
  return !output.dirty.empty() || !output.close.empty() || !output.reading.empty() ||
         !output.moves.empty() || any_mail(output.mails) || any_mail(output.first_mails);
}

void ShardWorld::take_moves(unsigned self) {
  Output& output = broker(self).output();
  for (Output::Move& move : output.moves) {
    Socket* socket = find(self, move.connection);
    CHECK(socket != nullptr, "a move of an unknown connection");
    socket->connection = {};
    move.adopt->transport = std::make_unique<Transport>(socket);
    output.mails[move.to.value()].emplace_back(std::move(move.adopt));
  }
  output.moves.clear();
}

void ShardWorld::write_dirty(unsigned self) {
  Output& output = broker(self).output();
  output.wants_flush = false;
  for (const ConnectionId id : std::exchange(output.dirty, {})) {
    Socket* socket = find(self, id);
    CHECK(socket != nullptr, "dirty without a socket");
    if (!socket->blocked) write(*socket);
  }
}

void ShardWorld::write(Socket& socket) {
  socket.blocked = false;
  while (write_once(socket)) {
  }
}

/// Returns whether there is more to write at once.
bool ShardWorld::write_once(Socket& socket) {
  Shard& shard = *shards_[socket.shard];
  shard.buffer.clear();
  if (!shard.broker->gather(socket.connection, shard.buffer, now_)) return false;
  const size_t size = shard.buffer.size();
  const size_t taken = std::min(size, socket.room.value_or(size));
  std::vector<uint8_t> bytes;
  bytes.reserve(taken);
  size_t total = 0;
  for (const broker::Slice& slice : shard.buffer.slices()) {
    total += slice.size;
    const size_t count = std::min(taken - bytes.size(), slice.size);
    bytes.insert(bytes.end(), slice.data, slice.data + count);
  }
  CHECK(total == size);
  if (socket.room) *socket.room -= taken;
  written_ += taken;
  socket.peer.received(bytes);
  const bool more = shard.broker->wrote(socket.connection, shard.buffer, taken);
  socket.blocked = taken < size;
  return more && !socket.blocked;
}

void ShardWorld::close_ended(unsigned self) {
  for (const ConnectionId id : std::exchange(broker(self).output().close, {})) {
    Socket* socket = find(self, id);
    if (socket == nullptr) continue;  // Dropped in the same turn.
    socket->connection = {};
    socket->ended = true;
    broker(self).on_closed(id, broker::CloseCause::by_broker, {}, now_);
  }
}

void ShardWorld::apply_reading(unsigned self) {
  for (const auto& [id, reading] : std::exchange(broker(self).output().reading, {})) {
    Socket* socket = find(self, id);
    if (socket != nullptr) socket->reading = reading;
  }
}

broker::Stats ShardWorld::stats() {
  broker::Stats sum;
  for (unsigned i = 0; i < shards(); ++i) sum.add(broker(i).stats());
  return sum;
}

void ShardWorld::check_rest() {
  uint64_t let_in = 0;
  uint64_t there = 0;
  for (Socket& socket : sockets_) {
    if (socket.ended) continue;
    CHECK(socket.connection, "on its way to nowhere");
    ++there;
    if (socket.peer.is_let_in()) ++let_in;
    if (socket.blocked) continue;
    Shard& shard = *shards_[socket.shard];
    shard.buffer.clear();
    CHECK(!shard.broker->gather(socket.connection, shard.buffer, now_),
          "bytes to write, and nobody was told");
    CHECK(socket.reading && socket.unread().empty(), "a client is not read for no reason");
    socket.peer.check_answered();
  }
  const broker::Stats now = stats();
  CHECK(now.bytes_sent == written_);
  CHECK(now.connected >= let_in && now.connected <= there && now.sessions >= now.connected);
  CHECK(now.subscriptions >= now.shared_subscriptions);
}

void ShardWorld::check_empty() {
  const broker::Stats now = stats();
  CHECK(now.sessions == 0 && now.connected == 0, "a session is left");
  CHECK(now.subscriptions == 0 && now.shared_subscriptions == 0, "a subscription is left");
  CHECK(now.retained_messages == 0, "a retained message is left");
  CHECK(now.stored_messages == 0 && now.stored_bytes == 0, "a message is left");
  CHECK(now.packets_waiting == 0 && now.packet_bytes_waiting == 0, "a message waits");
  CHECK(now.bytes_sent == written_);
  for (unsigned i = 0; i < shards(); ++i) {
    CHECK(broker(i).subscription_tree().empty(), "a filter is left");
    CHECK(shards_[i]->mailbox.empty());
  }
  CHECK(interest_.masks().size() == 0, "a shard's interest is left");
  CHECK(admission_->is_empty(), "a place is left taken");
  CHECK(store_.is_empty(), "something is left in the store");
}

}  // namespace tombo::fuzz
