#include "server/sys_topics.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

using config::Compatibility;

using Values = std::map<std::string, std::string>;

Values update(SysTopics& topics, const SysSample& sample) {
  Values values;
  for (const SysTopics::Item& item : topics.update(sample)) {
    EXPECT_TRUE(values.emplace(item.topic, item.payload).second) << item.topic << " twice";
  }
  return values;
}

TEST(SysTopics, gives_every_topic_first) {
  SysTopics topics("2.1.2 (tombo 0.1.0)", Compatibility::v2_1);
  const Values values = update(topics, {});
  EXPECT_EQ(values.at("$SYS/broker/version"), "mosquitto version 2.1.2 (tombo 0.1.0)");
  EXPECT_EQ(values.at("$SYS/broker/uptime"), "0 seconds");
  EXPECT_EQ(values.at("$SYS/broker/clients/total"), "0");
  EXPECT_EQ(values.at("$SYS/broker/retained messages/count"), "0");
  EXPECT_EQ(values.at("$SYS/broker/load/bytes/sent/15min"), "0.00");
  EXPECT_EQ(values.at("$SYS/broker/connections/socket/count"), "0");
  EXPECT_EQ(values.size(), 2U + 41 + 3 + 27);
}

TEST(SysTopics, leaves_out_in_2_0_what_came_with_2_1) {
  SysTopics topics("2.0.22", Compatibility::v2_0);
  const Values values = update(topics, {});
  EXPECT_FALSE(values.contains("$SYS/broker/packet/out/count"));
  EXPECT_FALSE(values.contains("$SYS/broker/connections/socket/count"));
  EXPECT_EQ(values.size(), 2U + 38 + 3 + 27);
}

TEST(SysTopics, then_gives_only_what_has_changed) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  update(topics, sample);
  sample.at_s = 10;
  EXPECT_EQ(update(topics, sample), (Values{{"$SYS/broker/uptime", "10 seconds"}}));

  sample.at_s = 20.7;
  sample.stats.retained_messages = 3;
  EXPECT_EQ(update(topics, sample), (Values{{"$SYS/broker/retained messages/count", "3"},
                                            {"$SYS/broker/uptime", "20 seconds"}}));
}

TEST(SysTopics, every_limit_is_counted_under_a_name_of_its_own) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  for (size_t i = 0; i < broker::kLimitHits; ++i) sample.stats.limit_hits[i] = 1000 + i;
  std::set<std::string> hits;
  for (const auto& [topic, value] : update(topics, sample)) {
    if (topic.starts_with("$SYS/broker/limits/")) hits.insert(value);
  }
  EXPECT_EQ(hits.size(), broker::kLimitHits);
  EXPECT_EQ(*hits.begin(), "1000");
  EXPECT_EQ(*hits.rbegin(), std::to_string(1000 + broker::kLimitHits - 1));
}

TEST(SysTopics, aliases_have_the_same_value) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  sample.stats.sessions = 5;
  sample.stats.connected = 2;
  sample.stats.stored_messages = 7;
  const Values values = update(topics, sample);
  for (const char* name : {"clients/connected", "clients/active"}) {
    EXPECT_EQ(values.at(std::string("$SYS/broker/") + name), "2");
  }
  for (const char* name : {"clients/disconnected", "clients/inactive"}) {
    EXPECT_EQ(values.at(std::string("$SYS/broker/") + name), "3");
  }
  for (const char* name : {"messages/stored", "store/messages/count"}) {
    EXPECT_EQ(values.at(std::string("$SYS/broker/") + name), "7");
  }
}

TEST(SysTopics, maxima_stay) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  sample.stats.sessions = 5;
  sample.heap_bytes = 900;
  update(topics, sample);
  sample.stats.sessions = 4;
  sample.heap_bytes = 800;
  const Values values = update(topics, sample);
  EXPECT_EQ(values.at("$SYS/broker/clients/total"), "4");
  EXPECT_EQ(values.at("$SYS/broker/heap/current"), "800");
  EXPECT_FALSE(values.contains("$SYS/broker/clients/maximum"));
  EXPECT_FALSE(values.contains("$SYS/broker/heap/maximum"));
}

TEST(SysTopics, loads_are_moving_averages_of_events_a_minute) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  update(topics, sample);
  sample.at_s = 60;
  sample.stats.messages_received = 100;
  Values values = update(topics, sample);
  EXPECT_EQ(values.at("$SYS/broker/load/messages/received/1min"), "63.21");  // 100 (1 - e^-1)
  EXPECT_EQ(values.at("$SYS/broker/load/messages/received/5min"), "18.13");  // 100 (1 - e^-0.2)
  EXPECT_EQ(values.at("$SYS/broker/load/messages/received/15min"), "6.45");
  EXPECT_FALSE(values.contains("$SYS/broker/load/messages/sent/1min"));

  sample.at_s = 120;
  values = update(topics, sample);
  EXPECT_EQ(values.at("$SYS/broker/load/messages/received/1min"), "23.25");
}

TEST(SysTopics, what_was_counted_before_the_first_update_is_no_load) {
  SysTopics topics("2.1.2", Compatibility::v2_1);
  SysSample sample;
  sample.stats.bytes_sent = 1'000'000;
  update(topics, sample);
  sample.at_s = 10;
  EXPECT_FALSE(update(topics, sample).contains("$SYS/broker/load/bytes/sent/1min"));
}

}  // namespace
}  // namespace tombo::server
