#include <atomic>
#include <semaphore>
#include <thread>
#include <vector>

#include "client/client_fixture.h"
#include "tombo/version.h"

namespace tombo::client {
namespace {

using std::chrono::milliseconds;

std::string name(const ::testing::TestParamInfo<std::string>& kind) {
  return kind.param;
}

class ClientTest : public BrokerTest {};

INSTANTIATE_TEST_SUITE_P(On, ClientTest, ::testing::Values("tombo", "mosquitto"), name);

TEST_P(ClientTest, publishes_and_receives_with_each_version_at_each_qos) {
  for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5}) {
    Settings own = settings(version);
    own.connect.client_id = "each";
    const auto client = connected(own);
    const auto granted = client->subscribe("t/#", Qos::exactly_once).get();
    ASSERT_TRUE(granted) << granted.error.text;
    EXPECT_EQ(granted.value, Reasons{2});
    for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
      EXPECT_TRUE(client->publish("t/1", "hello", qos).get());
      const auto message = client->receive().get();
      ASSERT_TRUE(message);
      EXPECT_EQ(message.value.topic, "t/1");
      EXPECT_EQ(message.value.payload, "hello");
      EXPECT_EQ(message.value.qos, qos);
    }
    EXPECT_TRUE(client->disconnect().get().value);
  }
}

TEST_P(ClientTest, calls_back_by_filter_and_else_for_all) {
  std::vector<std::string> heard;
  std::counting_semaphore done(0);
  Client client(settings());
  const auto note = [&](const char* who) {
    return [&heard, &done, who](const IncomingMessage& message) {
      heard.push_back(who + message.payload);
      done.release();
    };
  };
  client.on_message(note("all "));
  client.on_message("a/+", note("plus "));
  client.on_message("$share/g/a/#", note("hash "));
  ASSERT_TRUE(client.connect().get());
  ASSERT_TRUE(client.subscribe("#").get());
  client.publish("a/b", "1");
  client.publish("c", "2");
  client.publish("a/b/c", "3");
  for (int i = 0; i < 4; ++i) done.acquire();
  EXPECT_EQ(heard, (std::vector<std::string>{"plus 1", "hash 1", "all 2", "hash 3"}));
}

TEST_P(ClientTest, says_why_it_could_not_connect) {
  Settings own = settings();
  own.target.port = free_port();
  Client client(own);
  const auto in = client.connect().get();
  EXPECT_EQ(in.error.kind, ErrorKind::network);
  EXPECT_EQ(in.error.text, "Connection refused");
  EXPECT_FALSE(client.is_connected());
}

TEST_P(ClientTest, says_why_the_broker_does_not_let_it_in) {
  const BrokerProcess closed(GetParam(), "allow_anonymous false\n");
  Settings own = settings();
  own.target.port = closed.port();
  Client client(own);
  const auto in = client.connect().get();
  EXPECT_EQ(in.error.kind, ErrorKind::refused);
  EXPECT_EQ(in.error.reason, 0x87);
}

TEST_P(ClientTest, goes_on_trying_at_first_when_told_to) {
  Settings own = settings();
  own.retries_first = true;
  broker->kill();
  Client client(own);
  const auto in = client.connect();
  const auto sent = client.publish("t", "early", Qos::at_least_once);
  broker->start();
  EXPECT_TRUE(in.get());
  EXPECT_TRUE(sent.get());
}

TEST_P(ClientTest, connects_again_and_subscribes_again) {
  Client client(settings());
  std::binary_semaphore back(0);
  std::binary_semaphore away(0);
  int times = 0;
  client.on_connected([&](const Connected& /*connected*/) {
    if (++times == 2) back.release();
  });
  client.on_disconnected([&](const Error& why) {
    EXPECT_EQ(why.kind, ErrorKind::connection_lost);
    away.release();
  });
  ASSERT_TRUE(client.connect().get());
  ASSERT_TRUE(client.subscribe("t").get());
  broker->kill();
  away.acquire();
  const auto waiting = client.publish("t", "over the gap", Qos::at_least_once);
  broker->start();
  back.acquire();
  EXPECT_TRUE(waiting.get());
  EXPECT_EQ(client.receive().get().value.payload, "over the gap");
  client.on_disconnected({});
}

TEST_P(ClientTest, ends_when_it_may_not_connect_again) {
  Settings own = settings();
  own.reconnects = false;
  const auto client = connected(own);
  const auto waiting = client->receive();
  broker->kill();
  EXPECT_EQ(waiting.get().error.kind, ErrorKind::connection_lost);
  broker->start();
  EXPECT_TRUE(client->connect().get());
}

TEST_P(ClientTest, publishes_from_many_threads_within_its_bound) {
  Settings own = settings();
  own.queue_max = 10;
  const auto client = connected(own);
  ASSERT_TRUE(client->subscribe("t/#", Qos::at_least_once).get());
  constexpr int kThreads = 4;
  constexpr int kMessages = 200;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&client, &good, i] {
      for (int number = 0; number < kMessages; ++number) {
        EXPECT_LE(client->unfinished(), 10U);
        client->publish("t/" + std::to_string(i), std::to_string(number), Qos::at_least_once)
            .then([&good](const Outcome<Published>& sent) { good += sent ? 1 : 0; });
      }
    });
  }
  std::vector<int> next(kThreads);
  for (int i = 0; i < kThreads * kMessages; ++i) {
    const auto message = client->receive().get();
    const auto who = static_cast<size_t>(message.value.topic.back() - '0');
    EXPECT_EQ(message.value.payload, std::to_string(next[who]++)) << "in order";
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(client->disconnect().get().value);
  EXPECT_EQ(good, kThreads * kMessages);
}

TEST_P(ClientTest, fails_in_its_own_thread_where_it_would_wait) {
  Settings own = settings();
  own.queue_max = 1;
  Client client(own);
  ASSERT_TRUE(client.connect().get());
  Promise<Published> second;
  client.on_message("t", [&](const IncomingMessage& /*message*/) {
    client.publish("a", "1", Qos::at_least_once);
    client.publish("a", "2").then([&](const Outcome<Published>& sent) { second.give(sent); });
  });
  ASSERT_TRUE(client.subscribe("t").get());
  client.publish("t", "");
  EXPECT_EQ(second.answer().get().error.kind, ErrorKind::queue_full);
  EXPECT_TRUE(client.disconnect().get().value);
}

TEST_P(ClientTest, reads_no_more_than_its_inbox_holds) {
  Settings own = settings();
  own.inbox_max = 5;
  const auto client = connected(own);
  ASSERT_TRUE(client->subscribe("t").get());
  const auto other = connected(settings());
  for (int i = 0; i < 100; ++i) other->publish("t", std::to_string(i), Qos::at_least_once).wait();
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(client->receive().get().value.payload, std::to_string(i));
  }
}

TEST_P(ClientTest, acknowledges_when_told_to) {
  Settings own = settings();
  own.connect.client_id = "keeps";
  own.connect.clean_start = false;
  own.connect.manual_acknowledge = true;
  own.connect.properties.add(PropertyId::session_expiry_interval, 100);
  {
    const auto client = connected(own);
    ASSERT_TRUE(client->subscribe("t", Qos::at_least_once).get());
    client->publish("t", "1", Qos::at_least_once);
    client->publish("t", "2", Qos::at_least_once);
    client->acknowledge(client->receive().get().value);
    EXPECT_EQ(client->receive().get().value.payload, "2");
    EXPECT_TRUE(client->disconnect().get().value);
  }
  const auto client = connected(own);
  const auto again = client->receive().get();
  EXPECT_EQ(again.value.payload, "2") << "only what was not acknowledged comes again";
  EXPECT_TRUE(again.value.dup);
}

TEST_P(ClientTest, refuses_what_mqtt_does_not_know) {
  const auto client = connected(settings());
  EXPECT_EQ(client->publish("a/+", "").get().error.kind, ErrorKind::invalid_argument);
  EXPECT_EQ(client->subscribe("a/#/b").get().error.kind, ErrorKind::invalid_argument);
  EXPECT_EQ(client->connect().get().error.kind, ErrorKind::invalid_argument);
}

TEST_P(ClientTest, unsubscribes) {
  const auto client = connected(settings());
  ASSERT_TRUE(client->subscribe("t").get());
  EXPECT_EQ(client->unsubscribe("t").get().value, Reasons{0});
  client->publish("t", "nobody");
  ASSERT_TRUE(client->subscribe("u").get());
  client->publish("u", "somebody");
  EXPECT_EQ(client->receive().get().value.payload, "somebody");
}

TEST_P(ClientTest, leaves_a_will) {
  const auto watcher = connected(settings());
  ASSERT_TRUE(watcher->subscribe("will").get());
  Settings own = settings();
  own.connect.will = Message{.topic = "will", .payload = "gone"};
  const auto client = connected(own);
  client->disconnect(milliseconds(0), 4).wait();
  EXPECT_EQ(watcher->receive().get().value.payload, "gone");
}

Task talk(Client& client, std::vector<std::string>& heard) {
  const auto in = co_await client.connect();
  if (!in) co_return;
  const auto granted = co_await client.subscribe("t", Qos::at_least_once);
  if (!granted) co_return;
  for (int i = 0; i < 3; ++i) {
    const auto sent = co_await client.publish("t", std::to_string(i), Qos::at_least_once);
    if (!sent) co_return;
    const auto message = co_await client.receive();
    heard.push_back(message.value.payload);
  }
  co_await client.disconnect();
}

TEST_P(ClientTest, is_awaited_by_coroutines) {
  Client client(settings());
  std::vector<std::string> heard;
  talk(client, heard).wait();
  EXPECT_EQ(heard, (std::vector<std::string>{"0", "1", "2"}));
}

TEST_P(ClientTest, gives_futures) {
  const auto client = connected(settings());
  auto sent = client->publish("t", "x", Qos::exactly_once).future();
  EXPECT_TRUE(sent.get());
}

TEST_P(ClientTest, keeps_its_promises_when_it_ends) {
  std::vector<Answer<Published>> sent;
  {
    Settings own = settings();
    own.retries_first = true;
    own.target.port = free_port();
    Client client(own);
    static_cast<void>(client.connect());
    for (int i = 0; i < 3; ++i) sent.push_back(client.publish("t", "x", Qos::at_least_once));
  }
  for (const auto& each : sent) EXPECT_EQ(each.get().error.kind, ErrorKind::ended);
}

TEST_P(ClientTest, gives_up_an_attempt_that_takes_long) {
  // A listener that accepts nothing: TLS waits for its answer.
  Settings own = settings();
  own.target.tls.emplace().any_certificate = true;
  Client client(own);
  const auto in = client.connect();
  EXPECT_TRUE(client.disconnect(milliseconds(0)).wait_for(std::chrono::seconds(20)));
  EXPECT_FALSE(in.get());
}

TEST(Library, has_a_version) {
  EXPECT_FALSE(version().empty());
}

}  // namespace
}  // namespace tombo::client
