#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "mqtt/packet.h"

/// Packet to bytes, appended to `out`. The inverse of decode: what decodes in its shortest form
/// encodes to the same bytes. Requires: fields within the limits of the standard (strings up to
/// 65,535 bytes). v5 acknowledgements use the short forms: reason and properties are left out when
/// they are success and empty (sections 3.4.2, 3.14.2).
/// The broker's hot path, PUBLISH to subscribers, is mqtt/message.h.
namespace tombo::mqtt {

using Buffer = std::vector<uint8_t>;

/// An empty protocol_name and a protocol_level of 0 are filled in for version and bridge.
void encode(const Connect& packet, Buffer& out);
void encode(const Connack& packet, Version version, Buffer& out);
void encode(const Publish& packet, Version version, Buffer& out);
void encode(const Acknowledgement& packet, Version version, Buffer& out);
void encode(const SubscribeAcknowledgement& packet, Version version, Buffer& out);
void encode(const Disconnect& packet, Version version, Buffer& out);
void encode(const Auth& packet, Buffer& out);

/// SUBSCRIBE from a list of entries (clients, tests).
void encode_subscribe(PacketId id, Properties properties, std::span<const Subscription> filters,
                      Version version, Buffer& out);
void encode_unsubscribe(PacketId id, Properties properties,
                        std::span<const std::string_view> filters, Version version, Buffer& out);
/// PINGREQ or PINGRESP.
void encode_ping(PacketType type, Buffer& out);

}  // namespace tombo::mqtt
