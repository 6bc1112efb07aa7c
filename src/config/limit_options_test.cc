#include <string>
#include <string_view>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "config/diff.h"
#include "config/files_in_memory.h"
#include "config/option_tables.h"
#include "config/options.h"
#include "config/parser.h"

namespace tombo::config {
namespace {

Result<ParseOutcome> parse(const std::string& text) {
  FilesInMemory files({{"t.conf", text}});
  return parse_file(files, "t.conf", {});
}

struct Bounds {
  std::string_view name;
  int64_t least;
  int64_t most;
};

constexpr int64_t kMost = 4294967295;
constexpr Bounds kBounds[] = {
    {"connect_timeout", 1, 3600},
    {"max_byte_rate_per_client", 0, kMost},
    {"max_byte_rate_per_user", 0, kMost},
    {"max_connect_size", 64, 16777216},
    {"max_connection_rate_per_address", 0, kMost},
    {"max_login_failures_per_address", 0, kMost},
    {"max_login_failures_per_user", 0, kMost},
    {"max_pending_connections", 0, kMost},
    {"max_pending_connections_per_address", 0, kMost},
    {"max_message_rate_per_client", 0, kMost},
    {"max_message_rate_per_user", 0, kMost},
    {"max_retained_bytes", 0, INT64_MAX},
    {"max_retained_bytes_per_client", 0, INT64_MAX},
    {"max_retained_messages", 0, kMost},
    {"max_retained_messages_per_client", 0, kMost},
    {"max_subscriptions_per_client", 0, kMost},
    {"max_topic_levels", 1, 201},
    {"max_user_properties", 0, kMost},
    {"max_user_property_bytes", 0, kMost},
    {"max_will_size", 0, kMost},
};

TEST(LimitOptions, take_values_within_their_bounds_and_no_others) {
  EXPECT_EQ(std::size(kBounds), limit_options().size());
  for (const auto& [name, least, most] : kBounds) {
    for (const int64_t value : {least, most}) {
      EXPECT_TRUE(parse(fmt::format("{} {}\n", name, value))) << name << " " << value;
    }
    for (const int64_t value : {least - 1, most == INT64_MAX ? -1 : most + 1}) {
      const auto refused = parse(fmt::format("{} {}\n", name, value));
      ASSERT_FALSE(refused) << name << " " << value;
      EXPECT_NE(refused.error().text.find(fmt::format("Invalid {} value ({})", name, value)),
                std::string::npos)
          << refused.error().text;
    }
  }
}

TEST(LimitOptions, apply_on_reload) {
  const Config before = parse("")->config;
  for (const auto& [name, least, most] : kBounds) {
    const Config after = parse(fmt::format("{} {}\n", name, least + 1))->config;
    const Reloaded result = reload(before, after);
    EXPECT_EQ(result.config.limits, after.limits) << name;
    EXPECT_NE(result.config.limits, before.limits) << name;
    ASSERT_EQ(result.changes.size(), 1U) << name;
    EXPECT_FALSE(result.changes[0].needs_restart) << name;
  }
}

}  // namespace
}  // namespace tombo::config
