#include "client/client_fixture.h"

namespace tombo::client {
namespace {

using std::chrono::milliseconds;

std::string name(const ::testing::TestParamInfo<std::string>& kind) {
  return kind.param;
}

/// Requests and responses of MQTT 5.
class RequestTest : public BrokerTest {};

INSTANTIATE_TEST_SUITE_P(On, RequestTest, ::testing::Values("tombo", "mosquitto"), name);

TEST_P(RequestTest, is_answered) {
  Client server(settings());
  server.on_message("double", [&server](const IncomingMessage& request) {
    server.respond(request, request.payload + request.payload);
  });
  ASSERT_TRUE(server.connect().get());
  ASSERT_TRUE(server.subscribe("double", Qos::at_least_once).get());
  const auto client = connected(settings());
  const auto first = client->request({.topic = "double", .payload = "1"}, milliseconds(20'000));
  const auto second = client->request({.topic = "double", .payload = "2"}, milliseconds(20'000));
  EXPECT_EQ(second.get().value.payload, "22");
  EXPECT_EQ(first.get().value.payload, "11");
}

TEST_P(RequestTest, does_not_wait_for_ever) {
  const auto client = connected(settings());
  const auto answer = client->request({.topic = "nobody", .payload = "?"}, milliseconds(1));
  EXPECT_EQ(answer.get().error.kind, ErrorKind::timeout);
}

TEST_P(RequestTest, is_of_mqtt_5) {
  const auto client = connected(settings(Version::v3_1_1));
  const auto answer = client->request({.topic = "nobody", .payload = "?"}, milliseconds(1));
  EXPECT_EQ(answer.get().error.kind, ErrorKind::not_supported);
}

TEST_P(RequestTest, cannot_be_answered_without_a_response_topic) {
  const auto client = connected(settings());
  EXPECT_EQ(client->respond({}, "x").get().error.kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace tombo::client
