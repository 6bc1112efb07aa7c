#include "server/server.h"

#include <chrono>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "mqtt/message.h"
#include "net/test_certificates.h"
#include "net/test_tls_client.h"
#include "server/test_client.h"

namespace tombo::server {
namespace {

using std::chrono::seconds;

const std::string kConnack("\x20\x02\x00\x00", 4);

/// A whole broker with two shards on a port of loopback that the kernel chose.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    settings.threads = 2;
    settings.allow_anonymous = true;
    add_listener();
    settings.log.log_type = 0;
  }

  void start() {
    server = std::make_unique<Server>(*load_setup(std::make_shared<const config::Config>(settings)),
                                      log_sink);
    NullLogger quiet;
    server->start();
    ASSERT_TRUE(server->listen(quiet));
    server->accept();
    ASSERT_EQ(server->ports().size(), 1U);
  }

  bool reconfigure() {
    NullLogger quiet;
    const auto setup = load_setup(std::make_shared<const config::Config>(settings));
    return static_cast<bool>(server->reconfigure(*setup, quiet));
  }

  void add_listener() {
    settings.listeners.push_back(
        config::default_listener(config::Compatibility::v2_1, 0, "127.0.0.1"));
  }

  TestClient client() { return TestClient(server->ports()[0]); }

  TestClient client(std::string_view id, std::string_view will_topic = {}) {
    TestClient made = client();
    EXPECT_EQ(made.connect(id, false, will_topic), kConnack);
    return made;
  }

  /// Subscribes with as many clients as make it sure that some live on each shard.
  std::vector<TestClient> subscribers(std::string_view topic, int count = 16) {
    std::vector<TestClient> all;
    for (int i = 0; i < count; ++i) {
      all.push_back(client("subscriber-" + std::to_string(i)));
      all.back().subscribe(topic);
    }
    return all;
  }

  config::Config settings;
  LogSink log_sink;
  std::unique_ptr<Server> server;
};

TEST_F(ServerTest, shards_answer_when_they_run) {
  server = std::make_unique<Server>(*load_setup(std::make_shared<const config::Config>(settings)),
                                    log_sink);
  EXPECT_TRUE(server->shards_answer());  // Nobody had been asked.
  EXPECT_FALSE(server->shards_answer());
  EXPECT_FALSE(server->shards_answer());
  server->start();
  EXPECT_EQ(server->subscription_tree(), "");  // Comes behind the question.
  EXPECT_TRUE(server->shards_answer());
}

TEST_F(ServerTest, delivers_in_order_to_clients_of_all_shards) {
  start();
  std::vector<TestClient> all = subscribers("t");
  for (int i = 0; i < 8; ++i) {
    TestClient publisher = client("publisher-" + std::to_string(i));
    for (int k = 0; k < 50; ++k) {
      publisher.send_raw(TestClient::publish("t", std::to_string(i) + "/" + std::to_string(k)));
    }
    for (TestClient& subscriber : all) {
      for (int k = 0; k < 50; ++k) {
        ASSERT_EQ(subscriber.receive_payload(), std::to_string(i) + "/" + std::to_string(k));
      }
    }
  }
}

TEST_F(ServerTest, a_burst_does_not_overflow_the_queue_of_a_client_that_reads) {
  constexpr int kBurst = 20'000;  // Twenty times max_queued_messages.
  start();
  std::vector<TestClient> all = subscribers("t", 4);
  TestClient publisher = client("publisher");
  std::string burst;
  for (int i = 0; i < kBurst; ++i) burst += TestClient::publish("t", std::to_string(i));
  publisher.send_raw(burst);
  for (TestClient& subscriber : all) {
    for (int i = 0; i < kBurst; ++i) ASSERT_EQ(subscriber.receive_payload(), std::to_string(i));
  }
}

TEST_F(ServerTest, a_client_that_stops_reading_gets_the_rest_when_it_goes_on) {
  constexpr int kMessages = 200;
  const std::string payload(40'000, 'x');  // In all more than the kernel buffers of two sockets.
  start();
  TestClient subscriber = client("slow");
  subscriber.subscribe("t");
  TestClient other = client("other");
  other.subscribe("t");
  TestClient publisher = client("publisher");
  for (int i = 0; i < kMessages; ++i) {
    publisher.send_raw(TestClient::publish("t", std::to_string(i) + payload));
    ASSERT_EQ(other.receive_payload().size(), payload.size() + std::to_string(i).size());
  }
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(subscriber.receive_payload(), std::to_string(i) + payload);
  }
}

TEST_F(ServerTest, listeners_refuse_more_clients_than_max_connections) {
  settings.listeners[0].max_connections = 2;
  start();
  TestClient first = client("first");
  TestClient second = client("second");
  TestClient third = client();
  EXPECT_NE(third.connect("third").substr(0, 1), "\x20");

  // A place is given back when the broker has seen the end, which it shows by closing, too.
  second.send(0xE0, "");
  EXPECT_EQ(second.receive(), "end");
  EXPECT_EQ(client().connect("fourth"), kConnack);
}

TEST_F(ServerTest, takes_over_limits_of_a_new_configuration) {
  settings.listeners[0].max_connections = 1;
  start();
  TestClient first = client("first");
  settings.listeners[0].max_connections = 2;
  ASSERT_TRUE(reconfigure());
  EXPECT_EQ(client().connect("second"), kConnack);
}

/// TCP_NODELAY of this process's end of a connection; -1: not found.
int no_delay_towards(const TestClient& client) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  ::getsockname(client.socket().descriptor(), reinterpret_cast<sockaddr*>(&own), &size);
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    sockaddr_in peer{};
    size = sizeof peer;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_port != own.sin_port) continue;
    int value = -1;
    size = sizeof value;
    ::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &value, &size);
    return value;
  }
  return -1;
}

TEST_F(ServerTest, takes_over_set_tcp_nodelay_for_new_connections) {
  start();
  const TestClient before = client("before");
  EXPECT_EQ(no_delay_towards(before), 1);
  settings.set_tcp_nodelay = false;
  ASSERT_TRUE(reconfigure());
  const TestClient after = client("after");
  EXPECT_EQ(no_delay_towards(after), 0);
}

TEST_F(ServerTest, opens_and_closes_listeners_while_others_go_on) {
  start();
  TestClient stays = client("stays");
  add_listener();
  settings.listeners[1].mount_point = "m/";
  ASSERT_TRUE(reconfigure());
  ASSERT_EQ(server->ports().size(), 2U);
  const uint16_t second = server->ports()[1];
  std::vector<TestClient> through_it;
  for (int i = 0; i < 8; ++i) {  // Some move to another shard, which must know the listener, too.
    TestClient& made = through_it.emplace_back(second);
    EXPECT_EQ(made.connect("new-" + std::to_string(i)), kConnack);
    made.subscribe("t");
  }
  settings.listeners[1].closed = true;
  ASSERT_TRUE(reconfigure());
  EXPECT_EQ(server->ports().size(), 1U);
  EXPECT_FALSE(TestClient(second).connected());
  stays.send_raw(TestClient::publish("m/t", "still there"));
  for (TestClient& each : through_it) EXPECT_EQ(each.receive_payload(), "still there");
  EXPECT_EQ(client().connect("late"), kConnack);
}

TEST_F(ServerTest, hands_an_address_over_to_the_listener_that_follows_with_those_who_wait_there) {
  start();
  const uint16_t port = server->ports()[0];
  TestClient waiting = client();
  for (int i = 0; i < 20; ++i) {
    settings.listeners.back().closed = true;
    add_listener();
    ASSERT_TRUE(reconfigure());
    ASSERT_EQ(server->ports(), std::vector<uint16_t>{port});
    EXPECT_EQ(client().connect("c" + std::to_string(i)), kConnack);
  }
}

TEST_F(ServerTest, refuses_those_who_came_in_before_their_listener_was_closed) {
  start();
  TestClient early = client();
  // Once another client of the same shards is in, the early one has been accepted.
  client("a");
  add_listener();
  settings.listeners[0].closed = true;
  settings.listeners[1].host = "127.0.0.2";
  ASSERT_TRUE(reconfigure());
  EXPECT_NE(early.connect("early"), kConnack);
}

TEST_F(ServerTest, changes_nothing_when_one_of_the_new_listeners_cannot_be_opened) {
  start();
  add_listener();
  add_listener();
  settings.listeners[0].closed = true;
  settings.listeners[1].host = "127.0.0.2";
  settings.listeners[2].host = "127.0.0.3";
  settings.listeners[2].port = server->ports()[0];
  const Server* first = server.get();
  config::Config other_settings = settings;
  other_settings.listeners = {settings.listeners[2]};
  Server other(*load_setup(std::make_shared<const config::Config>(other_settings)), log_sink);
  NullLogger quiet;
  ASSERT_TRUE(other.listen(quiet));
  EXPECT_FALSE(reconfigure());
  EXPECT_EQ(first->ports().size(), 1U);
  EXPECT_EQ(client().connect("c"), kConnack);
}

TEST_F(ServerTest, carries_tls_connections_to_the_shards_of_their_clients) {
  const net::TestFolder folder;
  net::TestAuthority authority("Authority");
  const net::TestIdentity own = authority.issue("server");
  settings.listeners[0].certfile = folder.file("server.crt", own.certificate);
  settings.listeners[0].keyfile = folder.file("server.key", own.key);
  start();
  for (int i = 0; i < 16; ++i) {
    const TestClient plain = client();
    net::TestTlsClient tls;
    tls.trust(authority);
    tls.attach(plain.socket().descriptor());
    ASSERT_TRUE(tls.shake_hands());
    const std::string id = "client-" + std::to_string(i);
    ASSERT_TRUE(tls.send(TestClient::packet(
        0x10, TestClient::text("MQTT") + std::string("\4\2\0\0", 4) + TestClient::text(id))));
    EXPECT_EQ(tls.receive(), kConnack);
    ASSERT_TRUE(tls.send(TestClient::packet(0xC0, "")));
    EXPECT_EQ(tls.receive(), std::string("\xD0\0", 2));
  }
}

TEST(LoadSetup, fails_when_a_key_is_not_that_of_the_certificate) {
  const net::TestFolder folder;
  net::TestAuthority authority("Authority");
  config::Config settings = config::default_config(config::Compatibility::v2_1);
  settings.listeners = {config::default_listener(config::Compatibility::v2_1, 0)};
  settings.listeners[0].certfile = folder.file("own.crt", authority.issue("own").certificate);
  settings.listeners[0].keyfile = folder.file("other.key", authority.issue("other").key);
  const auto setup = load_setup(std::make_shared<const config::Config>(settings));
  ASSERT_FALSE(setup);
  EXPECT_NE(setup.error().text.find("Check keyfile"), std::string::npos) << setup.error().text;
}

TEST_F(ServerTest, says_goodbye_with_wills_first) {
  start();
  std::vector<TestClient> watchers = subscribers("wills", 4);
  TestClient modern = client();
  EXPECT_EQ(modern.connect("modern", true, "wills").substr(0, 1), "\x20");
  const TestClient old = client("old", "wills");
  server->stop();
  for (TestClient& watcher : watchers) {
    EXPECT_EQ(watcher.receive_payload(), "will");
    EXPECT_EQ(watcher.receive_payload(), "will");
    EXPECT_EQ(watcher.receive(), "end");
  }
  // [MQTT-4.13.2-1] DISCONNECT, server shutting down.
  const std::string disconnect = modern.receive();
  ASSERT_GE(disconnect.size(), 3U);
  EXPECT_EQ(disconnect[0], '\xE0');
  EXPECT_EQ(disconnect[2], '\x8B');
  EXPECT_EQ(modern.receive(), "end");
  EXPECT_FALSE(client().connected());
}

TEST_F(ServerTest, stops_in_time_when_a_client_does_not_read) {
  start();
  TestClient subscriber = client("stuck");
  subscriber.subscribe("t");
  TestClient other = client("other");
  other.subscribe("end");
  TestClient publisher = client("publisher");
  for (int i = 0; i < 200; ++i) {
    publisher.send_raw(TestClient::publish("t", std::string(40'000, 'x')));
  }
  publisher.send_raw(TestClient::publish("end", "end"));
  EXPECT_EQ(other.receive_payload(), "end");
  const auto before = std::chrono::steady_clock::now();
  server->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(5));
}

TEST_F(ServerTest, publishes_messages_of_its_own_to_all) {
  start();
  std::vector<TestClient> all = subscribers("$SYS/broker/x", 8);
  std::vector<SharedRef<const mqtt::Message>> messages;
  messages.push_back(mqtt::Message::make({.topic = "$SYS/broker/x",
                                          .properties = {},
                                          .payload = as_bytes("7"),
                                          .qos = mqtt::Qos::exactly_once,
                                          .retain = true}));
  server->inject(std::move(messages));
  for (TestClient& each : all) EXPECT_EQ(each.receive_payload(), "7");
  TestClient late = client("late");
  late.subscribe("$SYS/broker/x");
  EXPECT_EQ(late.receive_payload(), "7");
}

TEST_F(ServerTest, sums_the_numbers_of_its_shards) {
  start();
  const std::vector<TestClient> all = subscribers("a/+", 8);
  broker::Stats stats = server->stats();
  // Shards tell their numbers before they sleep.
  while (stats.connected != 8 || stats.subscriptions != 8) stats = server->stats();
  EXPECT_EQ(stats.sockets_opened, 8U);
  const std::string tree = server->subscription_tree();
  EXPECT_NE(tree.find("a/+"), std::string::npos) << tree;
}

TEST_F(ServerTest, a_second_one_on_the_same_port_cannot_start) {
  start();
  settings.listeners[0].port = server->ports()[0];
  Server second(*load_setup(std::make_shared<const config::Config>(settings)), log_sink);
  NullLogger quiet;
  const Result<void> listening = second.listen(quiet);
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().text, "Address already in use");
  EXPECT_EQ(listening.error().code, 1);
}

TEST_F(ServerTest, clients_of_a_unix_socket_live_on_all_shards) {
  const std::string path = testing::TempDir() + "server-test-" + std::to_string(::getpid());
  settings.listeners[0].unix_path = path;
  start();
  const auto unix_client = [&path](std::string_view id) {
    TestClient made(path);
    EXPECT_EQ(made.connect(id), kConnack);
    return made;
  };
  std::vector<TestClient> all;
  for (int i = 0; i < 16; ++i) {
    all.push_back(unix_client("subscriber-" + std::to_string(i)));
    all.back().subscribe("t");
  }
  TestClient publisher = unix_client("publisher");
  publisher.send_raw(TestClient::publish("t", "x"));
  for (TestClient& subscriber : all) EXPECT_EQ(subscriber.receive_payload(), "x");
  server->stop();
  EXPECT_FALSE(TestClient(path).connected());
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(ServerTest, in_local_only_mode_one_address_is_enough) {
  settings.local_only = true;
  settings.listeners.push_back(
      config::default_listener(config::Compatibility::v2_1, 0, "no.such."));
  start();
  EXPECT_EQ(client().connect("c"), kConnack);
}

}  // namespace
}  // namespace tombo::server
