#include "auth/scram.h"

#include <gtest/gtest.h>

#include "auth/test_scram_client.h"

namespace tombo::auth {
namespace {

using mqtt::Reason;

/// An exchange with a server whose part of the nonce is `server` and where everybody's password is
/// `pencil`.
class ScramTest : public testing::Test {
 protected:
  /// What comes of a first message.
  static Reason first(std::string_view message) {
    return ScramServer("server").on_first(message).reason;
  }

  static std::string user_of(std::string_view message) {
    ScramServer server("server");
    return server.on_first(message).reason == Reason::success ? server.user() : "refused";
  }

  /// Begins; returns the challenge.
  std::string begin() {
    EXPECT_EQ(server.on_first(client.first()).reason, Reason::success);
    return server.challenge(keys);
  }

  const ScramKeys keys = derive_scram_keys("pencil", "salt of test", 4'096);
  ScramServer server{"server"};
  TestScramClient client{"pencil"};
};

TEST(Scram, speaks_the_example_of_rfc_7677) {
  const std::string salt = *from_base64("W22ZaJ0SNY7soEsUEjb6gQ==", Padding::equals_signs);
  ScramServer server("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_EQ(server.on_first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO").reason, Reason::success);
  EXPECT_EQ(server.user(), "user");
  EXPECT_EQ(
      server.challenge(derive_scram_keys("pencil", salt, 4096)),
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  const ScramAnswer answer = server.on_final(
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_EQ(answer.reason, Reason::success);
  EXPECT_EQ(answer.text, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST_F(ScramTest, lets_the_right_password_in) {
  const std::string challenge = begin();
  EXPECT_TRUE(challenge.starts_with("r=clientserver,s="));
  EXPECT_EQ(server.on_final(client.final(challenge, keys)).reason, Reason::success);
}

TEST_F(ScramTest, refuses_another_password) {
  const std::string challenge = begin();
  client.password = "Pencil";
  const ScramAnswer answer = server.on_final(client.final(challenge, keys));
  EXPECT_EQ(answer.reason, Reason::not_authorized);
  EXPECT_EQ(answer.text, "the proof is wrong");
}

TEST_F(ScramTest, takes_clients_that_could_bind_channels) {
  client.header = "y,,";
  const std::string challenge = begin();
  EXPECT_EQ(server.on_final(client.final(challenge, keys)).reason, Reason::success);
}

TEST_F(ScramTest, notices_when_the_header_was_changed_on_the_way) {
  client.header = "y,,";
  const std::string challenge = begin();
  client.header = "n,,";
  EXPECT_EQ(server.on_final(client.final(challenge, keys)).reason, Reason::protocol_error);
}

TEST_F(ScramTest, refuses_channel_binding) {
  EXPECT_EQ(first("p=tls-unique,,n=user,r=x"), Reason::bad_authentication_method);
}

TEST_F(ScramTest, decodes_user_names) {
  EXPECT_EQ(user_of("n,,n=a=2Cb=3Dc,r=x"), "a,b=c");
  EXPECT_EQ(user_of("n,,n= a:/+# ,r=x"), " a:/+# ");
  for (const char* bad : {"n=a=2cb", "n=a=", "n=a=2", "n==41", "n="}) {
    EXPECT_EQ(first(std::string("n,,") + bad + ",r=x"), Reason::protocol_error) << bad;
  }
}

TEST_F(ScramTest, refuses_user_names_that_it_cannot_prepare) {
  EXPECT_EQ(first("n,,n=\xC3\xA4,r=x"), Reason::not_authorized);
  EXPECT_EQ(first(std::string_view("n,,n=a\0b,r=x", 12)), Reason::not_authorized);
  EXPECT_EQ(first("n,,n=a\x7F,r=x"), Reason::not_authorized);
}

TEST_F(ScramTest, lets_nobody_act_for_others) {
  EXPECT_EQ(user_of("n,a=user,n=user,r=x"), "user");
  EXPECT_EQ(user_of("n,a=a=2Cb,n=a=2Cb,r=x"), "a,b");
  EXPECT_EQ(first("n,a=root,n=user,r=x"), Reason::not_authorized);
  EXPECT_EQ(first("n,a=,n=user,r=x"), Reason::not_authorized);
  EXPECT_EQ(first("n,root,n=user,r=x"), Reason::protocol_error);
}

TEST_F(ScramTest, refuses_malformed_first_messages) {
  for (const char* bad : {"", "n", "n,", "n,,", ",,", "x,,n=user,r=x", "n,,n=user", "n,,n=user,",
                          "n,,n=user,r=", "n,,r=x,n=user", "n,,n=user,r=x,", "n,,n=user,r=a b",
                          "n,,m=1,n=user,r=x", "n=user,r=x", "n,,n=user,r=x,y", "n,,n=user,r=x,1=2",
                          "n,,n=user,r=x,y=", "n,,n=user,r=x,,y=1"}) {
    EXPECT_EQ(first(bad), Reason::protocol_error) << bad;
  }
}

TEST_F(ScramTest, leaves_optional_extensions_alone) {
  EXPECT_EQ(user_of("n,,n=user,r=x,y=1,Z=a=b"), "user");
  const std::string challenge = begin();
  const std::string text = client.honest_final(challenge) + ",x=1";
  EXPECT_EQ(server.on_final(text + ",p=" + client.proof(challenge, keys, text)).reason,
            Reason::success);
}

TEST_F(ScramTest, refuses_malformed_final_messages) {
  ASSERT_EQ(server.on_first(client.first()).reason, Reason::success);
  const std::string challenge = server.challenge(keys);
  const std::string good = client.honest_final(challenge);
  const std::string proof = client.proof(challenge, keys, good);
  for (const std::string& bad :
       {std::string(), good, good + ",p=", good + ",p=AAAA", good + ",p=*" + proof,
        good + ",p=" + proof + ",x=1", ",p=" + proof, good + ",,p=" + proof,
        good + ",1=2,p=" + proof, "c=biws,r=other,p=" + proof, "c=biws,r=clientserver2,p=" + proof,
        "r=clientserver,c=biws,p=" + proof, "c=eSws,r=clientserver,p=" + proof}) {
    ScramServer copy = server;
    EXPECT_EQ(copy.on_final(bad).reason, Reason::protocol_error) << bad;
  }
}

TEST_F(ScramTest, has_bounds) {
  const std::string name(kScramUserBytesMax, 'u');
  EXPECT_EQ(user_of("n,,n=" + name + ",r=x"), name);
  EXPECT_EQ(first("n,,n=u" + name + ",r=x"), Reason::not_authorized);
  const std::string nonce(kScramNonceBytesMax, 'x');
  EXPECT_EQ(first("n,,n=user,r=" + nonce), Reason::success);
  EXPECT_EQ(first("n,,n=user,r=x" + nonce), Reason::protocol_error);
  const std::string start = "n,,n=user,r=x,y=";
  const std::string rest(kScramMessageBytesMax - start.size(), 'x');
  EXPECT_EQ(first(start + rest), Reason::success);
  EXPECT_EQ(first(start + rest + "x"), Reason::protocol_error);
  const std::string challenge = begin();
  const std::string text = client.honest_final(challenge) + ",y=" + rest;
  EXPECT_EQ(server.on_final(text + ",p=" + client.proof(challenge, keys, text)).reason,
            Reason::protocol_error);
}

}  // namespace
}  // namespace tombo::auth
