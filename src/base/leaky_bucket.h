#pragma once

#include <algorithm>
#include <cmath>

#include "base/time.h"

namespace tombo {

/// How much of a rate has been used: what is added leaks away at the rate. 16 bytes, pure: the rate
/// is an argument, so it may change at any time.
/// A second's worth may come at once; what is over it has to be waited for. In any span of t
/// seconds so no more than (t + 1) times the rate passes, and one amount that began within it.
///   if (bucket.add(1, messages_per_s, now) > Duration(0)) slow_down();
class LeakyBucket {
 public:
  /// Adds `amount`. Returns how long to wait before the next one: until a second's worth is left.
  /// Requires: rate_per_s > 0. A `now` before an earlier one counts as that.
  Duration add(double amount, double rate_per_s, Time now) {
    leak(rate_per_s, now);
    level_ += amount;
    return wait(rate_per_s);
  }

  /// As add(), but what would have to wait is not added. Returns whether it was.
  bool try_add(double amount, double rate_per_s, double burst, Time now) {
    leak(rate_per_s, now);
    if (level_ + amount > burst + kRounding) return false;
    level_ += amount;
    return true;
  }

  /// Has nothing been added or asked for so long?
  [[nodiscard]] bool untouched_for(Duration time, Time now) const { return now - at_ >= time; }

  /// What has not leaked away by `now`.
  double level(double rate_per_s, Time now) {
    leak(rate_per_s, now);
    return level_;
  }

 private:
  /// Sums of fractions may miss a whole number by less than this.
  static constexpr double kRounding = 1e-6;

  void leak(double rate_per_s, Time now) {
    if (now <= at_) return;
    const std::chrono::duration<double> passed = now - at_;
    level_ = std::max(0.0, level_ - rate_per_s * passed.count());
    at_ = now;
  }

  [[nodiscard]] Duration wait(double rate_per_s) const {
    const double over = level_ - rate_per_s - kRounding;
    return over <= 0 ? Duration(0)
                     : Duration(static_cast<Duration::rep>(std::ceil(over / rate_per_s * 1000)));
  }

  double level_ = 0;
  Time at_{};
};

}  // namespace tombo
