#pragma once

#include "mqtt/frame.h"
#include "mqtt/packet.h"

/// Frame to packet. Each function returns true and fills `packet` (views into the frame), or
/// returns false and says in `error` what is wrong and where: reason malformed_packet for what
/// cannot be parsed (length, flags, UTF-8, reserved bits), protocol_error for what parses but is
/// not allowed. Offsets point to the first byte of the field, its length included. Bounds-checked,
/// no allocation, time linear in the frame's size. All of it is fuzzed.
/// MQTT 3.1 says less than its successors, so less is checked, as Mosquitto does: flags of the
/// fixed header other than those of PUBLISH, the reserved connect flag and will retain without a
/// will may have any value, and a CONNECT may end where user name or password should begin.
namespace tombo::mqtt {

/// Protocol name and version are checked in the order of section 3.1.2: wrong name is a protocol
/// error; a name that is right with an unknown level gives unsupported_protocol_version (with
/// packet.protocol_level set). Flags reserved, will flags without will, password rules of v3.1.1.
/// A client id with bad UTF-8 gives client_identifier_not_valid. The fields filled before the error
/// stay filled (version, level, client id), for the answer and the log.
[[nodiscard]] bool decode(const Frame& frame, Connect& packet, Malformed& error);
/// The return codes of v3 come as their v5 counterparts; see connack_v3().
[[nodiscard]] bool decode(const Frame& frame, Version version, Connack& packet, Malformed& error);
/// Topic: valid UTF-8, no wildcards, at most kTopicLevelsMax levels, not empty unless v5 with a
/// topic alias. Payload format indicator 1: payload is checked by the caller, not here.
[[nodiscard]] bool decode(const Frame& frame, Version version, Publish& packet, Malformed& error);
/// PUBACK, PUBREC, PUBREL, PUBCOMP: the frame says which. Requires: it is one of them.
[[nodiscard]] bool decode(const Frame& frame, Version version, Acknowledgement& packet,
                          Malformed& error);
/// Filters are checked for UTF-8, wildcards in the right places, level limit and (v5) options bits;
/// $share syntax and no-local on shared subscriptions (protocol_error) too.
[[nodiscard]] bool decode(const Frame& frame, Version version, Subscribe& packet, Malformed& error);
[[nodiscard]] bool decode(const Frame& frame, Version version, Unsubscribe& packet,
                          Malformed& error);
/// SUBACK and UNSUBACK (clients). Requires: the frame is one of them.
[[nodiscard]] bool decode(const Frame& frame, Version version, SubscribeAcknowledgement& packet,
                          Malformed& error);
/// `by_client` decides which reason codes are allowed.
[[nodiscard]] bool decode(const Frame& frame, Version version, bool by_client, Disconnect& packet,
                          Malformed& error);
/// Only in v5. A body needs an Authentication Method (section 3.15.2.2.2); an empty one is success.
[[nodiscard]] bool decode(const Frame& frame, Version version, Auth& packet, Malformed& error);
/// PINGREQ, PINGRESP: flags 0, no body.
[[nodiscard]] bool decode_ping(const Frame& frame, Malformed& error);

}  // namespace tombo::mqtt
