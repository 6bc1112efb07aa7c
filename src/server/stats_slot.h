#pragma once

#include <mutex>

#include "broker/stats.h"

namespace tombo::server {

/// A shard's numbers as of a moment ago, for others to read without waking the shard.
class StatsSlot {
 public:
  void put(const broker::Stats& stats) {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats_ = stats;
  }

  [[nodiscard]] broker::Stats get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return stats_;
  }

 private:
  mutable std::mutex mutex_;
  broker::Stats stats_;
};

}  // namespace tombo::server
