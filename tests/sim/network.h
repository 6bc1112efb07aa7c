#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "broker/broker.h"
#include "broker/interest.h"
#include "config/config.h"
#include "sim/disk.h"

namespace tombo::sim {

/// One connection, seen from both ends.
struct Socket {
  uint32_t owner = 0;   ///< the client that opened it
  uint32_t number = 0;  ///< its place in Network
  unsigned shard = 0;   ///< where the broker has it now
  std::string address;
  broker::ConnectionId connection;
  bool accepted = false;  ///< the broker knows of it
  bool ended = false;     ///< the broker has let go of it
  bool reading = true;    ///< the broker reads
  bool blocked = false;   ///< the broker waits until it may write
  bool hung_up = false;   ///< the client closed its end
  bool reset = false;     ///< ... and what was not read by then is lost
  size_t room = 0;        ///< bytes that the socket still takes from the broker
  std::deque<uint8_t> to_broker;
  std::deque<uint8_t> to_client;
};

/// The shards of one broker with what is around them: mailboxes, sockets, a disk, the time. Nothing
/// runs by itself: step() does one thing that could happen next, chosen at random. A shard's turn
/// is cut up as in server/shard.cc: it takes some mail, reads some sockets, thinks, then pushes its
/// mail, one destination after the other with other shards in between, and writes last.
class Network {
 public:
  struct Setup {
    unsigned shards = 1;
    std::shared_ptr<const config::Config> config;
    Disk* disk = nullptr;
    uint64_t seed = 0;
    broker::SessionKey first_session_key = 1;
    uint64_t first_decision = 1;
    Now start{};
    Logger* log = nullptr;
    broker::ReplayLimits replay_limits;
    broker::QueueLimits queue_limits;
  };

  explicit Network(const Setup& setup);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// What a start does with what is on the disk, before anybody may connect. False: it does not
  /// come to an end.
  bool restore(Found found, Random& random);

  Socket& open(uint32_t owner, unsigned shard, size_t room);
  void send(Socket& socket, Bytes bytes);
  void hang_up(Socket& socket, bool reset);
  /// The client takes up to `count` bytes; the socket has that much more room.
  std::vector<uint8_t> receive(Socket& socket, size_t count);

  /// One step; false when nothing can happen until a client or the time moves, or ever as the disk
  /// is down.
  bool step(Random& random);
  /// Goes on until nothing happens. False: it does not come to an end.
  bool settle(Random& random);
  /// Time passes, with all that was planned meanwhile.
  bool advance(Duration duration, Random& random);
  void reload(const std::shared_ptr<const config::Config>& config);

  /// Nothing can happen until a client or the time moves.
  [[nodiscard]] bool is_at_rest();

  [[nodiscard]] Now now() const { return now_; }

  [[nodiscard]] unsigned shards() const { return static_cast<unsigned>(shards_.size()); }

  [[nodiscard]] broker::Stats stats();

  std::deque<Socket>& sockets() { return sockets_; }

 private:
  class Transport;
  struct Shard;

  struct Post {
    unsigned to;
    std::vector<broker::Mail> mails;
  };

  void turn(unsigned self, Random& random);
  void take_mail(unsigned self, Random* random);
  void read_sockets(unsigned self, Random& random);
  void read(Socket& socket, Random& random);
  void deliver(unsigned self, broker::Mail mail);
  void adopt(unsigned self, broker::mail::Adopt& adopt);
  void give(Socket& socket, Bytes bytes);
  void deliver_first(unsigned self);
  void deliver_own(unsigned self);
  void post_mails(unsigned self, std::vector<std::vector<broker::Mail>>& mails);
  void flush_posts(unsigned self);
  void flush(unsigned self);
  void finish(unsigned self);
  void take_moves(unsigned self);
  void write_dirty(unsigned self);
  void write(Socket& socket);
  void close_ended(unsigned self);
  void apply_reading(unsigned self);
  void push_next_post(unsigned self);
  [[nodiscard]] bool has_work(unsigned self);
  [[nodiscard]] std::vector<unsigned> able();
  Socket* find(unsigned shard, broker::ConnectionId id);

  broker::InterestTable interest_;
  Disk& disk_;
  uint64_t seed_;
  Now now_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::deque<Socket> sockets_;  ///< all there ever were; they stay where they are
  std::vector<Socket*> live_;   ///< not ended
};

}  // namespace tombo::sim
