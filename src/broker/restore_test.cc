#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "broker/broker.h"
#include "broker/flush_buffer.h"
#include "mqtt/encode.h"

// What time does to sessions while the process is gone, when the wall clock jumps meanwhile.
namespace tombo::broker {
namespace {

constexpr int64_t kStopped = 1'700'000'000'000;  // Wall clock, ms: when the session's client left.

int64_t seconds(int64_t count) {
  return count * 1000;
}

/// A broker that starts `away_ms` of wall clock after its session's client left.
class Restarted {
 public:
  Restarted(uint32_t expiry_s, std::optional<int64_t> persistent_client_expiration, int64_t away_ms)
      : wall_at_start_(kStopped + away_ms) {
    auto config = std::make_shared<config::Config>();
    config->persistent_client_expiration = persistent_client_expiration;
    config->allow_anonymous = true;
    BrokerSetup setup;
    setup.config = std::move(config);
    setup.log = &log_;
    setup.start = now(0).time;
    broker_ = std::make_unique<Broker>(std::move(setup));
    auto found = std::make_unique<mail::RestoreSession>();
    found->session.key = 1;
    found->session.record.client_id = "sensor";
    found->session.record.expiry_interval_s = expiry_s;
    found->session.record.disconnected_at_ms = kStopped;
    found->session.queue.push_back(entry(1, "stays", std::nullopt));
    found->session.queue.push_back(entry(2, "expires", kStopped + seconds(50)));
    broker_->on_mail(std::move(found), now(0));
    broker_->on_mail(mail::RestoreDone{}, now(0));
  }

  /// Is the session there so long after the start?
  bool has_session_after(int64_t ms) {
    broker_->on_time(now(ms));
    return broker_->stats().sessions == 1;
  }

  /// What the client is sent when it comes so long after the start.
  std::string sent_after(int64_t ms) {
    const ConnectionId id = broker_->on_open({.address = "192.0.2.1:5000"}, now(ms));
    const uint8_t bytes[] = {0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 4,   0,
                             0,    60, 0, 6, 's', 'e', 'n', 's', 'o', 'r'};
    static_cast<void>(broker_->on_bytes(id, bytes, now(ms)));
    broker_->end_turn(now(ms));
    FlushBuffer buffer;
    std::string sent;
    while (broker_->gather(id, buffer, now(ms))) {
      for (const Slice& slice : buffer.slices()) sent += as_text(Bytes(slice.data, slice.size));
      static_cast<void>(broker_->wrote(id, buffer, buffer.size()));
    }
    return sent;
  }

 private:
  [[nodiscard]] Now now(int64_t ms) const {
    return {Time(Duration(1'000'000 + ms)), wall_at_start_ + ms};
  }

  static RestoredSession::Entry entry(uint64_t sequence, const std::string& payload,
                                      std::optional<int64_t> expires_at_ms) {
    mqtt::MessageParts parts{.topic = "t",
                             .properties = {},
                             .payload = as_bytes(payload),
                             .qos = mqtt::Qos::at_least_once};
    if (expires_at_ms) parts.expires_at_ms = *expires_at_ms;
    return {.sequence = sequence,
            .message = mqtt::Message::make(parts),
            .bits = 1,
            .subscription_ids = {}};
  }

  NullLogger log_;
  int64_t wall_at_start_;
  std::unique_ptr<Broker> broker_;
};

TEST(Restore, counts_the_time_that_the_process_was_gone) {
  Restarted broker(100, std::nullopt, seconds(60));
  EXPECT_TRUE(broker.has_session_after(seconds(39)));
  EXPECT_FALSE(broker.has_session_after(seconds(41)));
}

TEST(Restore, ends_a_session_whose_time_passed_meanwhile) {
  Restarted broker(100, std::nullopt, seconds(101));
  EXPECT_FALSE(broker.has_session_after(seconds(1)));
}

TEST(Restore, begins_anew_when_the_wall_clock_went_back) {
  Restarted broker(100, std::nullopt, -seconds(1'000'000));
  EXPECT_TRUE(broker.has_session_after(seconds(99)));
  EXPECT_FALSE(broker.has_session_after(seconds(101)));
}

TEST(Restore, keeps_sessions_that_never_end_however_the_wall_clock_jumps) {
  for (const int64_t away : {seconds(3'000'000'000), -seconds(1'000'000'000)}) {
    Restarted broker(UINT32_MAX, std::nullopt, away);
    EXPECT_TRUE(broker.has_session_after(seconds(1'000'000)));
  }
}

TEST(Restore, holds_persistent_client_expiration_against_the_time_away) {
  Restarted broker(UINT32_MAX, 100, seconds(60));
  EXPECT_TRUE(broker.has_session_after(seconds(39)));
  EXPECT_FALSE(broker.has_session_after(seconds(41)));
}

TEST(Restore, leaves_out_messages_that_expired_while_it_was_gone) {
  Restarted early(100, std::nullopt, seconds(10));
  EXPECT_NE(early.sent_after(seconds(1)).find("expires"), std::string::npos);
  Restarted late(100, std::nullopt, seconds(60));
  const std::string sent = late.sent_after(seconds(1));
  EXPECT_NE(sent.find("stays"), std::string::npos);
  EXPECT_EQ(sent.find("expires"), std::string::npos);
}

TEST(Restore, measures_messages_by_the_wall_clock_that_went_back) {
  Restarted broker(100, std::nullopt, -seconds(1'000));
  EXPECT_NE(broker.sent_after(seconds(1)).find("expires"), std::string::npos);
}

}  // namespace
}  // namespace tombo::broker
