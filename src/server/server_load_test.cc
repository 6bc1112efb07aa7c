// Four shards that all talk to each other while subscriptions come and go: what ThreadSanitizer
// needs to see. What must arrive is small; the traffic around it is not.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/server.h"
#include "server/test_client.h"

namespace tombo::server {
namespace {

constexpr int kClients = 16;
constexpr int kRounds = 20;
constexpr int kPerRound = 25;

class ServerLoad : public testing::Test {
 protected:
  ServerLoad() {
    config::Config settings;
    settings.threads = 4;
    settings.allow_anonymous = true;
    settings.listeners.push_back(
        config::default_listener(config::Compatibility::v2_1, 0, "127.0.0.1"));
    settings.log.log_type = 0;
    server = std::make_unique<Server>(*load_setup(std::make_shared<const config::Config>(settings)),
                                      log_sink);
    NullLogger quiet;
    server->start();
    EXPECT_TRUE(server->listen(quiet));
    server->accept();
  }

  std::unique_ptr<TestClient> client(const std::string& id) {
    auto made = std::make_unique<TestClient>(server->ports().at(0));
    made->connect(id, false, "w/" + id);
    return made;
  }

  LogSink log_sink;
  std::unique_ptr<Server> server;
};

/// SUBSCRIBE without waiting for its SUBACK.
std::string subscribe_packet(const std::string& filter) {
  return TestClient::packet(0x82, std::string("\0\1", 2) + TestClient::text(filter) + '\0');
}

std::string unsubscribe_packet(const std::string& filter) {
  return TestClient::packet(0xA2, std::string("\0\2", 2) + TestClient::text(filter));
}

TEST_F(ServerLoad, everything_arrives_while_everything_changes) {
  std::vector<std::unique_ptr<TestClient>> subscribers;
  std::vector<std::unique_ptr<TestClient>> publishers;
  for (int i = 0; i < kClients; ++i) {
    subscribers.push_back(client("subscriber-" + std::to_string(i)));
    subscribers.back()->subscribe("t/#");
    publishers.push_back(client("publisher-" + std::to_string(i)));
  }
  for (int round = 0; round < kRounds; ++round) {
    // Filters without a fixed place: interest is entered and taken back on every shard.
    for (int i = 0; i < kClients; ++i) {
      const std::string filter = "churn/" + std::to_string((round + i) % 7) + "/+";
      publishers[static_cast<size_t>(i)]->send_raw(
          round % 2 == 0 ? subscribe_packet(filter) + subscribe_packet("$share/g/" + filter)
                         : unsubscribe_packet(filter) + unsubscribe_packet("$share/g/" + filter));
    }
    for (int i = 0; i < kClients; ++i) {
      std::string burst;
      for (int k = 0; k < kPerRound; ++k) {
        const std::string number = std::to_string(i) + "/" + std::to_string(round * kPerRound + k);
        burst += TestClient::publish("t/" + std::to_string(i), number);
        burst += TestClient::publish("churn/" + std::to_string(k % 7) + "/x", number);
      }
      // Retained: its keeper is on some shard.
      burst += TestClient::packet(0x31, TestClient::text("r/" + std::to_string(i)) + "kept");
      publishers[static_cast<size_t>(i)]->send_raw(burst);
    }
    // Taken over in mid-flight, and gone with its will.
    client("wanderer")->subscribe("r/#");
    // Read as it comes: nobody may fall so far behind that messages are dropped.
    for (auto& subscriber : subscribers) {
      std::vector<int> next(kClients, round * kPerRound);
      for (int k = 0; k < kClients * kPerRound; ++k) {
        const std::string payload = subscriber->receive_payload();
        const size_t slash = payload.find('/');
        ASSERT_NE(slash, std::string::npos) << payload;
        const int publisher = std::stoi(payload.substr(0, slash));
        ASSERT_EQ(std::stoi(payload.substr(slash + 1)), next.at(static_cast<size_t>(publisher))++);
      }
    }
  }
}

}  // namespace
}  // namespace tombo::server
