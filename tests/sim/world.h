#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/random.h"
#include "config/config.h"
#include "sim/client.h"
#include "sim/disk.h"
#include "sim/network.h"
#include "sim/oracle.h"
#include "sim/plan.h"

namespace tombo::sim {

/// A broker, its clients, and the oracle that watches them, from the first event to the last thing
/// cleared away.
class World {
 public:
  explicit World(const Plan& plan);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Lives through all of the plan. Empty, or what was wrong. `log` sees events and the broker's
  /// log; null: nobody does.
  std::string run(Logger* log);

  /// How many times something was made safe on the disk.
  [[nodiscard]] uint64_t syncs() const { return disk_->syncs(); }

 private:
  void carry_out(const Event& event);
  void connect(Client& client, bool clean, Random& random);
  void publish(Client& client, Random& random);
  void subscribe(Client& client, Random& random);
  void meet(Client& client, const std::string& topic, Random& random);
  void vandalise(Random& random);
  void plan_crash(Random& random);
  void crash(Random& random);
  void restart(Random& random);
  void reload();
  void stir(Random& random);
  void settle(Random& random);
  void pass(Duration duration, Random& random);
  void come_to_rest(Random& random);
  void end_lost_connections();
  void check_connections();
  void check_retained(Random& random);
  void clear_retained(Random& random);
  void clear_away(Random& random);
  void start_broker(const Found& found);
  [[nodiscard]] std::shared_ptr<const config::Config> make_config(unsigned window) const;
  [[nodiscard]] broker::ReplayLimits replay_limits() const;
  [[nodiscard]] broker::QueueLimits queue_limits() const;

  const Plan& plan_;
  unsigned shards_;  ///< of the broker that runs
  uint64_t starts_ = 0;
  NullLogger nobody_;
  Logger* log_ = nullptr;
  Oracle oracle_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<Network> network_;
  std::deque<Client> clients_;  ///< the last one checks the others' work
  unsigned window_ = 0;         ///< which of the plan's is in force
  Now now_;
};

}  // namespace tombo::sim
