#include "tools/client_words.h"

#include <array>

#include <fmt/core.h>

namespace tombo::tools {
namespace {

using client::Error;
using client::ErrorKind;

// libmosquitto's numbers of errors.
constexpr int kProtocolError = 2;
constexpr int kConnectionLost = 7;
constexpr int kTlsError = 8;
constexpr int kKeepAlive = 19;

constexpr uint8_t kBadUserName = 0x86;
constexpr uint8_t kUnsupportedVersion = 0x84;

std::string_view refusal_v3(uint8_t code) {
  constexpr std::array<std::string_view, 6> kTexts{
      "Connection Accepted.",
      "Connection Refused: unacceptable protocol version.",
      "Connection Refused: identifier rejected.",
      "Connection Refused: broker unavailable.",
      "Connection Refused: bad user name or password.",
      "Connection Refused: not authorised."};
  return code < kTexts.size() ? kTexts.at(code) : "Connection Refused: unknown reason.";
}

}  // namespace

std::string reason_text(uint8_t reason) {
  if (reason == kBadUserName) return "Bad username or password";
  std::string text(client::reason_name(reason));
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() -= 'a' - 'A';
  return text;
}

std::string connect_failure(const Error& error) {
  switch (error.kind) {
    case ErrorKind::tls:
      return fmt::format("Error: A TLS error occurred: {}.\n", error.text);
    case ErrorKind::invalid_argument:
      return fmt::format("Error: Problem setting TLS options: {}.\n", error.text);
    default:
      break;
  }
  if (error.text.ends_with('.')) return fmt::format("Unable to connect ({}).\n", error.text);
  return fmt::format("Error: {}\n", error.text);
}

Ending ending_of(const Error& error, client::Version version) {
  const bool is_v5 = version == client::Version::v5;
  switch (error.kind) {
    case ErrorKind::none:
      return {};
    case ErrorKind::refused:
      if (!is_v5) {
        return {error.reason,
                fmt::format("Connection error: {}\nError: The connection was refused.\n",
                            refusal_v3(error.reason))};
      }
      return {error.reason,
              fmt::format("Connection error: {}\n{}Error: A network protocol error occurred when "
                          "communicating with the broker.\n",
                          reason_text(error.reason),
                          error.reason == kUnsupportedVersion
                              ? "Try connecting to an MQTT v5 broker, or use MQTT v3.x mode.\n"
                              : "")};
    case ErrorKind::malformed:
      return {kProtocolError,
              fmt::format("Error: A network protocol error occurred when communicating with the "
                          "broker: {}.\n",
                          error.text)};
    case ErrorKind::tls:
      return {kTlsError, fmt::format("Error: A TLS error occurred: {}.\n", error.text)};
    case ErrorKind::keep_alive_timeout:
    case ErrorKind::connect_timeout:
      return {kKeepAlive, fmt::format("Error: {}.\n", error.text)};
    default:
      return {kConnectionLost, "Error: The connection was lost.\n"};
  }
}

std::string trace_line(const client::PacketTrace& packet, std::string_view client_id) {
  std::string line =
      fmt::format("Client {} {} {}", client_id, packet.sent ? "sending" : "received", packet.name);
  if (packet.name == "PUBLISH") {
    return line + fmt::format(" (d{:d}, q{}, r{:d}, m{}, '{}', ... ({} bytes))", packet.dup,
                              static_cast<int>(packet.qos), packet.retain, packet.packet_id,
                              packet.topic, packet.payload_size);
  }
  if (packet.name == "CONNACK") return line + fmt::format(" ({})", packet.reason);
  if (packet.packet_id == 0) return line;
  if (packet.sent) return line + fmt::format(" (m{}, rc{})", packet.packet_id, packet.reason);
  return line + fmt::format(" (Mid: {}, RC:{})", packet.packet_id, packet.reason);
}

}  // namespace tombo::tools
