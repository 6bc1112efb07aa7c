#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/interest.h"
#include "config/config.h"
#include "fuzz/shard_peer.h"

namespace tombo::fuzz {

/// One connection, from both ends.
struct Socket {
  Socket(Sayings& sayings, uint32_t number, std::string mount_point)
      : peer(sayings, number, std::move(mount_point)) {}

  Peer peer;
  unsigned shard = 0;  ///< where the broker has it now
  uint16_t listener = 0;
  broker::ConnectionId connection;  ///< none: not accepted yet, on its way to another shard, ended
  bool accepted = false;
  bool ended = false;    ///< the broker has let go of it
  bool dropped = false;  ///< the client has
  broker::CloseCause cause{};
  bool reading = true;         ///< does the broker read?
  bool blocked = false;        ///< does the broker wait until it may write?
  std::optional<size_t> room;  ///< bytes that it takes from the broker; nullopt: any number
  size_t chunk = 0;            ///< bytes that the broker gets at a time; 0: what there is
  std::vector<uint8_t> to_broker;
  size_t taken = 0;  ///< of `to_broker`

  /// What the broker has not read yet.
  [[nodiscard]] Bytes unread() const { return Bytes(to_broker).subspan(taken); }

  void take(size_t count) {
    taken += count;
    if (taken < to_broker.size()) return;
    to_broker.clear();
    taken = 0;
  }
};

/// Takes batches, and keeps what they amount to.
class BatchStore final : public broker::Store {
 public:
  explicit BatchStore(bool keeps) : keeps_(keeps) {}

  [[nodiscard]] bool keeps() const override { return keeps_; }

  void submit(broker::StoreBatch batch) override;

  [[nodiscard]] bool is_empty() const {
    return sessions_.empty() && queued_.empty() && received_.empty() && retained_.empty();
  }

  std::deque<broker::StoreBatch> taken;  ///< not safe yet

 private:
  void apply(const broker::StoreOp& op);

  bool keeps_;
  uint64_t numbers_[broker::kShardsMax] = {};
  std::set<broker::SessionKey> sessions_;
  std::multiset<std::pair<broker::SessionKey, uint16_t>> queued_;
  std::multiset<std::pair<broker::SessionKey, uint16_t>> received_;
  std::set<std::string> retained_;
};

/// The shards of one broker with mailboxes, sockets, a store and the time, in one thread. A shard
/// does one thing in step(): it pushes mail for one other shard, carries out effects, or takes a
/// turn. Which shard is next is up to the input, so that all orders that threads could run in may
/// come. A turn is made as in server/shard.cc.
class ShardWorld {
 public:
  struct Setup {
    unsigned shards = 1;
    bool store_keeps = false;
    std::shared_ptr<const config::Config> config;
  };

  explicit ShardWorld(const Setup& setup);
  ~ShardWorld();
  ShardWorld(const ShardWorld&) = delete;
  ShardWorld& operator=(const ShardWorld&) = delete;

  Socket& open(unsigned shard, uint16_t listener);
  void send(Socket& socket, Bytes bytes);
  void drop(Socket& socket, broker::CloseCause cause);
  void post(unsigned shard, broker::Mail mail);

  void step(unsigned shard);
  /// Until no shard has anything to do.
  void settle();

  /// Time passes; nobody runs meanwhile.
  void pass(Duration duration);

  /// Somebody sets the clock on the wall.
  void shift_wall(int64_t ms) { now_.wall_ms += ms; }

  /// Batches are safe: the shard's eldest one, or all.
  void commit(unsigned shard);
  void commit_all();

  void reload(std::shared_ptr<const config::Config> config);

  [[nodiscard]] unsigned shards() const { return static_cast<unsigned>(shards_.size()); }

  [[nodiscard]] Sayings& sayings() { return sayings_; }

  std::deque<Socket>& sockets() { return sockets_; }

  /// After settle(), with everything committed: nobody waits for anything.
  void check_rest();
  /// After all clients are gone, all sessions over, all retained messages cleared.
  void check_empty();

 private:
  class Admission;
  class Transport;
  struct Shard;

  broker::Broker& broker(unsigned shard);
  bool has_work(unsigned shard);
  bool can_do(const Socket& socket) const;
  void turn(unsigned self);
  void take_mail(unsigned self);
  void deliver(unsigned self, broker::Mail mail);
  void adopt(unsigned self, broker::mail::Adopt& adopt);
  void serve(Socket& socket);
  void read(Socket& socket);
  void deliver_own(unsigned self);
  void deliver_first(unsigned self);
  void post_mails(unsigned self, std::vector<std::vector<broker::Mail>>& mails);
  void push_next(unsigned self);
  void flush(unsigned self);
  void finish(unsigned self);
  void take_moves(unsigned self);
  void write_dirty(unsigned self);
  void write(Socket& socket);
  bool write_once(Socket& socket);
  void close_ended(unsigned self);
  void apply_reading(unsigned self);
  bool has_output(unsigned self);
  Socket* find(unsigned shard, broker::ConnectionId id);
  broker::Stats stats();

  std::shared_ptr<const config::Config> config_;
  Sayings sayings_;
  NullLogger log_;
  broker::InterestTable interest_;
  BatchStore store_;
  std::unique_ptr<Admission> admission_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::deque<Socket> sockets_;  ///< all there ever were
  Now now_;
  uint64_t written_ = 0;  ///< bytes that sockets took
};

}  // namespace tombo::fuzz
