#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/socket.h"

namespace tombo::server {

/// An MQTT client of a few lines: a blocking socket and packets by hand. For tests.
class TestClient {
 public:
  /// At this port of loopback.
  explicit TestClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(address);
  }

  /// At a Unix socket.
  explicit TestClient(const std::string& path)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    connect_to(address);
  }

  [[nodiscard]] bool connected() const { return connected_; }

  [[nodiscard]] const net::Socket& socket() const { return socket_; }

  void close() { socket_.close(); }

  /// One whole packet: first byte, remaining length, body.
  void send(uint8_t first, std::string_view body) { send_raw(packet(first, body)); }

  void send_raw(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }

  static std::string packet(uint8_t first, std::string_view body) {
    std::string bytes(1, static_cast<char>(first));
    size_t length = body.size();
    do {
      const auto digit = static_cast<char>(length % 128 | (length >= 128 ? 128 : 0));
      bytes.push_back(digit);
      length /= 128;
    } while (length != 0);
    return bytes.append(body);
  }

  static std::string text(std::string_view value) {
    std::string bytes{static_cast<char>(value.size() >> 8), static_cast<char>(value.size())};
    return bytes.append(value);
  }

  static std::string publish(std::string_view topic, std::string_view payload) {
    return packet(0x30, text(topic).append(payload));
  }

  /// CONNECT, clean start, with a will at `will_topic` if there is one. Returns what comes back.
  std::string connect(std::string_view id, bool v5 = false, std::string_view will_topic = {}) {
    std::string body = text("MQTT");
    body.push_back(v5 ? '\5' : '\4');
    body.push_back(will_topic.empty() ? '\2' : '\6');
    body.append("\0\0", 2);
    if (v5) body.push_back('\0');
    body += text(id);
    if (!will_topic.empty()) {
      if (v5) body.push_back('\0');
      body += text(will_topic) + text("will");
    }
    send(0x10, body);
    return receive();
  }

  /// Subscribes with QoS 0 (3.1.1) and waits for SUBACK.
  void subscribe(std::string_view filter) {
    send(0x82, std::string("\0\1", 2) + text(filter) + std::string(1, '\0'));
    receive();
  }

  /// The next whole packet; "end" when the broker has closed, "reset" when not politely.
  std::string receive() {
    std::string bytes;
    const std::optional<std::string> first = exactly(1);
    if (!first) return ended_;
    bytes += *first;
    size_t length = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::optional<std::string> digit = exactly(1);
      if (!digit) return ended_;
      bytes += *digit;
      length |= static_cast<size_t>((*digit)[0] & 127) << shift;
      if (((*digit)[0] & 128) == 0) break;
    }
    const std::optional<std::string> body = exactly(length);
    return body ? bytes + *body : ended_;
  }

  /// The payload of the next PUBLISH (QoS 0, 3.1.1).
  std::string receive_payload() {
    std::string whole = receive();
    size_t at = 1;
    while (at < whole.size() && (whole[at] & 128) != 0) ++at;
    ++at;
    if (whole.empty() || (whole[0] & 0xF0) != 0x30 || at + 2 > whole.size()) return whole;
    const size_t topic =
        static_cast<uint8_t>(whole[at]) * size_t{256} + static_cast<uint8_t>(whole[at + 1]);
    return whole.substr(at + 2 + topic);
  }

 private:
  template <class Address>
  void connect_to(const Address& address) {
    // A test that waits in vain fails instead of hanging.
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    ::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connected_ = ::connect(socket_.descriptor(), reinterpret_cast<const sockaddr*>(&address),
                           sizeof address) == 0;
  }

  std::optional<std::string> exactly(size_t count) {
    while (inbox_.size() < count) {
      std::array<char, 65536> part{};
      const ssize_t got = ::recv(socket_.descriptor(), part.data(), part.size(), 0);
      if (got <= 0) {
        ended_ = got == 0 ? "end" : "reset";
        return std::nullopt;
      }
      inbox_.append(part.data(), static_cast<size_t>(got));
    }
    std::string front = inbox_.substr(0, count);
    inbox_.erase(0, count);
    return front;
  }

  net::Socket socket_;
  bool connected_ = false;
  std::string inbox_;
  std::string ended_;
};

}  // namespace tombo::server
