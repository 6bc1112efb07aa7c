#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

#include "client/client_fixture.h"

namespace tombo::client {
namespace {

std::string name(const ::testing::TestParamInfo<std::string>& kind) {
  return kind.param;
}

/// Outgoing messages that survive the client.
class QueueFileTest : public BrokerTest {
 protected:
  void SetUp() override {
    BrokerTest::SetUp();
    std::string made = std::filesystem::temp_directory_path() / "tombo-queue-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    folder = made;
  }

  void TearDown() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] Settings with_file() const {
    Settings own = settings();
    own.queue_file = folder + "/queue";
    return own;
  }

  std::string folder;
};

INSTANTIATE_TEST_SUITE_P(On, QueueFileTest, ::testing::Values("tombo", "mosquitto"), name);

TEST_P(QueueFileTest, sends_what_a_crash_has_left) {
  const pid_t child = ::fork();
  if (child == 0) {
    Client client(with_file());
    Message message{.topic = "t", .payload = "1", .qos = Qos::at_least_once};
    message.properties.add_user_property("name", "value");
    client.publish(message);
    client.publish("t", std::string("2\0", 2), Qos::exactly_once);
    client.publish("t", "not kept");
    ::_exit(client.unfinished() == 3 ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto watcher = connected(settings());
  ASSERT_TRUE(watcher->subscribe("t", Qos::at_least_once).get());
  {
    const auto client = connected(with_file());
    const auto first = watcher->receive().get().value;
    EXPECT_EQ(first.payload, "1");
    EXPECT_EQ(*first.properties.text(PropertyId::user_property), "name");
    EXPECT_EQ(watcher->receive().get().value.payload, std::string("2\0", 2));
    EXPECT_TRUE(client->disconnect().get().value);
  }
  const auto client = connected(with_file());
  EXPECT_EQ(client->unfinished(), 0U) << "what the broker has is not sent again";
}

TEST_P(QueueFileTest, is_of_one_client_at_a_time) {
  const auto client = connected(with_file());
  Client second(with_file());
  const auto in = second.connect().get();
  EXPECT_EQ(in.error.kind, ErrorKind::queue_file);
  EXPECT_NE(in.error.text.find("locked"), std::string::npos) << in.error.text;
}

TEST_P(QueueFileTest, may_be_broken) {
  std::ofstream(folder + "/queue") << "this is no database, and long enough to be seen as one?";
  Client client(with_file());
  EXPECT_EQ(client.connect().get().error.kind, ErrorKind::queue_file);
}

}  // namespace
}  // namespace tombo::client
