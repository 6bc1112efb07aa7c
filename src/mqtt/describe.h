#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "mqtt/frame.h"
#include "mqtt/property.h"
#include "mqtt/types.h"

/// Packets in words, for traces of tests and for debugging. Not for hot paths: it allocates.
namespace tombo::mqtt {

/// One line with every field of the packet, whichever side sent it. Flags stand as one letter and
/// their value (q QoS, r retain, d dup, c clean start, k keep alive, m packet identifier, sp
/// session present, nl no local, rap retain as published, rh retain handling):
///   PUBLISH q1 r0 d0 m5 topic="a/b" payload="hello" {message-expiry-interval 10}
///   SUBSCRIBE m1 "a/+" q1 nl0 rap0 rh0, "b" q0 nl0 rap0 rh0
/// Secrets (password, authentication data) stand as their length only. A packet that cannot be
/// decoded is shown in hexadecimal with the reason. A CONNECT says its version itself.
std::string describe(const Frame& frame, Version version, bool from_client);

/// `{topic-alias 3, user-property "k"="v"}`; nothing when there are none.
std::string describe(const Properties& properties);

/// In double quotes; quotes, backslashes, control characters and bytes that are no UTF-8 as \xNN.
/// Text over 64 bytes is cut when `cut` is set: `"aaa"...(1000 bytes)`.
std::string quoted(std::string_view text, bool cut);

}  // namespace tombo::mqtt
