#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "mqtt/decode.h"
#include "mqtt/describe.h"
#include "mqtt/encode.h"
#include "mqtt/test_vectors.h"

/// Packets from a generator, there and back; and bytes that are no packets. The options that
/// repeat a run stand in every failure.
namespace tombo::mqtt {

namespace {

/// Of the size that GoogleTest's own option takes.
uint32_t seed() {
  const int given = testing::UnitTest::GetInstance()->random_seed();
  return given != 0 ? static_cast<uint32_t>(given) : 1 + std::random_device()() % 99'999;
}

/// Makes random packets and owns the memory behind their views.
class Maker {
 public:
  explicit Maker(uint64_t seed) : random_(seed) {}

  Random& random() { return random_; }

  uint16_t u16() { return static_cast<uint16_t>(1 + random_.below(65'535)); }

  uint32_t below(uint64_t end) { return static_cast<uint32_t>(random_.below(end)); }

  bool coin() { return random_.one_in(2); }

  Version version() { return static_cast<Version>(3 + below(3)); }

  std::string_view text(uint32_t least = 0) {
    static constexpr std::string_view kPieces[] = {
        "a", "Zz", "/", " ", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "$", "0123456789"};
    std::string& text = texts_.emplace_back();
    const uint32_t count = least + below(8);
    for (uint32_t i = 0; i < count; ++i) text += kPieces[below(std::size(kPieces))];
    return text;
  }

  std::string_view filter() {
    std::string& text = texts_.emplace_back();
    if (random_.one_in(4)) text += "$share/group/";
    const uint32_t levels = 1 + below(5);
    for (uint32_t i = 0; i < levels; ++i) {
      text += i == 0 ? "" : "/";
      text += random_.one_in(3) ? "+" : "level";
    }
    if (random_.one_in(3)) text += "/#";
    return text;
  }

  Bytes bytes() {
    std::string& raw = texts_.emplace_back();
    const uint32_t size = below(random_.one_in(10) ? 20'000 : 40);
    for (uint32_t i = 0; i < size; ++i) raw += static_cast<char>(random_.next());
    return as_bytes(raw);
  }

  Properties properties(PropertyPlace place) {
    Buffer& raw = buffers_.emplace_back();
    PropertyWriter writer(raw);
    std::vector<uint8_t> ids(43);
    for (uint8_t id = 0; id < 43; ++id) ids[id] = id;
    std::ranges::shuffle(ids, random_);
    for (const uint8_t id : ids) {
      const PropertyInfo* info = property_info(id);
      if (info == nullptr || (info->places >> static_cast<int>(place) & 1) == 0) continue;
      if (random_.one_in(3)) add(writer, *info, place);
    }
    return Properties(raw);
  }

 private:
  void add(PropertyWriter& writer, const PropertyInfo& info, PropertyPlace place) {
    const bool repeats = info.type == PropertyType::pair ||
                         (info.repeatable_in_publish && place == PropertyPlace::publish);
    for (uint32_t left = repeats ? 1 + below(3) : 1; left > 0; --left) {
      switch (info.type) {
        case PropertyType::byte:
          writer.number(info.id, below(2));
          break;
        case PropertyType::two_byte:
          writer.number(info.id, u16());
          break;
        case PropertyType::four_byte:
          writer.number(info.id, 1 + below(UINT32_MAX));
          break;
        case PropertyType::variable:
          writer.number(info.id, 1 + below(kSubscriptionIdMax));
          break;
        case PropertyType::text:
          writer.text(info.id, text());
          break;
        case PropertyType::binary:
          add_binary(writer, info.id);
          break;
        case PropertyType::pair:
          writer.pair(text(), text());
          break;
      }
    }
  }

  /// Authentication data would need a method, which the caller may have passed over.
  void add_binary(PropertyWriter& writer, PropertyId id) {
    if (id != PropertyId::authentication_data) writer.text(id, as_text(bytes()));
  }

  Random random_;
  std::deque<std::string> texts_;
  std::deque<Buffer> buffers_;
};

Properties only_v5(Maker& make, Version version, PropertyPlace place) {
  return version == Version::v5 ? make.properties(place) : Properties();
}

Connect make_connect(Maker& make) {
  Connect packet;
  packet.version = make.version();
  packet.bridge = make.coin();
  packet.clean_start = make.coin();
  packet.keep_alive_s = make.u16();
  packet.properties = only_v5(make, packet.version, PropertyPlace::connect);
  packet.client_id = make.text();
  if (make.coin()) {
    packet.will = Will{.qos = static_cast<Qos>(make.below(3)),
                       .retain = make.coin(),
                       .properties = only_v5(make, packet.version, PropertyPlace::will),
                       .topic = make.text(1),
                       .payload = make.bytes()};
  }
  if (make.coin()) packet.user_name = make.text();
  if (make.coin() && (packet.user_name || packet.version == Version::v5)) {
    packet.password = make.bytes();
  }
  return packet;
}

Publish make_publish(Maker& make, Version version) {
  Publish packet;
  packet.qos = static_cast<Qos>(make.below(3));
  packet.dup = packet.qos != Qos::at_most_once && make.coin();
  packet.retain = make.coin();
  packet.topic = make.text(1);
  if (packet.qos != Qos::at_most_once) packet.packet_id = PacketId(make.u16());
  packet.properties = only_v5(make, version, PropertyPlace::publish);
  packet.payload = make.bytes();
  return packet;
}

std::vector<uint8_t> raw(const Properties& properties) {
  return {properties.raw().begin(), properties.raw().end()};
}

void expect_equal(const Properties& one, const Properties& other) {
  EXPECT_EQ(raw(one), raw(other));
}

class RandomCodec : public testing::Test {
 protected:
  const uint32_t start = seed();
  Maker make{start};
  testing::ScopedTrace trace{__FILE__, __LINE__,
                             "--gtest_shuffle --gtest_random_seed=" + std::to_string(start)};
  Buffer out;
  Malformed error;

  /// Decoded and encoded once more, what is in out stays the same.
  void expect_stable(Version version, Sender sender) {
    Buffer again;
    ASSERT_TRUE(recode(whole_frame(out), version, sender, again, error))
        << error.why << " " << hex(out);
    EXPECT_EQ(hex(again), hex(out));
  }
};

TEST_F(RandomCodec, connects_come_back) {
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    const Connect sent = make_connect(make);
    out.clear();
    encode(sent, out);
    Connect got;
    ASSERT_TRUE(decode(whole_frame(out), got, error)) << error.why << " " << hex(out);
    EXPECT_EQ(got.version, sent.version);
    EXPECT_EQ(got.bridge, sent.bridge);
    EXPECT_EQ(got.clean_start, sent.clean_start);
    EXPECT_EQ(got.keep_alive_s, sent.keep_alive_s);
    EXPECT_EQ(got.client_id, sent.client_id);
    EXPECT_EQ(got.user_name, sent.user_name);
    expect_equal(got.properties, sent.properties);
    expect_stable(sent.version, Sender::client);
  }
}

TEST_F(RandomCodec, wills_and_passwords_come_back) {
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    const Connect sent = make_connect(make);
    out.clear();
    encode(sent, out);
    Connect got;
    ASSERT_TRUE(decode(whole_frame(out), got, error)) << error.why << " " << hex(out);
    ASSERT_EQ(got.will.has_value(), sent.will.has_value());
    ASSERT_EQ(got.password.has_value(), sent.password.has_value());
    if (sent.password) {
      EXPECT_EQ(as_text(*got.password), as_text(*sent.password));
    }
    if (!sent.will) continue;
    EXPECT_EQ(got.will->qos, sent.will->qos);
    EXPECT_EQ(got.will->retain, sent.will->retain);
    EXPECT_EQ(got.will->topic, sent.will->topic);
    EXPECT_EQ(as_text(got.will->payload), as_text(sent.will->payload));
    expect_equal(got.will->properties, sent.will->properties);
  }
}

TEST_F(RandomCodec, publishes_come_back) {
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    const Version version = make.version();
    const Publish sent = make_publish(make, version);
    out.clear();
    encode(sent, version, out);
    Publish got;
    ASSERT_TRUE(decode(whole_frame(out), version, got, error)) << error.why << hex(out);
    EXPECT_EQ(got.dup, sent.dup);
    EXPECT_EQ(got.qos, sent.qos);
    EXPECT_EQ(got.retain, sent.retain);
    EXPECT_EQ(got.topic, sent.topic);
    EXPECT_EQ(got.packet_id, sent.packet_id);
    EXPECT_EQ(as_text(got.payload), as_text(sent.payload));
    expect_equal(got.properties, sent.properties);
  }
}

TEST_F(RandomCodec, subscriptions_come_back) {
  for (int i = 0; i < 2000 && !HasFailure(); ++i) {
    const Version version = make.version();
    std::vector<Subscription> sent(1 + make.below(5));
    for (Subscription& entry : sent) {
      entry.filter = make.filter();
      entry.options.qos = static_cast<Qos>(make.below(3));
      if (version != Version::v5) continue;
      entry.options.no_local = make.coin() && !entry.filter.starts_with('$');
      entry.options.retain_as_published = make.coin();
      entry.options.retain_handling = static_cast<RetainHandling>(make.below(3));
    }
    out.clear();
    const Properties properties = only_v5(make, version, PropertyPlace::subscribe);
    encode_subscribe(PacketId(7), properties, sent, version, out);
    Subscribe got;
    ASSERT_TRUE(decode(whole_frame(out), version, got, error)) << error.why << hex(out);
    expect_equal(got.properties, properties);
    ASSERT_EQ(got.filters.count(), sent.size());
    for (const Subscription& entry : sent) {
      Subscription read;
      ASSERT_TRUE(got.filters.next(read));
      EXPECT_EQ(read.filter, entry.filter);
      EXPECT_EQ(read.options, entry.options);
    }
  }
}

TEST_F(RandomCodec, acknowledgements_come_back) {
  struct Kind {
    PacketType type;
    PropertyPlace place;
    Reason error;
  };

  constexpr Kind kKinds[] = {
      {PacketType::puback, PropertyPlace::puback, Reason::quota_exceeded},
      {PacketType::pubrec, PropertyPlace::pubrec, Reason::no_matching_subscribers},
      {PacketType::pubrel, PropertyPlace::pubrel, Reason::packet_identifier_not_found},
      {PacketType::pubcomp, PropertyPlace::pubcomp, Reason::packet_identifier_not_found}};
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const Kind& kind = kKinds[make.below(4)];
    const Version version = make.version();
    Acknowledgement sent{.type = kind.type, .packet_id = PacketId(make.u16())};
    sent.properties = only_v5(make, version, kind.place);
    if (version == Version::v5 && make.coin()) sent.reason = kind.error;
    out.clear();
    encode(sent, version, out);
    Acknowledgement got;
    ASSERT_TRUE(decode(whole_frame(out), version, got, error)) << error.why << hex(out);
    EXPECT_EQ(got.type, sent.type);
    EXPECT_EQ(got.packet_id, sent.packet_id);
    EXPECT_EQ(got.reason, sent.reason);
    expect_equal(got.properties, sent.properties);
  }
}

TEST_F(RandomCodec, connacks_and_disconnects_come_back) {
  for (int i = 0; i < 1000 && !HasFailure(); ++i) {
    const Connack connack{.session_present = make.coin(),
                          .reason = Reason::success,
                          .properties = make.properties(PropertyPlace::connack)};
    out.clear();
    encode(connack, Version::v5, out);
    Connack got;
    ASSERT_TRUE(decode(whole_frame(out), Version::v5, got, error)) << error.why << hex(out);
    EXPECT_EQ(got.session_present, connack.session_present);
    expect_equal(got.properties, connack.properties);

    const Disconnect disconnect{.reason = Reason::message_rate_too_high,
                                .properties = make.properties(PropertyPlace::disconnect)};
    out.clear();
    encode(disconnect, Version::v5, out);
    expect_stable(Version::v5, Sender::client);
  }
}

/// Cuts, decodes and describes whatever it is; ASAN and the CHECKs watch.
void digest(const Buffer& bytes) {
  const auto exact = std::make_unique<uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, exact.get());
  const Cut cut = cut_frame({exact.get(), bytes.size()}, 0);
  if (cut.status != CutStatus::complete) return;
  for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5}) {
    for (const Sender sender : {Sender::client, Sender::server}) {
      Buffer once;
      Malformed error;
      EXPECT_FALSE(describe(cut.frame, version, sender == Sender::client).empty());
      if (!recode(cut.frame, version, sender, once, error)) {
        EXPECT_LE(error.offset, cut.frame.size());
        continue;
      }
      // What decodes, decodes again from its shortest form, to the same.
      Buffer twice;
      EXPECT_TRUE(recode(whole_frame(once), version, sender, twice, error)) << error.why;
      EXPECT_EQ(hex(once), hex(twice));
    }
  }
}

TEST_F(RandomCodec, survives_random_bytes) {
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    Buffer bytes(make.below(60));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(make.random().next());
    if (bytes.size() >= 2 && bytes.size() < 130) bytes[1] = static_cast<uint8_t>(bytes.size() - 2);
    digest(bytes);
  }
}

TEST_F(RandomCodec, survives_damaged_packets) {
  for (int i = 0; i < 50'000 && !HasFailure(); ++i) {
    const Vector& vector = vectors()[make.below(vectors().size())];
    Buffer bytes = from_hex(vector.hex);
    for (uint32_t damage = 1 + make.below(3); damage > 0; --damage) {
      uint8_t& byte = bytes[make.below(bytes.size())];
      byte = make.coin() ? static_cast<uint8_t>(make.random().next())
                         : static_cast<uint8_t>(byte ^ (1U << make.below(8)));
    }
    digest(bytes);
  }
}

}  // namespace

}  // namespace tombo::mqtt
