#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "broker/ports/admission.h"
#include "config/config.h"

namespace tombo::server {

/// A number of places, some of them taken.  Shared by all threads.
class Places {
 public:
  /// Negative: no limit. A limit below what is taken lets nobody in until enough have left.
  void set_limit(int64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

  /// Takes a place; false when there is none.
  [[nodiscard]] bool enter();

  /// Gives a place back.
  void leave() { taken_.fetch_sub(1, std::memory_order_relaxed); }

  [[nodiscard]] int64_t taken() const { return taken_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> limit_{-1};
  std::atomic<int64_t> taken_{0};
};

/// Counts what no shard can know alone: connections and sessions of the broker
/// (global_max_connections, global_max_clients) and sockets of each listener (max_connections).
/// Shared by all threads; outlives the shards.
class Admission final : public broker::Admission {
 public:
  explicit Admission(const config::Config& config);

  /// Takes over the limits of a configuration. Requires: it has the same listeners.
  void set_limits(const config::Config& config);

  bool enter_connection() override { return connections_.enter(); }

  void leave_connection() override { connections_.leave(); }

  bool enter_session() override { return sessions_.enter(); }

  void leave_session() override { sessions_.leave(); }

  /// The places at the listener with this index in Config::listeners.
  Places& listener(size_t index);

 private:
  Places connections_;
  Places sessions_;
  size_t listener_count_;
  std::unique_ptr<Places[]> listeners_;
};

}  // namespace tombo::server
