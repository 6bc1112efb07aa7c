#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "auth/hash_pool.h"
#include "auth/login_authenticator.h"
#include "base/log.h"
#include "base/result.h"
#include "base/sync/fence.h"
#include "broker/broker.h"
#include "broker/interest.h"
#include "config/config.h"
#include "server/admission.h"
#include "server/listening.h"
#include "server/log_sink.h"
#include "server/mosquitto_database.h"
#include "server/persistence.h"
#include "server/setup.h"
#include "server/shard.h"
#include "server/tls_setup.h"
#include "store/memory_store.h"

namespace tombo::server {

/// The shards of a broker with all they need, built from a Config: who starts and stops what, and
/// in which order.  Home: the control thread.
/// ```
/// Server server(*load_setup(config), log_sink);
/// server.start();
/// if (Result<void> listening = server.listen(log); !listening) return listening.error().code;
/// server.accept();
/// ... server.stats() ... server.inject(messages) ...
/// server.stop();
/// ```
class Server {
 public:
  /// Option threads, or one for each core.
  static unsigned shards_for(const config::Config& config);

  /// `persistence` null: nothing survives the process.
  Server(const Setup& setup, LogSink& log_sink, std::unique_ptr<Persistence> persistence = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Starts the threads.
  void start();
  /// Opens a socket of every shard for each address of each listener; clients wait in their queues.
  /// Logs what it opens and what fails, so the error needs no further line.
  Result<void> listen(Logger& log);
  /// In place of listen(): sockets that were opened before there were threads. `opened` is what
  /// `listening`, made for shards_for() the same configuration, has planned for it.
  void listen(Listening listening, Listening::Change opened);
  /// Lets in the clients that wait and all that come. Requires: start() and listen().
  void accept();
  /// The clean end: no new connections, wills to those who are still there, DISCONNECT for
  /// everybody, and a short while to get it all written. Does nothing when it does not run.
  void stop();

  /// Hands a new configuration to all shards, with what its files say now, after it has opened
  /// the listeners that are new. An error leaves everything as it was and is in the log already.
  /// Requires: listeners that were there before have the index that they had.
  Result<void> reconfigure(const Setup& setup, Logger& log);

  /// Has every shard answered since this was asked last? Waits for none of them. As long as one has
  /// not, the question stays; else it is asked again.
  bool shards_answer();

  /// Begins to write a mosquitto.db. Requires: persistence.
  void save_database();

  /// Publishes messages of the broker's own, also from the log's thread.
  void inject(std::vector<SharedRef<const mqtt::Message>> messages);

  /// The numbers of all shards, summed; wakes none of them.
  [[nodiscard]] broker::Stats stats() const;

  /// Has the store failed? Then nothing more is acknowledged, and the process has been asked to
  /// stop. For any thread.
  [[nodiscard]] bool has_failed() const { return failed_.test(); }

  /// The subscriptions of all shards as text.
  [[nodiscard]] std::string subscription_tree();

  [[nodiscard]] unsigned shard_count() const { return static_cast<unsigned>(shards_.size()); }

  /// The ports that shards accept at, in the order in which they were opened. For tests, which open
  /// port 0.
  [[nodiscard]] std::vector<uint16_t> ports() const { return listening_.ports(); }

 private:
  /// Carries `order(shard, index)` out on every shard's thread and waits until all have.
  void on_all_shards(const std::function<void(Shard&, size_t)>& order);
  void let_mail_settle();
  /// Shards take the sockets; both configuration and TLS are theirs already.
  void hand_over(Listening::Change change);
  /// What the store had goes to the shards, before they let anybody in.
  void restore();
  void start_store();
  void on_store_failed(const Error& error);
  void on_disk_full(bool is_full);

  std::shared_ptr<const config::Config> config_;
  LogSink& log_sink_;
  Admission admission_;
  store::MemoryStore nowhere_;
  std::unique_ptr<Persistence> persistence_;  // Null: nowhere_.
  std::unique_ptr<DatabaseExport> export_;    // Null as persistence_.
  uint64_t hash_seed_;
  Fence fence_;
  std::unique_ptr<broker::InterestTable> interest_;
  std::unique_ptr<auth::HashPool> hash_pool_;
  std::vector<std::unique_ptr<auth::LoginAuthenticator>> authenticators_;  // By shard.
  TlsContexts tls_;
  std::vector<std::unique_ptr<Shard>> shards_;
  Listening listening_;
  std::shared_ptr<std::latch> question_;    // Of shards_answer().
  std::optional<Listening::Change> first_;  // From listen() to accept().
  bool running_ = false;
  std::atomic_flag failed_;
};

}  // namespace tombo::server
