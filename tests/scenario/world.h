#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/interest.h"
#include "config/config.h"
#include "scenario/client.h"

namespace tombo::scenario {

/// What a world is built from.
struct WorldSetup {
  unsigned shards = 1;
  bool store_keeps = false;
  bool logins_later = false;  ///< an authenticator that answers when decide() is called
  std::shared_ptr<const config::Config> config;
  std::shared_ptr<const broker::Authorizer> authorizer{};
};

/// Several shards of a broker with simulated sockets, mailboxes, store and time, in one thread and
/// in one order: what goes in decides what comes out. Inputs take effect in settle(), which runs
/// turns of all shards until nothing moves any more; everything that clients are told, logs and
/// (when wanted) mails and store batches are noted in trace().
class World {
 public:
  explicit World(WorldSetup setup);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The client of that name, made when there is none.
  Client& client(const std::string& name);
  void open(Client& client, unsigned shard, uint16_t listener);
  /// The client writes bytes. They arrive when the broker reads.
  void send(Client& client, Bytes bytes);
  /// The client's end is gone, without a word.
  void drop(Client& client, broker::CloseCause cause);
  /// How much the client's socket takes from now on; nullopt: everything.
  void set_capacity(Client& client, std::optional<size_t> bytes);

  void settle();
  /// Time passes; whatever is planned happens at its time.
  void advance(Duration duration);
  void reload(const broker::mail::Reconfigure& change);
  /// A message of the broker itself, as $SYS sends them.
  void inject(SharedRef<const mqtt::Message> message);
  /// All batches of one shard that the store took are safe, or those of all shards.
  void commit(std::optional<unsigned> shard);
  void set_disk_full(bool is_full);
  void shutdown();
  /// The answer for the client that has waited longest; false: nobody waits.
  bool decide(broker::AuthDecision decision);

  std::vector<std::string>& trace() { return trace_; }

  unsigned shards() const { return static_cast<unsigned>(shards_.size()); }

  unsigned home(std::string_view key) const;
  broker::Broker& broker(unsigned shard);
  broker::Stats stats();

  void set_log_mask(uint32_t mask);

  void show_mails(bool on) { show_mails_ = on; }

  void show_batches(bool on) { show_batches_ = on; }

  /// Bytes that the broker is given at a time; 0: what there is.
  void set_chunk(size_t bytes) { chunk_ = bytes; }

 private:
  class RecordingLogger;
  class FakeStore;
  class FakeAdmission;
  class FakeAuthenticator;
  class Transport;
  struct Shard;

  void pass_time(Time now, Time start);
  void deliver(unsigned to, broker::Mail mail);
  void deliver_first();
  void adopt(unsigned to, broker::mail::Adopt& adopt);
  bool round();
  bool read_sockets();
  bool carry_out(unsigned from, std::vector<std::pair<unsigned, broker::Mail>>& mails);
  void take_moves(unsigned from);
  void write_dirty(unsigned shard);
  void write(Client& client);
  void close_ended(unsigned shard);
  Client* find(unsigned shard, broker::ConnectionId id);
  void note_mail(unsigned from, unsigned to, const broker::Mail& mail);

  std::shared_ptr<const config::Config> config_;
  broker::InterestTable interest_;
  std::unique_ptr<FakeStore> store_;
  std::unique_ptr<FakeAdmission> admission_;
  std::unique_ptr<FakeAuthenticator> authenticator_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
  std::vector<Client*> in_order_;  ///< clients as they came
  std::vector<std::string> trace_;
  Now now_;
  size_t chunk_ = 0;
  bool show_mails_ = false;
  bool show_batches_ = false;
};

}  // namespace tombo::scenario
