#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/stats.h"
#include "config/config.h"

namespace tombo::server {

/// The broker at one moment.
struct SysSample {
  broker::Stats stats;      ///< Summed over the shards.
  double at_s = 0;          ///< Seconds since the start.
  uint64_t heap_bytes = 0;  ///< Memory in use.
};

/// The $SYS tree: which topics have a new value at each update, in Mosquitto's words and numbers.
/// Pure: no clock, no thread.  Bound: the topics of its tables, 73 of them.
/// ```
/// SysTopics topics("2.1.2 (tombo 0.1.0)", config::Compatibility::v2_1);
/// for (const SysTopics::Item& item : topics.update(sample)) publish(item.topic, item.payload);
/// ```
class SysTopics {
 public:
  struct Item {
    std::string topic;
    std::string payload;

    bool operator==(const Item&) const = default;
  };

  SysTopics(std::string version, config::Compatibility compatibility);

  /// The topics whose value has changed since the last call; the first call gives all of them.
  std::vector<Item> update(const SysSample& sample);

 private:
  static constexpr size_t kLoads = 9;
  static constexpr size_t kSpans = 3;

  /// Events a minute, as exponential moving averages over 1, 5 and 15 minutes.
  struct Load {
    uint64_t counted = 0;
    std::array<double, kSpans> averages{};
    std::array<std::string, kSpans> published;
  };

  void update_numbers(const SysSample& sample, std::vector<Item>& changed);
  void update_loads(const SysSample& sample, std::vector<Item>& changed);

  std::string version_;
  config::Compatibility compatibility_;
  std::optional<double> last_at_s_;
  uint64_t clients_maximum_ = 0;
  uint64_t heap_maximum_ = 0;
  std::vector<std::optional<uint64_t>> numbers_;  // What was published last.
  std::array<Load, kLoads> loads_;
};

}  // namespace tombo::server
