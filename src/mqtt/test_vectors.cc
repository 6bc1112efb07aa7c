#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

constexpr auto kClient = Sender::client;
constexpr auto kServer = Sender::server;

constexpr Vector kVectors[] = {
    // CONNECT
    {Version::v3_1, kClient, "10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 63",
     "CONNECT v3 c1 k60 id=\"c\""},
    {Version::v3_1, kClient, "10 0f 00 06 4d 51 49 73 64 70 83 00 00 00 00 01 63",
     "CONNECT v3 bridge c0 k0 id=\"c\""},
    {Version::v3_1_1, kClient, "10 0c 00 04 4d 51 54 54 04 02 00 3c 00 00",
     "CONNECT v4 c1 k60 id=\"\""},
    {Version::v3_1_1, kClient, "10 0d 00 04 4d 51 54 54 84 02 00 3c 00 01 63",
     "CONNECT v4 bridge c1 k60 id=\"c\""},
    {Version::v5, kClient, "10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 63",
     "CONNECT v5 c1 k60 id=\"c\""},
    {Version::v5, kClient, "10 0e 00 04 4d 51 54 54 85 02 00 3c 00 00 01 63",
     "CONNECT v5 bridge c1 k60 id=\"c\""},
    {Version::v3_1_1, kClient,
     "10 23 00 04 4d 51 54 54 04 ee ff ff 00 01 63 00 03 77 2f 74 00 03 62 79 65 00 04 75 73 "
     "65 72 00 04 70 61 73 73",
     "CONNECT v4 c1 k65535 id=\"c\" user=\"user\" password=(4 bytes) will q1 r1 topic=\"w/t\" "
     "payload=\"bye\""},
    {Version::v3_1, kClient,
     "10 17 00 06 4d 51 49 73 64 70 03 84 00 01 00 01 63 00 01 77 00 00 00 01 75",
     "CONNECT v3 c0 k1 id=\"c\" user=\"u\" will q0 r0 topic=\"w\" payload=\"\""},
    {Version::v5, kClient, "10 12 00 04 4d 51 54 54 05 42 00 3c 00 00 01 63 00 02 00 ff",
     "CONNECT v5 c1 k60 id=\"c\" password=(2 bytes)"},
    {Version::v5, kClient,
     "10 74 00 04 4d 51 54 54 05 d4 00 3c 31 11 ff ff ff ff 21 00 14 27 00 00 03 e8 22 00 0a "
     "19 01 17 00 26 00 01 61 00 01 62 26 00 01 61 00 01 62 15 00 05 53 43 52 41 4d 16 00 04 "
     "64 61 74 61 00 01 63 25 18 00 00 00 05 01 01 02 00 00 00 3c 03 00 04 74 65 78 74 08 00 "
     "03 72 2f 74 09 00 02 01 02 26 00 01 6b 00 01 76 00 01 77 00 04 67 6f 6e 65 00 01 75 00 "
     "01 70",
     "CONNECT v5 c0 k60 id=\"c\" user=\"u\" password=(1 bytes) {session-expiry-interval "
     "4294967295, receive-maximum 20, maximum-packet-size 1000, topic-alias-maximum 10, "
     "request-response-information 1, request-problem-information 0, user-property "
     "\"a\"=\"b\", user-property \"a\"=\"b\", authentication-method \"SCRAM\", "
     "authentication-data (4 bytes)} will q2 r0 topic=\"w\" payload=\"gone\" "
     "{will-delay-interval 5, payload-format-indicator 1, message-expiry-interval 60, "
     "content-type \"text\", response-topic \"r/t\", correlation-data \"\\x01\\x02\", "
     "user-property \"k\"=\"v\"}"},
    {Version::v3_1, kClient, "10 0f 00 06 4d 51 49 73 64 70 03 c2 00 3c 00 01 63",
     "CONNECT v3 c1 k60 id=\"c\"", false},
    {Version::v3_1, kClient, "1b 0f 00 06 4d 51 49 73 64 70 03 23 00 3c 00 01 63",
     "CONNECT v3 c1 k60 id=\"c\"", false},
    // CONNACK
    {Version::v3_1, kServer, "20 02 00 00", "CONNACK sp0 rc=0x00 success"},
    {Version::v3_1_1, kServer, "20 02 01 00", "CONNACK sp1 rc=0x00 success"},
    {Version::v3_1_1, kServer, "20 02 00 01", "CONNACK sp0 rc=0x01 unsupported protocol version"},
    {Version::v3_1_1, kServer, "20 02 00 02", "CONNACK sp0 rc=0x02 client identifier not valid"},
    {Version::v3_1_1, kServer, "20 02 00 03", "CONNACK sp0 rc=0x03 server unavailable"},
    {Version::v3_1_1, kServer, "20 02 00 04", "CONNACK sp0 rc=0x04 bad user name or password"},
    {Version::v3_1_1, kServer, "20 02 00 05", "CONNACK sp0 rc=0x05 not authorized"},
    {Version::v5, kServer, "20 03 00 00 00", "CONNACK sp0 rc=0x00 success"},
    {Version::v5, kServer, "20 09 00 00 06 22 00 0a 21 00 14",
     "CONNACK sp0 rc=0x00 success {topic-alias-maximum 10, receive-maximum 20}"},
    {Version::v5, kServer,
     "20 4c 01 00 49 11 00 00 00 3c 21 00 14 24 01 25 00 27 00 1e 84 80 12 00 06 61 75 74 6f "
     "2d 31 22 00 0a 1f 00 03 77 68 79 26 00 01 6b 00 01 76 28 00 29 01 2a 01 13 00 1e 1a 00 "
     "04 69 6e 66 6f 1c 00 05 6f 74 68 65 72 15 00 01 4d 16 00 00",
     "CONNACK sp1 rc=0x00 success {session-expiry-interval 60, receive-maximum 20, "
     "maximum-qos 1, retain-available 0, maximum-packet-size 2000000, "
     "assigned-client-identifier \"auto-1\", topic-alias-maximum 10, reason-string \"why\", "
     "user-property \"k\"=\"v\", wildcard-subscription-available 0, "
     "subscription-identifier-available 1, shared-subscription-available 1, server-keep-alive "
     "30, response-information \"info\", server-reference \"other\", authentication-method "
     "\"M\", authentication-data (0 bytes)}"},
    {Version::v5, kServer, "20 03 00 84 00", "CONNACK sp0 rc=0x84 unsupported protocol version"},
    // PUBLISH
    {Version::v3_1, kClient, "30 0a 00 03 61 2f 62 68 65 6c 6c 6f",
     "PUBLISH q0 r0 d0 topic=\"a/b\" payload=\"hello\""},
    {Version::v3_1, kServer, "31 03 00 01 61", "PUBLISH q0 r1 d0 topic=\"a\" payload=\"\""},
    {Version::v3_1, kClient, "32 06 00 01 61 00 05 78",
     "PUBLISH q1 r0 d0 m5 topic=\"a\" payload=\"x\""},
    {Version::v3_1, kClient, "3d 06 00 01 61 ff ff 78",
     "PUBLISH q2 r1 d1 m65535 topic=\"a\" payload=\"x\""},
    {Version::v3_1_1, kClient, "30 0a 00 03 61 2f 62 68 65 6c 6c 6f",
     "PUBLISH q0 r0 d0 topic=\"a/b\" payload=\"hello\""},
    {Version::v3_1_1, kServer, "31 03 00 01 61", "PUBLISH q0 r1 d0 topic=\"a\" payload=\"\""},
    {Version::v3_1_1, kClient, "32 06 00 01 61 00 05 78",
     "PUBLISH q1 r0 d0 m5 topic=\"a\" payload=\"x\""},
    {Version::v3_1_1, kClient, "3d 06 00 01 61 ff ff 78",
     "PUBLISH q2 r1 d1 m65535 topic=\"a\" payload=\"x\""},
    {Version::v5, kClient, "30 0b 00 03 61 2f 62 00 68 65 6c 6c 6f",
     "PUBLISH q0 r0 d0 topic=\"a/b\" payload=\"hello\""},
    {Version::v5, kServer, "31 04 00 01 61 00", "PUBLISH q0 r1 d0 topic=\"a\" payload=\"\""},
    {Version::v5, kClient, "32 07 00 01 61 00 05 00 78",
     "PUBLISH q1 r0 d0 m5 topic=\"a\" payload=\"x\""},
    {Version::v5, kClient, "3d 07 00 01 61 ff ff 00 78",
     "PUBLISH q2 r1 d1 m65535 topic=\"a\" payload=\"x\""},
    {Version::v3_1_1, kClient, "30 07 00 01 2f 00 22 5c ff",
     "PUBLISH q0 r0 d0 topic=\"/\" payload=\"\\x00\\x22\\x5C\\xFF\""},
    {Version::v3_1_1, kClient, "30 10 00 0b c3 a9 2f e2 82 ac 2f f0 9f 98 80 c3 a9 0a",
     "PUBLISH q0 r0 d0 topic=\"é/€/😀\" payload=\"é\\x0A\""},
    {Version::v3_1_1, kClient, "30 07 00 04 ef bb bf 61 78",
     "PUBLISH q0 r0 d0 topic=\"\uFEFFa\" payload=\"x\""},
    {Version::v3_1_1, kClient,
     "30 85 01 00 01 61 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 "
     "79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 "
     "79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 "
     "79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 "
     "79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79 79",
     "PUBLISH q0 r0 d0 topic=\"a\" "
     "payload=\"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"...(130 "
     "bytes)"},
    {Version::v5, kClient,
     "32 19 00 03 61 2f 62 00 05 0c 26 00 01 6b 00 01 76 02 00 00 00 0a 68 65 6c 6c 6f",
     "PUBLISH q1 r0 d0 m5 topic=\"a/b\" payload=\"hello\" {user-property \"k\"=\"v\", "
     "message-expiry-interval 10}"},
    {Version::v5, kClient, "30 07 00 00 03 23 00 07 78",
     "PUBLISH q0 r0 d0 topic=\"\" payload=\"x\" {topic-alias 7}"},
    {Version::v5, kServer,
     "34 2a 00 01 61 00 05 24 01 00 02 00 00 00 00 23 00 01 08 00 01 72 09 00 01 00 26 00 00 "
     "00 00 03 00 00 0b 01 0b ff ff ff 7f 0b 80 01",
     "PUBLISH q2 r0 d0 m5 topic=\"a\" payload=\"\" {payload-format-indicator 0, "
     "message-expiry-interval 0, topic-alias 1, response-topic \"r\", correlation-data "
     "\"\\x00\", user-property \"\"=\"\", content-type \"\", subscription-identifier 1, "
     "subscription-identifier 268435455, subscription-identifier 128}"},
    // acknowledgements
    {Version::v3_1, kClient, "40 02 00 05", "PUBACK m5"},
    {Version::v3_1_1, kClient, "40 02 00 05", "PUBACK m5"},
    {Version::v5, kClient, "40 02 00 05", "PUBACK m5 rc=0x00 success"},
    {Version::v5, kServer, "40 03 00 05 00", "PUBACK m5 rc=0x00 success", false},
    {Version::v5, kServer, "40 04 00 05 00 00", "PUBACK m5 rc=0x00 success", false},
    {Version::v5, kServer, "40 03 00 05 10", "PUBACK m5 rc=0x10 no matching subscribers"},
    {Version::v5, kClient, "40 10 00 05 10 0c 1f 00 02 6e 6f 26 00 01 6b 00 01 76",
     "PUBACK m5 rc=0x10 no matching subscribers {reason-string \"no\", user-property "
     "\"k\"=\"v\"}"},
    {Version::v5, kClient, "40 0b 00 05 00 07 26 00 01 6b 00 01 76",
     "PUBACK m5 rc=0x00 success {user-property \"k\"=\"v\"}"},
    {Version::v3_1, kClient, "50 02 00 05", "PUBREC m5"},
    {Version::v3_1_1, kClient, "50 02 00 05", "PUBREC m5"},
    {Version::v5, kClient, "50 02 00 05", "PUBREC m5 rc=0x00 success"},
    {Version::v5, kServer, "50 03 00 05 00", "PUBREC m5 rc=0x00 success", false},
    {Version::v5, kServer, "50 04 00 05 00 00", "PUBREC m5 rc=0x00 success", false},
    {Version::v5, kServer, "50 03 00 05 87", "PUBREC m5 rc=0x87 not authorized"},
    {Version::v5, kClient, "50 10 00 05 87 0c 1f 00 02 6e 6f 26 00 01 6b 00 01 76",
     "PUBREC m5 rc=0x87 not authorized {reason-string \"no\", user-property \"k\"=\"v\"}"},
    {Version::v5, kClient, "50 0b 00 05 00 07 26 00 01 6b 00 01 76",
     "PUBREC m5 rc=0x00 success {user-property \"k\"=\"v\"}"},
    {Version::v3_1, kClient, "62 02 00 05", "PUBREL m5"},
    {Version::v3_1_1, kClient, "62 02 00 05", "PUBREL m5"},
    {Version::v5, kClient, "62 02 00 05", "PUBREL m5 rc=0x00 success"},
    {Version::v5, kServer, "62 03 00 05 00", "PUBREL m5 rc=0x00 success", false},
    {Version::v5, kServer, "62 04 00 05 00 00", "PUBREL m5 rc=0x00 success", false},
    {Version::v5, kServer, "62 03 00 05 92", "PUBREL m5 rc=0x92 packet identifier not found"},
    {Version::v5, kClient, "62 10 00 05 92 0c 1f 00 02 6e 6f 26 00 01 6b 00 01 76",
     "PUBREL m5 rc=0x92 packet identifier not found {reason-string \"no\", user-property "
     "\"k\"=\"v\"}"},
    {Version::v5, kClient, "62 0b 00 05 00 07 26 00 01 6b 00 01 76",
     "PUBREL m5 rc=0x00 success {user-property \"k\"=\"v\"}"},
    {Version::v3_1, kClient, "70 02 00 05", "PUBCOMP m5"},
    {Version::v3_1_1, kClient, "70 02 00 05", "PUBCOMP m5"},
    {Version::v5, kClient, "70 02 00 05", "PUBCOMP m5 rc=0x00 success"},
    {Version::v5, kServer, "70 03 00 05 00", "PUBCOMP m5 rc=0x00 success", false},
    {Version::v5, kServer, "70 04 00 05 00 00", "PUBCOMP m5 rc=0x00 success", false},
    {Version::v5, kServer, "70 03 00 05 92", "PUBCOMP m5 rc=0x92 packet identifier not found"},
    {Version::v5, kClient, "70 10 00 05 92 0c 1f 00 02 6e 6f 26 00 01 6b 00 01 76",
     "PUBCOMP m5 rc=0x92 packet identifier not found {reason-string \"no\", user-property "
     "\"k\"=\"v\"}"},
    {Version::v5, kClient, "70 0b 00 05 00 07 26 00 01 6b 00 01 76",
     "PUBCOMP m5 rc=0x00 success {user-property \"k\"=\"v\"}"},
    {Version::v3_1, kClient, "6a 02 00 05", "PUBREL m5", false},
    // SUBSCRIBE
    {Version::v3_1, kClient, "82 08 00 05 00 03 61 2f 2b 01", "SUBSCRIBE m5 \"a/+\" q1"},
    {Version::v3_1, kClient,
     "82 19 00 05 00 01 23 00 00 03 2b 2f 62 02 00 0a 24 73 68 61 72 65 2f 67 2f 61 00",
     "SUBSCRIBE m5 \"#\" q0, \"+/b\" q2, \"$share/g/a\" q0"},
    {Version::v3_1_1, kClient, "82 08 00 05 00 03 61 2f 2b 01", "SUBSCRIBE m5 \"a/+\" q1"},
    {Version::v3_1_1, kClient,
     "82 19 00 05 00 01 23 00 00 03 2b 2f 62 02 00 0a 24 73 68 61 72 65 2f 67 2f 61 00",
     "SUBSCRIBE m5 \"#\" q0, \"+/b\" q2, \"$share/g/a\" q0"},
    {Version::v3_1, kClient, "8a 06 00 05 00 01 61 01", "SUBSCRIBE m5 \"a\" q1", false},
    {Version::v5, kClient, "82 09 00 05 00 00 03 61 2f 2b 2d",
     "SUBSCRIBE m5 \"a/+\" q1 nl1 rap1 rh2"},
    {Version::v5, kClient,
     "82 20 00 05 0a 0b ac 02 26 00 01 6b 00 01 76 00 01 61 12 00 0c 24 73 68 61 72 65 2f 67 "
     "2f 61 2f 23 00",
     "SUBSCRIBE m5 \"a\" q2 nl0 rap0 rh1, \"$share/g/a/#\" q0 nl0 rap0 rh0 "
     "{subscription-identifier 300, user-property \"k\"=\"v\"}"},
    // SUBACK
    {Version::v3_1, kServer, "90 06 00 05 00 01 02 80",
     "SUBACK m5 0x00 success, 0x01 granted QoS 1, 0x02 granted QoS 2, 0x80 unspecified error"},
    {Version::v3_1_1, kServer, "90 06 00 05 00 01 02 80",
     "SUBACK m5 0x00 success, 0x01 granted QoS 1, 0x02 granted QoS 2, 0x80 unspecified error"},
    {Version::v5, kServer, "90 04 00 05 00 02", "SUBACK m5 0x02 granted QoS 2"},
    {Version::v5, kServer, "90 11 00 05 0c 1f 00 02 6e 6f 26 00 01 6b 00 01 76 87 a2",
     "SUBACK m5 0x87 not authorized, 0xA2 wildcard subscriptions not supported {reason-string "
     "\"no\", user-property \"k\"=\"v\"}"},
    // UNSUBSCRIBE and UNSUBACK
    {Version::v3_1, kClient, "a2 07 00 05 00 03 61 2f 23", "UNSUBSCRIBE m5 \"a/#\""},
    {Version::v3_1, kServer, "b0 02 00 05", "UNSUBACK m5"},
    {Version::v3_1_1, kClient, "a2 07 00 05 00 03 61 2f 23", "UNSUBSCRIBE m5 \"a/#\""},
    {Version::v3_1_1, kServer, "b0 02 00 05", "UNSUBACK m5"},
    {Version::v3_1, kClient, "aa 05 00 05 00 01 61", "UNSUBSCRIBE m5 \"a\"", false},
    {Version::v5, kClient,
     "a2 19 00 05 07 26 00 01 6b 00 01 76 00 01 61 00 0a 24 73 68 61 72 65 2f 67 2f 62",
     "UNSUBSCRIBE m5 \"a\", \"$share/g/b\" {user-property \"k\"=\"v\"}"},
    {Version::v5, kServer, "b0 05 00 05 00 00 11",
     "UNSUBACK m5 0x00 success, 0x11 no subscription existed"},
    {Version::v5, kServer, "b0 08 00 05 04 1f 00 01 72 8f",
     "UNSUBACK m5 0x8F topic filter invalid {reason-string \"r\"}"},
    // the pings
    {Version::v3_1, kClient, "c0 00", "PINGREQ"},
    {Version::v3_1, kServer, "d0 00", "PINGRESP"},
    {Version::v3_1_1, kClient, "c0 00", "PINGREQ"},
    {Version::v3_1_1, kServer, "d0 00", "PINGRESP"},
    {Version::v5, kClient, "c0 00", "PINGREQ"},
    {Version::v5, kServer, "d0 00", "PINGRESP"},
    // DISCONNECT
    {Version::v3_1, kClient, "e0 00", "DISCONNECT"},
    {Version::v3_1_1, kClient, "e0 00", "DISCONNECT"},
    {Version::v5, kClient, "e0 00", "DISCONNECT rc=0x00 success"},
    {Version::v5, kClient, "e0 02 00 00", "DISCONNECT rc=0x00 success", false},
    {Version::v5, kClient, "e0 01 04", "DISCONNECT rc=0x04 disconnect with will message"},
    {Version::v5, kClient, "e0 12 00 10 11 00 00 00 00 1f 00 01 78 26 00 01 6b 00 01 76",
     "DISCONNECT rc=0x00 success {session-expiry-interval 0, reason-string \"x\", "
     "user-property \"k\"=\"v\"}"},
    {Version::v5, kServer, "e0 01 8e", "DISCONNECT rc=0x8E session taken over"},
    {Version::v5, kServer, "e0 0f 9d 0d 1c 00 0a 6f 74 68 65 72 3a 31 38 38 33",
     "DISCONNECT rc=0x9D server moved {server-reference \"other:1883\"}"},
    // AUTH
    {Version::v5, kServer, "f0 00", "AUTH rc=0x00 success"},
    {Version::v5, kClient,
     "f0 16 18 14 15 00 01 4d 16 00 02 00 01 1f 00 01 72 26 00 01 6b 00 01 76",
     "AUTH rc=0x18 continue authentication {authentication-method \"M\", authentication-data "
     "(2 bytes), reason-string \"r\", user-property \"k\"=\"v\"}"},
    {Version::v5, kClient, "f0 06 19 04 15 00 01 4d",
     "AUTH rc=0x19 re-authenticate {authentication-method \"M\"}"},
};

}  // namespace

std::span<const Vector> vectors() {
  return kVectors;
}

}  // namespace tombo::mqtt
