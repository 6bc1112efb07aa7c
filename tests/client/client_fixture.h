#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "client/broker_process.h"
#include "tombo/client.h"

namespace tombo::client {

/// Tests of a Client against each kind of broker.
class BrokerTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!BrokerProcess::exists(GetParam())) GTEST_SKIP() << "no " << GetParam();
    broker = std::make_unique<BrokerProcess>(GetParam());
  }

  [[nodiscard]] Settings settings(Version version = Version::v5) const {
    Settings made;
    made.connect.version = version;
    made.target.host = "127.0.0.1";
    made.target.port = broker->port();
    made.reconnect_delay_min = std::chrono::milliseconds(10);
    made.reconnect_delay_max = std::chrono::milliseconds(50);
    return made;
  }

  /// One that the broker has let in.
  static std::unique_ptr<Client> connected(Settings settings) {
    auto client = std::make_unique<Client>(std::move(settings));
    const auto in = client->connect().get();
    EXPECT_TRUE(in) << in.error.text;
    return client;
  }

  std::unique_ptr<BrokerProcess> broker;
};

}  // namespace tombo::client
