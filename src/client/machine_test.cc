#include "tombo/machine.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "mqtt/decode.h"
#include "mqtt/encode.h"

namespace tombo::client {
namespace {

using mqtt::PacketType;

/// Keeps what it is told, as words.
class Notes final : public Handler {
 public:
  std::vector<std::string> all;

  std::vector<std::string> take() { return std::exchange(all, {}); }

  void on_connected(const Connected& connected) override {
    all.push_back(connected.session_present ? "connected, session" : "connected");
    id = connected.client_id;
  }

  void on_message(const Received& message) override {
    all.push_back("message " + std::string(message.topic) + " " + std::string(message.payload));
  }

  void on_published(const Published& published) override {
    all.push_back("published " + std::to_string(published.request) + " " +
                  std::to_string(published.reason));
  }

  void on_subscribed(Request request, std::span<const uint8_t> reasons,
                     const Properties& /*properties*/) override {
    all.push_back("subscribed " + std::to_string(request));
    for (const uint8_t reason : reasons) all.back() += " " + std::to_string(reason);
  }

  void on_unsubscribed(Request request, std::span<const uint8_t> /*reasons*/,
                       const Properties& /*properties*/) override {
    all.push_back("unsubscribed " + std::to_string(request));
  }

  void on_disconnected(const Error& why) override {
    all.push_back(why ? "disconnected: " + why.text : "disconnected");
    kind = why.kind;
    code = why.reason;
  }

  std::string id;
  ErrorKind kind = ErrorKind::none;
  uint8_t code = 0;
};

/// A machine and what a broker sends to it.
class MachineTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  void make(Options options) {
    version = static_cast<mqtt::Version>(options.version);
    machine = std::make_unique<Machine>(std::move(options), notes);
  }

  /// Makes one that the broker has let in.
  void connect(Options options, bool session_present = false, mqtt::Properties properties = {}) {
    if (!machine) make(std::move(options));
    machine->opened(now);
    EXPECT_EQ(sent(), Words{"CONNECT"});
    give(mqtt::Connack{.session_present = session_present, .properties = properties});
    notes.take();
  }

  template <class Packet>
  void give(const Packet& packet) {
    std::vector<uint8_t> bytes;
    mqtt::encode(packet, version, bytes);
    machine->received(bytes, now);
  }

  void acknowledge(PacketType type, uint16_t id, mqtt::Reason reason = mqtt::Reason::success) {
    give(mqtt::Acknowledgement{.type = type, .packet_id = mqtt::PacketId(id), .reason = reason});
  }

  void give_message(const std::string& payload, mqtt::Qos qos, uint16_t id, bool dup = false) {
    give(mqtt::Publish{.dup = dup,
                       .qos = qos,
                       .topic = "t",
                       .packet_id = mqtt::PacketId(id),
                       .payload = as_bytes(payload)});
  }

  /// What the machine has written since, in words: "PUBLISH 1 dup hello".
  Words sent() {
    std::vector<uint8_t> bytes(machine->output().begin(), machine->output().end());
    machine->wrote(bytes.size(), now);
    Words words;
    for (Bytes rest(bytes); !rest.empty();) {
      const mqtt::Cut cut = mqtt::cut_frame(rest, 0);
      EXPECT_EQ(cut.status, mqtt::CutStatus::complete);
      rest = rest.subspan(cut.frame.size());
      words.push_back(describe(cut.frame));
    }
    return words;
  }

  [[nodiscard]] std::string describe(const mqtt::Frame& frame) const {
    std::string text(mqtt::name(frame.type()));
    mqtt::Malformed error;
    mqtt::Publish publish;
    mqtt::Acknowledgement acknowledgement;
    switch (frame.type()) {
      case PacketType::publish:
        EXPECT_TRUE(mqtt::decode(frame, version, publish, error)) << error.why;
        if (publish.packet_id.value() != 0) text += " " + std::to_string(publish.packet_id.value());
        return text + (publish.dup ? " dup " : " ") + std::string(as_text(publish.payload));
      case PacketType::puback:
      case PacketType::pubrec:
      case PacketType::pubrel:
      case PacketType::pubcomp:
        EXPECT_TRUE(mqtt::decode(frame, version, acknowledgement, error)) << error.why;
        return text + " " + std::to_string(acknowledgement.packet_id.value());
      default:
        return text;
    }
  }

  /// Topics of the PUBLISHes that the machine has written since: "topic=alias".
  Words sent_topics() {
    std::vector<uint8_t> bytes(machine->output().begin(), machine->output().end());
    machine->wrote(bytes.size(), now);
    Words words;
    for (Bytes rest(bytes); !rest.empty();) {
      const mqtt::Frame frame = mqtt::cut_frame(rest, 0).frame;
      rest = rest.subspan(frame.size());
      mqtt::Publish publish;
      mqtt::Malformed error;
      if (frame.type() != PacketType::publish) continue;
      EXPECT_TRUE(mqtt::decode(frame, version, publish, error)) << error.why;
      words.emplace_back(publish.topic);
      const auto alias = publish.properties.number(mqtt::PropertyId::topic_alias);
      if (alias) words.back() += "=" + std::to_string(*alias);
    }
    return words;
  }

  Error publish(const std::string& payload, Qos qos) {
    return machine->publish({.topic = "t", .payload = payload, .qos = qos}, request);
  }

  void publish_all(Qos qos, int count) {
    for (int i = 1; i <= count; ++i) EXPECT_FALSE(publish(std::to_string(i), qos));
  }

  Notes notes;
  std::unique_ptr<Machine> machine;
  mqtt::Version version = mqtt::Version::v3_1_1;
  Request request = 0;
  Time now{std::chrono::hours(1)};
};

TEST_F(MachineTest, says_when_the_broker_has_let_it_in) {
  make({.client_id = "me"});
  machine->opened(now);
  EXPECT_FALSE(machine->is_connected());
  sent();
  give(mqtt::Connack{.session_present = true});
  EXPECT_EQ(notes.all, Words{"connected, session"});
  EXPECT_EQ(notes.id, "me");
  EXPECT_TRUE(machine->is_connected());
}

TEST_F(MachineTest, says_why_the_broker_does_not_let_it_in) {
  make({.version = Version::v5});
  machine->opened(now);
  give(mqtt::Connack{.reason = mqtt::Reason::not_authorized});
  EXPECT_EQ(notes.all, Words{"disconnected: not authorized"});
  EXPECT_EQ(notes.kind, ErrorKind::refused);
  EXPECT_EQ(notes.code, 0x87);
  EXPECT_TRUE(machine->is_ending());
  machine->closed(now);
  EXPECT_EQ(notes.all.size(), 1U) << "it is told once";
}

TEST_F(MachineTest, has_the_return_codes_of_v3) {
  make({});
  machine->opened(now);
  machine->received(std::vector<uint8_t>{0x20, 2, 0, 4}, now);
  EXPECT_EQ(notes.all, Words{"disconnected: bad user name or password"});
  EXPECT_EQ(notes.code, 4);
}

TEST_F(MachineTest, publishes_at_each_qos) {
  connect({});
  publish_all(Qos::at_most_once, 1);
  EXPECT_EQ(sent(), Words{"PUBLISH 1"});
  EXPECT_EQ(notes.take(), Words{"published 1 0"});
  publish_all(Qos::at_least_once, 1);
  EXPECT_EQ(sent(), Words{"PUBLISH 1 1"});
  EXPECT_EQ(machine->unacknowledged(), 1U);
  acknowledge(PacketType::puback, 1);
  EXPECT_EQ(notes.take(), Words{"published 2 0"});
  publish_all(Qos::exactly_once, 1);
  EXPECT_EQ(sent(), Words{"PUBLISH 2 1"});
  acknowledge(PacketType::pubrec, 2);
  EXPECT_EQ(sent(), Words{"PUBREL 2"});
  EXPECT_TRUE(notes.all.empty());
  acknowledge(PacketType::pubcomp, 2);
  EXPECT_EQ(notes.take(), Words{"published 3 0"});
  EXPECT_EQ(machine->unacknowledged(), 0U);
}

TEST_F(MachineTest, keeps_to_its_window_and_to_the_brokers) {
  std::vector<uint8_t> encoded;
  mqtt::PropertyWriter(encoded).number(mqtt::PropertyId::receive_maximum, 2);
  connect({.version = Version::v5, .max_inflight = 5}, false, mqtt::Properties(encoded));
  EXPECT_EQ(machine->room(), 2U);
  publish_all(Qos::at_least_once, 4);
  EXPECT_EQ(machine->room(), 0U);
  EXPECT_EQ(sent(), (Words{"PUBLISH 1 1", "PUBLISH 2 2"}));
  acknowledge(PacketType::puback, 2);
  EXPECT_EQ(sent(), Words{"PUBLISH 3 3"});
  acknowledge(PacketType::puback, 1);
  acknowledge(PacketType::puback, 3);
  EXPECT_EQ(sent(), Words{"PUBLISH 4 4"});
}

TEST_F(MachineTest, goes_on_with_its_session_where_it_was) {
  connect({.clean_start = false});
  publish_all(Qos::exactly_once, 3);
  acknowledge(PacketType::pubrec, 1);
  sent();
  machine->closed(now);
  EXPECT_EQ(notes.take(), Words{"disconnected: the connection was lost"});
  EXPECT_FALSE(publish("4", Qos::exactly_once)) << "it waits";
  connect({}, true);
  EXPECT_EQ(sent(), (Words{"PUBREL 1", "PUBLISH 2 dup 2", "PUBLISH 3 dup 3", "PUBLISH 4 4"}));
  acknowledge(PacketType::pubcomp, 1);
  EXPECT_EQ(notes.take(), Words{"published 1 0"});
}

TEST_F(MachineTest, publishes_anew_what_the_broker_has_forgotten) {
  connect({.clean_start = false});
  publish_all(Qos::exactly_once, 2);
  acknowledge(PacketType::pubrec, 1);
  sent();
  machine->closed(now);
  notes.take();
  machine->opened(now);
  sent();
  give(mqtt::Connack{});
  // The broker had the first one.
  EXPECT_EQ(notes.take(), (Words{"published 1 0", "connected"}));
  EXPECT_EQ(sent(), Words{"PUBLISH 3 2"}) << "no DUP, and an id of its own";
}

TEST_F(MachineTest, a_refused_message_is_done_with) {
  connect({.version = Version::v5});
  publish_all(Qos::exactly_once, 1);
  acknowledge(PacketType::pubrec, 1, mqtt::Reason::quota_exceeded);
  EXPECT_EQ(notes.take(), Words{"published 1 151"});
  EXPECT_EQ(machine->unacknowledged(), 0U);
}

TEST_F(MachineTest, takes_a_qos_2_message_once) {
  connect({});
  give_message("a", mqtt::Qos::exactly_once, 9);
  give_message("a", mqtt::Qos::exactly_once, 9, true);
  EXPECT_EQ(notes.take(), Words{"message t a"});
  EXPECT_EQ(sent(), (Words{"PUBREC 9", "PUBREC 9"}));
  acknowledge(PacketType::pubrel, 9);
  EXPECT_EQ(sent(), Words{"PUBCOMP 9"});
  give_message("b", mqtt::Qos::exactly_once, 9);
  EXPECT_EQ(notes.take(), Words{"message t b"});
}

TEST_F(MachineTest, acknowledges_when_it_is_told_to) {
  connect({.manual_acknowledge = true});
  give_message("a", mqtt::Qos::at_least_once, 3);
  EXPECT_TRUE(sent().empty());
  machine->acknowledge(3, Qos::at_least_once);
  EXPECT_EQ(sent(), Words{"PUBACK 3"});
}

TEST_F(MachineTest, understands_packets_in_pieces) {
  connect({});
  std::vector<uint8_t> bytes;
  mqtt::encode(mqtt::Publish{.topic = "t", .payload = as_bytes("one")}, version, bytes);
  mqtt::encode(mqtt::Publish{.topic = "t", .payload = as_bytes("two")}, version, bytes);
  for (const uint8_t byte : bytes) machine->received(std::span(&byte, 1), now);
  EXPECT_EQ(notes.take(), (Words{"message t one", "message t two"}));
}

TEST_F(MachineTest, subscribes_and_unsubscribes) {
  connect({});
  const std::vector<Subscription> wanted{{.filter = "a/#", .qos = Qos::exactly_once}};
  ASSERT_FALSE(machine->subscribe(wanted, {}, request));
  EXPECT_EQ(sent(), Words{"SUBSCRIBE"});
  machine->received(std::vector<uint8_t>{0x90, 3, 0, 1, 2}, now);
  EXPECT_EQ(notes.take(), Words{"subscribed 1 2"});
  const std::vector<std::string> filters{"a/#"};
  ASSERT_FALSE(machine->unsubscribe(filters, {}, request));
  EXPECT_EQ(sent(), Words{"UNSUBSCRIBE"});
  machine->received(std::vector<uint8_t>{0xB0, 2, 0, 2}, now);
  EXPECT_EQ(notes.take(), Words{"unsubscribed 2"});
}

TEST_F(MachineTest, subscribes_again_when_the_broker_has_lost_the_session) {
  connect({.clean_start = false});
  const std::vector<Subscription> wanted{{.filter = "a"}, {.filter = "b"}};
  ASSERT_FALSE(machine->subscribe(wanted, {}, request));
  sent();
  machine->closed(now);
  connect({}, true);
  EXPECT_TRUE(sent().empty()) << "the session is there";
  machine->closed(now);
  connect({}, false);
  EXPECT_EQ(sent(), (Words{"SUBSCRIBE", "SUBSCRIBE"}));
}

TEST_F(MachineTest, refuses_what_the_broker_would_not_understand) {
  connect({});
  EXPECT_EQ(machine->publish({.topic = "a/+", .payload = ""}, request).kind,
            ErrorKind::invalid_argument);
  EXPECT_EQ(machine->publish({.topic = "", .payload = ""}, request).kind,
            ErrorKind::invalid_argument);
  const std::vector<Subscription> wrong{{.filter = "a/#/b"}};
  EXPECT_EQ(machine->subscribe(wrong, {}, request).kind, ErrorKind::invalid_argument);
  EXPECT_TRUE(sent().empty());
}

TEST_F(MachineTest, honours_what_the_broker_offers) {
  std::vector<uint8_t> encoded;
  mqtt::PropertyWriter writer(encoded);
  writer.number(mqtt::PropertyId::maximum_packet_size, 20);
  writer.number(mqtt::PropertyId::maximum_qos, 1);
  writer.number(mqtt::PropertyId::retain_available, 0);
  writer.number(mqtt::PropertyId::server_keep_alive, 7);
  writer.text(mqtt::PropertyId::assigned_client_identifier, "given");
  make({.version = Version::v5});
  machine->opened(now);
  sent();
  give(mqtt::Connack{.properties = mqtt::Properties(encoded)});
  EXPECT_EQ(notes.id, "given");
  EXPECT_EQ(publish(std::string(30, 'x'), Qos::at_most_once).kind, ErrorKind::too_large);
  EXPECT_EQ(publish(std::string(30, 'x'), Qos::at_least_once).kind, ErrorKind::too_large);
  EXPECT_EQ(publish("x", Qos::exactly_once).kind, ErrorKind::not_supported);
  EXPECT_EQ(machine->publish({.topic = "t", .payload = "x", .retain = true}, request).kind,
            ErrorKind::not_supported);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(machine->deadline(), now + std::chrono::seconds(7));
}

TEST_F(MachineTest, pings_when_it_has_nothing_to_say) {
  connect({.keep_alive_s = 10});
  now += std::chrono::seconds(9);
  machine->passed(now);
  EXPECT_TRUE(sent().empty());
  now += std::chrono::seconds(1);
  machine->passed(now);
  EXPECT_EQ(sent(), Words{"PINGREQ"});
  machine->received(std::vector<uint8_t>{0xD0, 0}, now);
  now += std::chrono::seconds(10);
  machine->passed(now);
  EXPECT_EQ(sent(), Words{"PINGREQ"});
  now += std::chrono::seconds(10);
  machine->passed(now);
  EXPECT_EQ(notes.kind, ErrorKind::keep_alive_timeout);
  EXPECT_TRUE(machine->is_ending());
}

TEST_F(MachineTest, does_not_wait_for_connack_for_ever) {
  make({.connect_timeout = std::chrono::seconds(3)});
  machine->opened(now);
  EXPECT_EQ(machine->deadline(), now + std::chrono::seconds(3));
  machine->passed(now + std::chrono::seconds(3));
  EXPECT_EQ(notes.kind, ErrorKind::connect_timeout);
}

TEST_F(MachineTest, says_good_bye) {
  connect({});
  machine->disconnect();
  EXPECT_EQ(sent(), Words{"DISCONNECT"});
  EXPECT_TRUE(machine->is_ending());
  machine->closed(now);
  EXPECT_EQ(notes.all, Words{"disconnected"});
}

TEST_F(MachineTest, ends_when_the_broker_says_so) {
  connect({.version = Version::v5});
  give(mqtt::Disconnect{.reason = mqtt::Reason::session_taken_over});
  EXPECT_EQ(notes.all, Words{"disconnected: session taken over"});
  EXPECT_EQ(notes.code, 0x8E);
}

TEST_F(MachineTest, ends_when_the_broker_makes_no_sense) {
  for (const std::vector<uint8_t>& bytes :
       {std::vector<uint8_t>{0x30, 0xFF, 0xFF, 0xFF, 0xFF}, std::vector<uint8_t>{0x10, 0},
        std::vector<uint8_t>{0x36, 4, 0, 1, 'a', 0}, std::vector<uint8_t>{0x20, 2, 0, 0}}) {
    machine.reset();
    connect({});
    machine->received(bytes, now);
    EXPECT_EQ(notes.kind, ErrorKind::malformed);
    EXPECT_TRUE(machine->is_ending());
    notes.take();
  }
}

TEST_F(MachineTest, knows_the_topics_of_the_brokers_aliases) {
  Options options{.version = Version::v5};
  options.properties.add(PropertyId::topic_alias_maximum, 1);
  connect(options);
  std::vector<uint8_t> encoded;
  mqtt::PropertyWriter(encoded).number(mqtt::PropertyId::topic_alias, 1);
  give(mqtt::Publish{
      .topic = "long", .properties = mqtt::Properties(encoded), .payload = as_bytes("1")});
  give(mqtt::Publish{.properties = mqtt::Properties(encoded), .payload = as_bytes("2")});
  EXPECT_EQ(notes.take(), (Words{"message long 1", "message long 2"}));
  encoded.clear();
  mqtt::PropertyWriter(encoded).number(mqtt::PropertyId::topic_alias, 2);
  give(mqtt::Publish{
      .topic = "other", .properties = mqtt::Properties(encoded), .payload = as_bytes("3")});
  EXPECT_EQ(notes.kind, ErrorKind::malformed);
}

TEST_F(MachineTest, sends_topics_as_aliases_where_the_broker_takes_them) {
  std::vector<uint8_t> encoded;
  mqtt::PropertyWriter(encoded).number(mqtt::PropertyId::topic_alias_maximum, 2);
  connect({.version = Version::v5}, false, mqtt::Properties(encoded));
  for (const Qos qos : {Qos::at_most_once, Qos::at_least_once}) {
    for (const char* topic : {"one", "two", "three", "one"}) {
      ASSERT_FALSE(machine->publish({.topic = topic, .payload = "x", .qos = qos}, request));
    }
  }
  EXPECT_EQ(sent_topics(), (Words{"one=1", "two=2", "three", "=1", "=1", "=2", "three", "=1"}));
  machine->closed(now);
  connect({}, true);
  EXPECT_EQ(sent_topics(), (Words{"one", "two", "three", "one"}))
      << "aliases were the connection's";
}

TEST_F(MachineTest, leaves_aliases_to_a_user_who_sets_them) {
  std::vector<uint8_t> encoded;
  mqtt::PropertyWriter(encoded).number(mqtt::PropertyId::topic_alias_maximum, 9);
  connect({.version = Version::v5}, false, mqtt::Properties(encoded));
  Message own{.topic = "mine", .payload = "x"};
  own.properties.add(PropertyId::topic_alias, 1);
  ASSERT_FALSE(machine->publish({.topic = "one"}, request));
  ASSERT_FALSE(machine->publish(own, request));
  ASSERT_FALSE(machine->publish({.topic = "one"}, request));
  EXPECT_EQ(sent_topics(), (Words{"one=1", "mine=1", "one"}));
}

TEST_F(MachineTest, sends_before_the_answer_when_told_to) {
  make({.sends_early = true});
  machine->opened(now);
  publish_all(Qos::at_most_once, 1);
  publish_all(Qos::at_least_once, 1);
  const std::vector<Subscription> wanted{{.filter = "a"}};
  ASSERT_FALSE(machine->subscribe(wanted, {}, request));
  EXPECT_EQ(sent(), (Words{"CONNECT", "PUBLISH 1", "PUBLISH 1 1", "SUBSCRIBE"}));
  give(mqtt::Connack{});
  EXPECT_TRUE(sent().empty()) << "nothing goes twice";
  acknowledge(PacketType::puback, 1);
  EXPECT_EQ(notes.take(), (Words{"published 1 0", "connected", "published 2 0"}));
}

TEST_F(MachineTest, waits_for_the_answer_with_what_a_session_may_know) {
  make({.client_id = "me", .clean_start = false, .sends_early = true});
  machine->opened(now);
  publish_all(Qos::at_least_once, 1);
  EXPECT_EQ(sent(), Words{"CONNECT"});
  give(mqtt::Connack{.session_present = true});
  EXPECT_EQ(sent(), Words{"PUBLISH 1 1"});
}

TEST_F(MachineTest, takes_other_options_for_the_next_connection) {
  connect({.keep_alive_s = 10});
  publish_all(Qos::at_least_once, 1);
  sent();
  machine->closed(now);
  machine->set_options({.version = Version::v5, .keep_alive_s = 20});
  version = mqtt::Version::v5;
  machine->opened(now);
  sent();
  give(mqtt::Connack{});
  EXPECT_EQ(machine->deadline(), now + std::chrono::seconds(20));
  EXPECT_EQ(machine->unacknowledged(), 1U);
}

TEST_F(MachineTest, misses_no_answer_while_nothing_is_read) {
  connect({.keep_alive_s = 10});
  machine->set_reading(false, now);
  for (int i = 0; i < 3; ++i) {
    now += std::chrono::seconds(10);
    EXPECT_LE(*machine->deadline(), now);
    machine->passed(now);
    EXPECT_EQ(sent(), Words{"PINGREQ"});
  }
  now += std::chrono::seconds(9);
  machine->set_reading(true, now);
  EXPECT_EQ(machine->deadline(), now + std::chrono::seconds(10));
  now += std::chrono::seconds(10);
  machine->passed(now);
  EXPECT_EQ(notes.kind, ErrorKind::keep_alive_timeout);
}

}  // namespace
}  // namespace tombo::client
