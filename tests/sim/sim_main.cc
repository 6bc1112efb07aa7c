// The simulation's command line.
//   sim --seed S [--trace]     one world; with --trace all that happens in it
//   sim --seed S --cut N       without crashes, but that of the process when sync N fails
//   sim --seed S --minimise    the fewest events with which it still fails, traced
//   sim --seeds FILE           the seeds of a file
//   sim --from S --count N     N worlds from seed S on
//   sim --seconds T            new seeds for so long
//   sim --every-sync N         the first N worlds that keep a store, each as often as it syncs: the
//   first
//                              sync fails, and the process ends with it, then the second, ...
// Status 1 when a world fails; the seed is printed.

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unistd.h>

#include <fmt/core.h>

#include "base/log.h"
#include "sim/minimise.h"
#include "sim/plan.h"
#include "sim/world.h"

namespace tombo::sim {
namespace {

struct Options {
  std::optional<uint64_t> seed;
  uint64_t cut = 0;
  std::optional<uint64_t> seconds;
  std::string seeds;
  uint64_t from = 1;
  uint64_t count = 0;
  bool trace = false;
  bool minimise = false;
  uint64_t every_sync = 0;
};

class Trace final : public Logger {
 public:
  Trace() { set_mask(0xFFFF); }

 private:
  void write(LogType /*type*/, std::string_view line) override { fmt::print("{}\n", line); }
};

uint64_t running_seed = 0;

/// A CHECK of the broker ends the process; the seed must not be lost with it.
void on_abort(int /*signal*/) {
  std::array<char, 64> text{};
  const auto end = fmt::format_to_n(text.data(), text.size(), "seed {} aborts\n", running_seed);
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, text.data(), end.size);
}

bool report(uint64_t seed, const std::string& failure) {
  if (failure.empty()) return true;
  fmt::print(
      "seed {} fails: {}\n  again: sim --seed {} --trace; shorter: sim --seed {} --minimise\n",
      seed, failure, seed, seed);
  return false;
}

bool run_seed(uint64_t seed, bool trace, uint64_t cut = 0) {
  running_seed = seed;
  const Plan plan = make_plan(seed, cut);
  Trace log;
  World world(plan);
  return report(seed, world.run(trace ? &log : nullptr));
}

/// The world says how many syncs there are until its end.
bool run_every_sync(uint64_t seed, uint64_t& worlds) {
  running_seed = seed;
  for (uint64_t cut = 1;; ++cut, ++worlds) {
    const Plan plan = make_plan(seed, cut);
    World world(plan);
    const std::string failure = world.run(nullptr);
    if (!failure.empty()) fmt::print("with --cut {}: ", cut);
    if (!report(seed, failure)) return false;
    if (world.syncs() < cut) return true;
  }
}

bool run_every_sync(uint64_t count) {
  uint64_t worlds = 0;
  for (uint64_t seed = 1; count > 0; ++seed) {
    if (!make_plan(seed).store_keeps || make_plan(seed).clients > 100) continue;
    if (!run_every_sync(seed, worlds)) return false;
    --count;
  }
  fmt::print("{} worlds\n", worlds);
  return true;
}

int minimise_seed(uint64_t seed, uint64_t cut) {
  Plan plan = make_plan(seed, cut);
  if (run_apart(plan).empty()) {
    fmt::print("seed {} does not fail\n", seed);
    return 0;
  }
  plan =
      minimise(std::move(plan), [](size_t events) { fmt::print(stderr, "{} events\n", events); });
  fmt::print("seed {}: {} events, {} shards, store {}, duplicates {}, windows {} and {}\n", seed,
             plan.events.size(), plan.shards, plan.store_keeps, plan.duplicates, plan.windows[0],
             plan.windows[1]);
  running_seed = seed;
  Trace log;
  World world(plan);
  fmt::print("fails: {}\n", world.run(&log));
  return 1;
}

bool run_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    fmt::print("cannot read {}\n", path);
    return false;
  }
  bool good = true;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    good = run_seed(std::strtoull(line.c_str(), nullptr, 10), false) && good;
  }
  return good;
}

/// The alarm ends it.
volatile std::sig_atomic_t time_is_over = 0;

bool run_for(unsigned seconds) {
  std::random_device device;
  uint64_t seed = device();
  fmt::print("new seeds from {}\n", seed);
  std::signal(SIGALRM, [](int) { time_is_over = 1; });
  alarm(seconds);
  uint64_t worlds = 0;
  for (; time_is_over == 0; ++seed, ++worlds) {
    if (!run_seed(seed, false)) return false;
  }
  fmt::print("{} worlds\n", worlds);
  return true;
}

bool read_options(int count, char** arguments, Options& options) {
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    const char* value = i + 1 < count ? arguments[i + 1] : "";
    const auto number = [value, &i] {
      ++i;
      return std::strtoull(value, nullptr, 10);
    };
    if (option == "--trace") {
      options.trace = true;
    } else if (option == "--minimise") {
      options.minimise = true;
    } else if (option == "--seed") {
      options.seed = number();
    } else if (option == "--from") {
      options.from = number();
    } else if (option == "--count") {
      options.count = number();
    } else if (option == "--seconds") {
      options.seconds = number();
    } else if (option == "--cut") {
      options.cut = number();
    } else if (option == "--every-sync") {
      options.every_sync = number();
    } else if (option == "--seeds") {
      options.seeds = value;
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

int run(const Options& options) {
  if (options.seed && options.minimise) return minimise_seed(*options.seed, options.cut);
  bool good = true;
  if (options.seed) good = run_seed(*options.seed, options.trace, options.cut);
  if (!options.seeds.empty()) good = run_file(options.seeds) && good;
  for (uint64_t i = 0; i < options.count && good; ++i) good = run_seed(options.from + i, false);
  if (options.seconds) good = run_for(static_cast<unsigned>(*options.seconds)) && good;
  if (options.every_sync != 0) good = run_every_sync(options.every_sync) && good;
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tombo::sim

int main(int count, char** arguments) {
  tombo::sim::Options options;
  if (!tombo::sim::read_options(count, arguments, options)) {
    fmt::print(
        stderr,
        "usage: sim [--seed S [--cut N] [--trace|--minimise]] [--seeds FILE] [--from S --count N] "
        "[--seconds T] [--every-sync N]\n");
    return 2;
  }
  std::signal(SIGABRT, &tombo::sim::on_abort);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return tombo::sim::run(options);
}
