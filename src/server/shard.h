#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/sync/fence.h"
#include "base/sync/mailbox.h"
#include "base/sync/thread.h"
#include "base/time.h"
#include "broker/broker.h"
#include "broker/flush_buffer.h"
#include "net/epoll_loop.h"
#include "net/linger_queue.h"
#include "net/listener.h"
#include "server/admission.h"
#include "server/interest_reclaim.h"
#include "server/link_table.h"
#include "server/log_sink.h"
#include "server/stats_slot.h"
#include "server/tls_setup.h"
#include "server/transports.h"

namespace tombo::server {

/// What shards share. All of it outlives them.
struct ShardCommons {
  Admission& admission;
  LogSink& log;
  Fence& fence;
  broker::InterestTable* interest = nullptr;  ///< Null with one shard.
};

/// A thread that serves clients: an event loop, a mailbox and the broker between them.
/// It works in turns: gather what sockets, mail and time have for it; let the broker think; carry
/// out the effects. Everything in a turn has a bound, so nobody waits for somebody who has much.
/// It sleeps when there is nothing to do, and then nothing but an event wakes it.
/// Home: its own thread, but where "from any thread" is said. shard.cc has the turn, shard_io.cc
/// what a turn does with sockets.
class Shard {
 public:
  using MailBatch = tombo::MailBatch<broker::Mail>;
  /// Something to do on the shard's thread, between two turns.
  using Order = std::function<void(Shard&)>;

  /// A socket to take connections from.
  struct ListeningSocket {
    net::Socket socket;
    uint16_t listener = 0;  ///< Index in Config::listeners.
    uint32_t address = 0;   ///< OpenAddress::number
  };

  /// `setup.log` and `setup.start` are set here.
  Shard(broker::BrokerSetup setup, const ShardCommons& commons);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  /// Begins to run. `shards` are all shards, this one among them; they outlive its thread.
  void start(std::vector<Shard*> shards);

  /// Waits until the thread has ended, which finish() begins.
  void join() { thread_.join(); }

  /// From any thread: mail for this shard.
  void post(std::unique_ptr<MailBatch> batch);
  /// From any thread: the order is carried out at the beginning of a turn, one a turn.
  void order(Order order);

  /// From any thread: the numbers as they were when the shard last slept, or 100 ms ago at most.
  [[nodiscard]] broker::Stats stats() const { return stats_slot_.get(); }

  // For orders.

  /// Accepts connections at this socket, too.
  void add_listener(ListeningSocket listening);

  /// What connections that come from now on begin with. Requires: one for each listener.
  void set_tls(const TlsContexts& contexts) { tls_ = contexts; }

  /// From now on connections that come in there belong to `listener`.
  void move_address(uint32_t address, uint16_t listener);
  /// Closes the sockets of listeners that the configuration calls closed.
  void close_unused_listeners();
  void close_listeners();
  void deliver(broker::Mail&& mail);
  void reconfigure(broker::mail::Reconfigure change);
  /// Ends the thread as soon as all connections are closed, or after `limit`.
  void finish(Duration limit);

  [[nodiscard]] std::string subscription_tree() const { return broker_.subscription_tree(); }

  /// Is there nothing left to do from the turns before?
  [[nodiscard]] bool is_quiet() const { return !busy_ && !mailbox_.has_mail(); }

 private:
  /// A listening socket in the loop.
  struct Gate {
    net::Listener listener;
    uint16_t index = 0;
    uint32_t address = 0;
    bool resting = false;  ///< Out of descriptors: not watched until `retry_gates_at_`.
    bool complained = false;
  };

  // What the loop's events are of: the tag of a connection is its id, whose generation (the upper
  // half) is odd; the others have an even upper half.
  static constexpr uint32_t kGateTag = 0;
  static constexpr uint32_t kLingerTag = 2;

  static constexpr uint64_t gate_tag(uint32_t number) { return uint64_t{kGateTag} << 32 | number; }

  enum class Written : uint8_t { all, more, blocked, failed };

  // shard.cc
  void run() noexcept;
  [[nodiscard]] bool has_finished() const;
  std::span<const net::Event> wait();
  std::optional<Duration> time_to_sleep();
  void turn();
  void take_order();
  void take_mail();
  void adopt(broker::mail::Adopt& adopt);
  void deliver_own();
  void deliver_first();
  void flush();
  void finish_turn();
  void send_moves();
  void send_mails(std::vector<std::vector<broker::Mail>>& mails);
  bool has_output();
  void publish_stats();

  // shard_io.cc
  void on_event(const net::Event& event);
  void on_connection_event(broker::ConnectionId id, const net::Event& event);
  void accept(Gate& gate, uint32_t number);
  void open(net::Listener::Accepted accepted, const Gate& gate);
  void announce(std::string_view peer, const config::ListenerConfig& listener);
  bool welcome(std::string_view peer);
  void complain(Gate& gate, int error);
  void retry_gates();
  void watch_gates();
  /// Before a gate is closed.
  void forget(const Gate& gate);
  Link* tie(broker::ConnectionId id, std::unique_ptr<net::Transport> transport, uint16_t listener);
  bool flush_transport(broker::ConnectionId id, Link& link);
  void read(broker::ConnectionId id, Link& link);
  bool introduce(broker::ConnectionId id, Link& link, bool opened);
  void tell_agreement(const net::Transport& transport);
  void tell_address(broker::ConnectionId id, const Link& link);
  void feed(broker::ConnectionId id, Bytes bytes);
  void write_dirty();
  void resume_writes();
  void write(broker::ConnectionId id);
  Written write_once(broker::ConnectionId id, Link& link);
  void close_ended();
  void apply_reading();
  void drop(broker::ConnectionId id, Link& link, broker::CloseCause cause, int error);

  ThreadLogger log_;
  std::shared_ptr<const config::Config> config_;
  ShardCommons commons_;
  unsigned self_;
  Now now_;
  broker::Broker broker_;
  std::vector<Shard*> shards_;
  std::optional<InterestReclaim> reclaim_;

  net::EpollLoop loop_;
  net::LingerQueue lingering_;
  std::vector<Gate> gates_;
  TlsContexts tls_;
  WebSockets websockets_;
  std::chrono::nanoseconds handshake_time_{0};  // In this turn.
  std::optional<Time> retry_gates_at_;
  LinkTable links_;
  std::unique_ptr<std::array<uint8_t, size_t{64} * 1024>> scratch_;
  broker::FlushBuffer flush_buffer_;
  // Connections with more to write than one turn allows.
  std::vector<broker::ConnectionId> again_;
  // Emptied copies of Output's lists, kept for their memory.
  std::vector<broker::ConnectionId> ids_;
  std::vector<broker::Mail> own_mail_;

  bool busy_ = false;  // Something is left for the next turn.
  std::optional<Time> finish_by_;
  Time stats_at_;
  broker::Stats denied_;  // What was refused before the broker saw it.
  StatsSlot stats_slot_;
  Mailbox<broker::Mail> mailbox_;
  Mailbox<Order> orders_;
  Thread thread_;  // The last member: it uses all others.
};

}  // namespace tombo::server
