#include "sim/network.h"

#include <algorithm>
#include <variant>

#include <fmt/core.h>

#include "base/check.h"

namespace tombo::sim {

using broker::ConnectionId;
using broker::Mail;
using broker::Output;
using broker::ShardId;
namespace mail = broker::mail;

namespace {

constexpr int kStepsMax = 2'000'000;
constexpr int kRoundsPerTurn = 16;

ShardId shard_id(unsigned shard) {
  return ShardId(static_cast<uint8_t>(shard));
}

}  // namespace

class Network::Transport final : public broker::TransportHandle {
 public:
  explicit Transport(Socket* of) : socket(of) {}

  Socket* socket;
};

struct Network::Shard {
  std::unique_ptr<broker::Broker> broker;
  broker::FlushBuffer buffer;
  std::deque<Mail> mailbox;
  std::deque<Post> posts;  ///< pushed one at a time; the turn ends when all are
  bool is_finishing = false;
};

Network::Network(const Setup& setup)
    : interest_(setup.seed), disk_(*setup.disk), seed_(setup.seed), now_(setup.start) {
  for (unsigned i = 0; i < setup.shards; ++i) {
    auto shard = std::make_unique<Shard>();
    shard->broker = std::make_unique<broker::Broker>(
        broker::BrokerSetup{.shard = shard_id(i),
                            .shards = setup.shards,
                            .config = setup.config,
                            .interest = setup.shards > 1 ? &interest_ : nullptr,
                            .log = setup.log,
                            .store = setup.disk,
                            .hash_seed = setup.seed,
                            .random_seed = setup.seed + i,
                            .first_session_key = setup.first_session_key,
                            .first_decision = setup.first_decision,
                            .start = now_.time,
                            .replay_limits = setup.replay_limits,
                            .queue_limits = setup.queue_limits});
    shards_.push_back(std::move(shard));
  }
}

Network::~Network() = default;

/// As in server/server.cc.
bool Network::restore(Found found, Random& random) {
  const auto home = [this](std::string_view key) -> Shard& {
    return *shards_[broker::home_of(key, seed_, shards()).value()];
  };
  for (SharedRef<const mqtt::Message>& message : found.retained) {
    message->share_across_shards();
    Shard& shard = home(message->topic());
    shard.mailbox.emplace_back(mail::RestoreRetained{std::move(message)});
  }
  for (broker::RestoredSession& session : found.sessions) {
    Shard& shard = home(session.record.client_id);
    shard.mailbox.emplace_back(
        std::make_unique<mail::RestoreSession>(mail::RestoreSession{std::move(session)}));
  }
  if (!settle(random)) return false;
  for (unsigned i = 0; i < shards() && !disk_.is_down(); ++i) {
    shards_[i]->mailbox.emplace_back(mail::RestoreDone{});
    take_mail(i, nullptr);
    shards_[i]->broker->on_time(now_);
    finish(i);
  }
  return true;
}

Socket& Network::open(uint32_t owner, unsigned shard, size_t room) {
  Socket& socket = sockets_.emplace_back();
  socket.owner = owner;
  socket.number = static_cast<uint32_t>(sockets_.size() - 1);
  socket.shard = shard % shards();
  socket.room = room;
  socket.address = fmt::format("192.0.2.{}:{}", owner % 250, 1024 + sockets_.size() % 60'000);
  live_.push_back(&socket);
  return socket;
}

void Network::send(Socket& socket, Bytes bytes) {
  if (!socket.hung_up) {
    socket.to_broker.insert(socket.to_broker.end(), bytes.begin(), bytes.end());
  }
}

void Network::hang_up(Socket& socket, bool reset) {
  socket.hung_up = true;
  socket.reset = reset;
  if (reset) socket.to_broker.clear();
  socket.to_client.clear();
}

std::vector<uint8_t> Network::receive(Socket& socket, size_t count) {
  count = std::min(count, socket.to_client.size());
  const auto end = socket.to_client.begin() + static_cast<ptrdiff_t>(count);
  std::vector<uint8_t> bytes(socket.to_client.begin(), end);
  socket.to_client.erase(socket.to_client.begin(), end);
  socket.room += count;
  return bytes;
}

bool Network::has_work(unsigned self) {
  Shard& shard = *shards_[self];
  if (!shard.posts.empty() || shard.is_finishing || !shard.mailbox.empty()) return true;
  const auto deadline = shard.broker->next_deadline();
  if (deadline && *deadline <= now_.time) return true;
  return std::ranges::any_of(live_, [self](const Socket* socket) {
    if (socket->ended || socket->shard != self) return false;
    if (!socket->accepted || socket->hung_up) return true;
    if (socket->blocked && socket->room > 0) return true;
    return socket->connection && socket->reading && !socket->to_broker.empty();
  });
}

std::vector<unsigned> Network::able() {
  std::vector<unsigned> able;
  for (unsigned i = 0; i < shards(); ++i) {
    if (has_work(i)) able.push_back(i);
  }
  return able;
}

bool Network::is_at_rest() {
  return able().empty() && !disk_.has_work();
}

bool Network::step(Random& random) {
  if (disk_.is_down()) return false;
  const std::vector<unsigned> able = this->able();
  if (disk_.has_work() && (able.empty() || random.one_in(6))) {
    for (auto& [shard, mail] : disk_.step(random)) {
      shards_[shard]->mailbox.push_back(std::move(mail));
    }
    return true;
  }
  if (able.empty()) return false;
  const unsigned self = able[random.below(able.size())];
  if (!shards_[self]->posts.empty()) {
    push_next_post(self);
  } else if (shards_[self]->is_finishing) {
    shards_[self]->is_finishing = false;
    finish(self);
  } else {
    turn(self, random);
  }
  return true;
}

bool Network::settle(Random& random) {
  for (int i = 0; i < kStepsMax; ++i) {
    if (!step(random)) return true;
  }
  return false;
}

void Network::turn(unsigned self, Random& random) {
  take_mail(self, &random);
  read_sockets(self, random);
  shards_[self]->broker->on_time(now_);
  finish(self);
}

/// Some of the mail; all of it without `random`.
void Network::take_mail(unsigned self, Random* random) {
  std::deque<Mail>& mailbox = shards_[self]->mailbox;
  size_t count = mailbox.size();
  if (random != nullptr && count > 1 && random->one_in(2)) count = 1 + random->below(count);
  for (; count > 0; --count) {
    Mail each = std::move(mailbox.front());
    mailbox.pop_front();
    deliver(self, std::move(each));
  }
}

void Network::deliver(unsigned self, Mail each) {
  broker::Broker& broker = *shards_[self]->broker;
  if (auto* moved = std::get_if<std::unique_ptr<mail::Adopt>>(&each)) {
    adopt(self, **moved);
  } else {
    broker.on_mail(std::move(each), now_);
  }
  if (broker.output().wants_flush) flush(self);
}

void Network::adopt(unsigned self, mail::Adopt& adopt) {
  Socket& socket = *static_cast<Transport&>(*adopt.transport).socket;
  adopt.transport.reset();
  socket.shard = self;
  socket.connection = shards_[self]->broker->on_adopt(adopt, now_);
  for (Bytes rest = adopt.bytes; !rest.empty();) {
    flush(self);
    rest = rest.subspan(shards_[self]->broker->on_bytes(socket.connection, rest, now_));
  }
}

void Network::read_sockets(unsigned self, Random& random) {
  std::vector<Socket*> mine;
  std::erase_if(live_, [](const Socket* socket) { return socket->ended; });
  for (Socket* socket : live_) {
    if (socket->shard == self) mine.push_back(socket);
  }
  std::ranges::shuffle(mine, random);
  for (Socket* socket : mine) {
    if (socket->ended || socket->shard != self || random.one_in(4)) continue;
    read(*socket, random);
  }
}

void Network::read(Socket& socket, Random& random) {
  broker::Broker& broker = *shards_[socket.shard]->broker;
  if (!socket.accepted) {
    socket.accepted = true;
    socket.connection = broker.on_open({socket.address, 0}, now_);
    return;
  }
  if (!socket.connection) return;  // On its way to another shard.
  if (socket.blocked && socket.room > 0 && !socket.hung_up) write(socket);
  if (socket.reading && !socket.to_broker.empty()) {
    size_t count = socket.to_broker.size();
    if (random.one_in(2)) count = 1 + random.below(std::min<size_t>(count, 64));
    const auto end = socket.to_broker.begin() + static_cast<ptrdiff_t>(count);
    const std::vector<uint8_t> bytes(socket.to_broker.begin(), end);
    socket.to_broker.erase(socket.to_broker.begin(), end);
    // As in production: mail that was there before the bytes goes before them.
    take_mail(socket.shard, nullptr);
    if (socket.connection) give(socket, bytes);
    return;
  }
  if (!socket.hung_up) return;
  // Whoever does not read does not see the end of the stream either, but sees a reset.
  if (!socket.reset && !socket.reading && !random.one_in(3)) return;
  const ConnectionId id = socket.connection;
  socket.connection = {};
  socket.ended = true;
  broker.on_closed(id, socket.reset ? broker::CloseCause::error : broker::CloseCause::by_peer,
                   "Connection reset by peer", now_);
}

void Network::give(Socket& socket, Bytes bytes) {
  const unsigned self = socket.shard;
  broker::Broker& broker = *shards_[self]->broker;
  const ConnectionId id = socket.connection;
  for (size_t at = 0; at < bytes.size();) {
    at += broker.on_bytes(id, bytes.subspan(at), now_);
    take_moves(self);
    deliver_own(self);
    if (broker.output().wants_flush || at < bytes.size()) flush(self);
  }
}

/// Connections that go home take their mail with them at once: nothing is read for them in between.
void Network::take_moves(unsigned self) {
  Output& output = shards_[self]->broker->output();
  for (Output::Move& move : output.moves) {
    Socket* socket = find(self, move.connection);
    CHECK(socket != nullptr, "a move of an unknown connection");
    socket->connection = {};
    move.adopt->transport = std::make_unique<Transport>(socket);
    output.mails[move.to.value()].emplace_back(std::move(move.adopt));
  }
  output.moves.clear();
}

void Network::deliver_own(unsigned self) {
  std::vector<Mail>& own = shards_[self]->broker->output().mails[self];
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    deliver_first(self);
    if (own.empty()) return;
    for (Mail& each : std::exchange(own, {})) deliver(self, std::move(each));
  }
}

void Network::deliver_first(unsigned self) {
  std::vector<std::vector<Mail>>& first = shards_[self]->broker->output().first_mails;
  for (int round = 0; round < kRoundsPerTurn; ++round) {
    post_mails(self, first);
    if (first[self].empty()) return;
    for (Mail& each : std::exchange(first[self], {})) {
      shards_[self]->broker->on_mail(std::move(each), now_);
    }
  }
}

void Network::post_mails(unsigned self, std::vector<std::vector<Mail>>& mails) {
  for (unsigned to = 0; to < shards(); ++to) {
    if (to == self || mails[to].empty()) continue;
    shards_[self]->posts.push_back({to, std::exchange(mails[to], {})});
  }
}

void Network::push_next_post(unsigned self) {
  Shard& shard = *shards_[self];
  Post post = std::move(shard.posts.front());
  shard.posts.pop_front();
  std::deque<Mail>& mailbox = shards_[post.to]->mailbox;
  std::ranges::move(post.mails, std::back_inserter(mailbox));
}

void Network::flush_posts(unsigned self) {
  while (!shards_[self]->posts.empty()) push_next_post(self);
}

/// In the middle of a turn; other shards are not asked in between.
void Network::flush(unsigned self) {
  deliver_first(self);
  post_mails(self, shards_[self]->broker->output().mails);
  flush_posts(self);
  write_dirty(self);
}

/// One round of carrying out. Mail goes first; when there is some, other shards may run before the
/// rest is done.
void Network::finish(unsigned self) {
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
  const Output& output = shard.broker->output();
  const auto any = [](const std::vector<std::vector<Mail>>& mails) {
    return std::ranges::any_of(mails, [](const std::vector<Mail>& each) { return !each.empty(); });
  };
  shard.is_finishing = !output.dirty.empty() || !output.close.empty() || !output.reading.empty() ||
                       !output.moves.empty() || any(output.mails) || any(output.first_mails);
}

void Network::write_dirty(unsigned self) {
  Output& output = shards_[self]->broker->output();
  output.wants_flush = false;
  for (const ConnectionId id : std::exchange(output.dirty, {})) {
    Socket* socket = find(self, id);
    if (socket != nullptr && !socket->blocked) write(*socket);
  }
}

void Network::write(Socket& socket) {
  Shard& shard = *shards_[socket.shard];
  socket.blocked = false;
  while (true) {
    shard.buffer.clear();
    if (!shard.broker->gather(socket.connection, shard.buffer, now_)) return;
    const size_t size = shard.buffer.size();
    const size_t taken = std::min(size, socket.room);
    size_t left = taken;
    for (const broker::Slice& slice : shard.buffer.slices()) {
      const size_t count = std::min(left, slice.size);
      if (!socket.hung_up) {
        socket.to_client.insert(socket.to_client.end(), slice.data, slice.data + count);
      }
      left -= count;
    }
    if (!socket.hung_up) socket.room -= taken;
    const bool more = shard.broker->wrote(socket.connection, shard.buffer, taken);
    if (taken < size) {
      socket.blocked = true;
      return;
    }
    if (!more) return;
  }
}

void Network::close_ended(unsigned self) {
  for (const ConnectionId id : std::exchange(shards_[self]->broker->output().close, {})) {
    Socket* socket = find(self, id);
    if (socket == nullptr) continue;
    socket->connection = {};
    socket->ended = true;
    shards_[self]->broker->on_closed(id, broker::CloseCause::by_broker, {}, now_);
  }
}

void Network::apply_reading(unsigned self) {
  for (const auto& [id, reading] : std::exchange(shards_[self]->broker->output().reading, {})) {
    Socket* socket = find(self, id);
    if (socket != nullptr) socket->reading = reading;
  }
}

Socket* Network::find(unsigned shard, ConnectionId id) {
  for (Socket* each : live_) {
    if (!each->ended && each->shard == shard && each->connection == id) return each;
  }
  return nullptr;
}

bool Network::advance(Duration duration, Random& random) {
  const Time end = now_.time + duration;
  for (int i = 0; i < kStepsMax; ++i) {
    std::optional<Time> next;
    for (const auto& shard : shards_) {
      const auto deadline = shard->broker->next_deadline();
      if (deadline) next = std::min(next.value_or(*deadline), *deadline);
    }
    const bool is_last = !next || *next > end;
    const Time to = is_last ? end : std::max(*next, now_.time);
    now_.wall_ms += (to - now_.time).count();
    now_.time = to;
    if (is_last) return true;
    for (int steps = 0; step(random);) {
      if (++steps > kStepsMax) return false;
    }
    if (disk_.is_down()) return true;
  }
  return false;
}

void Network::reload(const std::shared_ptr<const config::Config>& config) {
  for (const auto& shard : shards_) shard->mailbox.emplace_back(mail::Reconfigure{config});
}

broker::Stats Network::stats() {
  broker::Stats sum;
  for (const auto& shard : shards_) sum.add(shard->broker->stats());
  return sum;
}

}  // namespace tombo::sim
