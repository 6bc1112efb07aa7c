#include "server/abuse_guard.h"

#include <string>

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace tombo::server {
namespace {

using Verdict = AbuseGuard::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kPeer = "192.0.2.1:50001";
constexpr std::string_view kSamePeer = "192.0.2.1:50002";
constexpr std::string_view kOther = "192.0.2.2:50001";

class AbuseGuardTest : public testing::Test {
 protected:
  Verdict open(std::string_view peer) { return guard.open(peer, limits, now).verdict; }

  void fail(int times, std::string_view peer = kPeer, std::string_view user = "sue") {
    for (int i = 0; i < times; ++i) guard.login_failed(peer, user, limits, now);
  }

  Duration delay(std::string_view user, std::string_view peer = kPeer) {
    return guard.login_pace(peer, user, limits, now).delay;
  }

  AbuseGuard guard{42};
  config::Limits limits;
  Time now{seconds(1000)};
};

TEST_F(AbuseGuardTest, welcomes_everybody_without_limits) {
  limits.max_login_failures_per_user = 0;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(open(kPeer), Verdict::welcome);
  fail(1000);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(delay("sue"), Duration(0));
}

TEST_F(AbuseGuardTest, takes_a_minutes_connections_of_an_address_at_once) {
  limits.max_connection_rate_per_address = 3;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(open(kSamePeer), Verdict::connection_rate);
  EXPECT_EQ(open(kOther), Verdict::welcome);
  now += milliseconds(19'999);
  EXPECT_EQ(open(kPeer), Verdict::connection_rate);
  now += milliseconds(1);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(open(kPeer), Verdict::connection_rate);
}

TEST_F(AbuseGuardTest, says_it_once_an_address_and_minute) {
  limits.max_connection_rate_per_address = 1;
  EXPECT_FALSE(guard.open(kPeer, limits, now).say);
  EXPECT_TRUE(guard.open(kPeer, limits, now).say);
  EXPECT_FALSE(guard.open(kSamePeer, limits, now).say);
  now += seconds(60);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_TRUE(guard.open(kPeer, limits, now).say);
}

TEST_F(AbuseGuardTest, counts_pending_connections_of_an_address_and_in_all) {
  limits.max_pending_connections = 3;
  limits.max_pending_connections_per_address = 2;
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(open(kPeer), Verdict::pending_of_address);
  EXPECT_EQ(open(kOther), Verdict::welcome);
  EXPECT_EQ(open(kOther), Verdict::pending);
  guard.leave_pending(kPeer, now);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_EQ(open(kPeer), Verdict::pending);
}

TEST_F(AbuseGuardTest, takes_an_ipv6_network_for_one_address) {
  limits.max_connection_rate_per_address = 1;
  EXPECT_EQ(open("2001:db8:1:2::1:1883"), Verdict::welcome);
  EXPECT_EQ(open("2001:db8:1:2:ffff::1:1883"), Verdict::connection_rate);
  EXPECT_EQ(open("2001:db8:1:3::1:1883"), Verdict::welcome);
  EXPECT_EQ(open("::ffff:192.0.2.1:1883"), Verdict::welcome);
  EXPECT_EQ(open("::ffff:192.0.2.2:1883"), Verdict::welcome);
}

TEST_F(AbuseGuardTest, bans_an_address_whose_logins_fail_until_one_has_leaked_away) {
  limits.max_login_failures_per_address = 10;
  fail(9);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
  EXPECT_FALSE(guard.login_pace(kPeer, "sue", limits, now).banned);
  fail(1);
  EXPECT_EQ(open(kSamePeer), Verdict::banned);
  EXPECT_TRUE(guard.login_pace(kPeer, "anna", limits, now).banned);
  EXPECT_EQ(open(kOther), Verdict::welcome);
  now += milliseconds(5999);
  EXPECT_EQ(open(kPeer), Verdict::banned);
  now += milliseconds(1);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
}

TEST_F(AbuseGuardTest, a_ban_ends_however_many_logins_failed_at_once) {
  limits.max_login_failures_per_address = 10;
  fail(100'000);
  now += seconds(12);
  EXPECT_EQ(open(kPeer), Verdict::welcome);
}

TEST_F(AbuseGuardTest, doubles_the_delay_of_a_user_with_each_failure) {
  fail(9);
  EXPECT_EQ(delay("sue"), Duration(0));
  for (const int expected : {1, 2, 4, 8, 8, 8}) {
    fail(1, kOther);  // from wherever
    EXPECT_EQ(delay("sue"), seconds(expected));
  }
  EXPECT_EQ(delay("anna"), Duration(0));
  EXPECT_FALSE(guard.login_pace(kPeer, "sue", limits, now).banned);
  now += seconds(30);
  EXPECT_EQ(delay("sue"), Duration(0));
}

TEST_F(AbuseGuardTest, clients_of_a_user_share_its_rates) {
  limits.max_message_rate_per_user = 2;
  limits.max_byte_rate_per_user = 1000;
  EXPECT_EQ(guard.charge_user("sue", 10, limits, now), Duration(0));
  EXPECT_EQ(guard.charge_user("sue", 10, limits, now), Duration(0));
  EXPECT_EQ(guard.charge_user("sue", 10, limits, now), Duration(500));
  EXPECT_EQ(guard.charge_user("anna", 1000, limits, now), Duration(0));
  EXPECT_EQ(guard.charge_user("anna", 500, limits, now), Duration(500));
}

TEST_F(AbuseGuardTest, many_addresses_do_not_hide_one_that_is_at_work) {
  limits.max_connection_rate_per_address = 5;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(open(kPeer), Verdict::welcome);
  for (unsigned i = 0; i < AbuseGuard::kAddresses / 4; ++i) {
    open(fmt::format("10.{}.{}.{}:1", i >> 16, i >> 8 & 255, i & 255));
  }
  EXPECT_EQ(open(kPeer), Verdict::connection_rate);
}

}  // namespace
}  // namespace tombo::server
