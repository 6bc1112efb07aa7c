#include "sim/minimise.h"

#include <algorithm>
#include <array>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/world.h"

namespace tombo::sim {

namespace {

constexpr unsigned kSecondsMax = 60;

}  // namespace

std::string run_apart(const Plan& plan) {
  std::array<int, 2> ends{};
  CHECK(pipe(ends.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(kSecondsMax);
    close(STDERR_FILENO);
    World world(plan);
    const std::string failure = world.run(nullptr);
    const ssize_t written = write(ends[1], failure.data(), failure.size());
    _exit(written == static_cast<ssize_t>(failure.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string failure(4096, '\0');
  const ssize_t count = read(ends[0], failure.data(), failure.size());
  failure.resize(count > 0 ? static_cast<size_t>(count) : 0);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return "the broker aborts";
  return failure;
}

namespace {

/// What is left of a failure without its numbers and names.
std::string shape_of(std::string failure) {
  std::erase_if(failure, [](char c) { return c >= '0' && c <= '9'; });
  const size_t quoted = failure.find('"');
  return failure.substr(0, quoted);
}

}  // namespace

Plan minimise(Plan plan, const std::function<void(size_t)>& progress) {
  const std::string shape = shape_of(run_apart(plan));
  for (size_t chunk = plan.events.size() / 2; chunk > 0;) {
    bool shrank = false;
    for (size_t at = 0; at < plan.events.size();) {
      Plan smaller = plan;
      const size_t count = std::min(chunk, smaller.events.size() - at);
      const auto from = smaller.events.begin() + static_cast<ptrdiff_t>(at);
      smaller.events.erase(from, from + static_cast<ptrdiff_t>(count));
      if (shape_of(run_apart(smaller)) == shape) {
        plan = std::move(smaller);
        shrank = true;
        progress(plan.events.size());
      } else {
        at += count;
      }
    }
    if (!shrank || chunk > 1) chunk /= 2;
  }
  return plan;
}

}  // namespace tombo::sim
