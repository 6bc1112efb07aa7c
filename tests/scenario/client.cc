#include "scenario/client.h"

#include <fmt/core.h>

#include "mqtt/decode.h"
#include "mqtt/describe.h"
#include "mqtt/encode.h"

namespace tombo::scenario {
namespace {

using mqtt::PacketType;

void acknowledge(Client& client, PacketType type, mqtt::PacketId id) {
  mqtt::encode(mqtt::Acknowledgement{.type = type, .packet_id = id}, client.version,
               client.to_broker);
}

void answer(Client& client, const mqtt::Frame& frame) {
  mqtt::Malformed error;
  if (frame.type() == PacketType::publish) {
    mqtt::Publish packet;
    if (!mqtt::decode(frame, client.version, packet, error)) return;
    if (packet.qos == mqtt::Qos::at_least_once) {
      acknowledge(client, PacketType::puback, packet.packet_id);
    } else if (packet.qos == mqtt::Qos::exactly_once) {
      acknowledge(client, PacketType::pubrec, packet.packet_id);
    }
    return;
  }
  if (frame.type() != PacketType::pubrec && frame.type() != PacketType::pubrel) return;
  mqtt::Acknowledgement packet;
  if (!mqtt::decode(frame, client.version, packet, error) || mqtt::is_error(packet.reason)) return;
  acknowledge(client, frame.type() == PacketType::pubrec ? PacketType::pubrel : PacketType::pubcomp,
              packet.packet_id);
}

}  // namespace

void take_packets(Client& client, std::vector<std::string>& trace) {
  size_t taken = 0;
  while (true) {
    const mqtt::Cut cut = mqtt::cut_frame(Bytes(client.from_broker).subspan(taken), 0);
    if (cut.status == mqtt::CutStatus::incomplete) break;
    if (cut.status != mqtt::CutStatus::complete) {
      trace.push_back(fmt::format("{} <- garbage {}", client.name, hex(client.from_broker)));
      taken = client.from_broker.size();
      break;
    }
    trace.push_back(
        fmt::format("{} <- {}", client.name, mqtt::describe(cut.frame, client.version, false)));
    if (client.automatic) answer(client, cut.frame);
    taken += cut.frame.size();
  }
  client.from_broker.erase(client.from_broker.begin(),
                           client.from_broker.begin() + static_cast<ptrdiff_t>(taken));
}

}  // namespace tombo::scenario
