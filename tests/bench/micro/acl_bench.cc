#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "auth/acl_file.h"
#include "base/check.h"
#include "broker/allowed_topics.h"
#include "broker/topic_tree.h"

/// What a check of an acl_file costs against the topic match of the same message, with few rules
/// and many. Prints nanoseconds a call, the best of kRounds.
///   acl_bench [RULES]      one number of rules only, for callgrind
namespace tombo {
namespace {

constexpr int kRounds = 60;
constexpr size_t kTopics = 4'096;
constexpr size_t kCalls = 4 * kTopics;

/// CPU time of this thread: other work on the machine counts only by what it does to caches.
double cpu_ns() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

/// As many clients as fit, each a user with the four rules of a device.
struct Plant {
  explicit Plant(uint32_t rules) : users(std::max(1U, rules / 4)) {
    for (uint32_t i = 0; i < users; ++i) {
      text += fmt::format("user device{0}\ntopic write plant/line{0}/+/temp\n", i);
      text += fmt::format("topic read plant/line{0}/cmd/#\ntopic deny plant/line{0}/x/secret\n", i);
      text += fmt::format("topic read news/{}\n", i % 16);
    }
    text += "pattern readwrite own/%u/#\n";
  }

  std::string text;
  uint32_t users;
};

struct Question {
  std::string user;
  std::string client_id;
  std::string topic;
};

template <class F>
double best_ns(F call) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double start = cpu_ns();
    for (size_t i = 0; i < kCalls; ++i) call(i % kTopics);
    best = std::min(best, (cpu_ns() - start) / kCalls);
  }
  return best;
}

std::vector<Question> questions(uint32_t users, std::string_view form) {
  std::vector<Question> all;
  for (size_t i = 0; i < kTopics; ++i) {
    const uint32_t user = static_cast<uint32_t>(i * 2'654'435'761U) % users;
    all.push_back({fmt::format("device{}", user), fmt::format("c{}", user),
                   fmt::format(fmt::runtime(form), user)});
  }
  return all;
}

double check_ns(const auth::AclFile& file, const std::vector<Question>& asked) {
  for (const Question& question : asked) {
    CHECK(file.check({question.client_id, question.user, 0}, broker::Access::write, question.topic)
              .is_allowed);
  }
  return best_ns([&](size_t i) {
    const Question& question = asked[i];
    const auto verdict =
        file.check({question.client_id, question.user, 0}, broker::Access::write, question.topic);
    asm volatile("" : : "r"(&verdict) : "memory");
  });
}

/// What a session that uses the same few topics is spared.
double allowed_ns(const std::vector<Question>& asked) {
  broker::AllowedTopics allowed;
  for (size_t i = 0; i < 2; ++i) allowed.add(broker::Access::write, asked[i].topic);
  return best_ns([&](size_t i) {
    const bool known = allowed.contains(broker::Access::write, asked[i % 2].topic);
    asm volatile("" : : "r"(known) : "memory");
  });
}

/// The subscriptions that go with the rules: a filter for each user.
double match_ns(uint32_t users, const std::vector<Question>& asked, std::string_view form) {
  broker::TopicTree tree(1);
  for (uint32_t i = 0; i < users; ++i) {
    bool fresh = false;
    const auto leaf = tree.find_or_add(fmt::format(fmt::runtime(form), i), fresh);
    tree.add(leaf, {.index = i});
  }
  return best_ns([&](size_t i) {
    size_t found = 0;
    tree.match(asked[i].topic, [&](auto subscribers) { found += subscribers.size(); });
    asm volatile("" : : "r"(&found) : "memory");
  });
}

void measure(uint32_t rules) {
  const Plant plant(rules);
  const Result<auth::AclFile> file = auth::AclFile::parse(plant.text, "bench.acl");
  CHECK(file);
  const auto own = questions(plant.users, "plant/line{}/oven/temp");
  const auto pattern = questions(plant.users, "own/device{}/oven/temp");
  // One client over and over, as within a burst.
  const std::vector<Question> one(kTopics, own.front());
  fmt::print("| {:>7} | {:>5.0f} | {:>5.0f} | {:>5.0f} | {:>5.0f} | {:>5.0f} | {:>5.0f} |\n",
             file->rule_count(), check_ns(*file, own), check_ns(*file, pattern),
             check_ns(*file, one), allowed_ns(own),
             match_ns(plant.users, own, "plant/line{}/oven/temp"),
             match_ns(plant.users, own, "plant/line{}/+/temp"));
}

}  // namespace
}  // namespace tombo

int main(int argc, char** argv) {
  fmt::print(
      "| rules | own rule | pattern | same client | remembered | match plain | match + | ns a "
      "call\n");
  if (argc == 2) {
    tombo::measure(static_cast<uint32_t>(std::strtoul(argv[1], nullptr, 10)));
    return 0;
  }
  for (const uint32_t rules : {10U, 10'000U, 100'000U}) tombo::measure(rules);
  return 0;
}
