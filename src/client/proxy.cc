#include <array>
#include <vector>

#include "base/bytes.h"
#include "client/socket_stream.h"

// SOCKS5: RFC 1928, and RFC 1929 for logins.
namespace tombo::client {
namespace {

constexpr uint8_t kVersion = 5;
constexpr uint8_t kLoginVersion = 1;
constexpr uint8_t kNoLogin = 0;
constexpr uint8_t kLogin = 2;
constexpr uint8_t kConnect = 1;
constexpr uint8_t kIpv4 = 1;
constexpr uint8_t kName = 3;
constexpr uint8_t kIpv6 = 4;
constexpr size_t kTextMax = 255;

Error proxy_error(std::string text) {
  return {.kind = ErrorKind::network, .text = "Proxy error: " + std::move(text)};
}

const char* reply_text(uint8_t reply) {
  constexpr std::array<const char*, 9> kTexts{"success",
                                              "general failure",
                                              "connection not allowed",
                                              "network unreachable",
                                              "host unreachable",
                                              "connection refused",
                                              "TTL expired",
                                              "command not supported",
                                              "address type not supported"};
  return reply < kTexts.size() ? kTexts.at(reply) : "unknown reply";
}

Error log_in(Stream& stream, const Proxy& proxy, const Patience& patience) {
  std::vector<uint8_t> request;
  ByteWriter writer(request);
  writer.u8(kLoginVersion);
  writer.u8(static_cast<uint8_t>(proxy.user_name.size()));
  writer.text(proxy.user_name);
  writer.u8(static_cast<uint8_t>(proxy.password.size()));
  writer.text(proxy.password);
  if (Error failed = patience.write_all(stream, request)) return failed;
  std::array<uint8_t, 2> answer{};
  if (Error failed = patience.read_all(stream, answer)) return failed;
  if (answer[1] != 0) return proxy_error("the login was refused");
  return {};
}

Error greet(Stream& stream, const Proxy& proxy, const Patience& patience) {
  const bool has_login = !proxy.user_name.empty();
  const std::array<uint8_t, 4> both{kVersion, 2, kNoLogin, kLogin};
  const std::array<uint8_t, 3> plain{kVersion, 1, kNoLogin};
  const std::span<const uint8_t> greeting =
      has_login ? std::span<const uint8_t>(both) : std::span<const uint8_t>(plain);
  if (Error failed = patience.write_all(stream, greeting)) return failed;
  std::array<uint8_t, 2> answer{};
  if (Error failed = patience.read_all(stream, answer)) return failed;
  if (answer[0] != kVersion) return proxy_error("this is no SOCKS5 proxy");
  if (answer[1] == kNoLogin) return {};
  if (answer[1] == kLogin && has_login) return log_in(stream, proxy, patience);
  return proxy_error("it wants another kind of login");
}

}  // namespace

Error ask_proxy(Stream& stream, const Target& target, const Patience& patience) {
  const Proxy& proxy = *target.proxy;
  if (target.host.size() > kTextMax || proxy.user_name.size() > kTextMax ||
      proxy.password.size() > kTextMax) {
    return proxy_error("a name is too long");
  }
  if (Error failed = greet(stream, proxy, patience)) return failed;
  std::vector<uint8_t> request;
  ByteWriter writer(request);
  for (const uint8_t byte : {kVersion, kConnect, uint8_t{0}, kName}) writer.u8(byte);
  writer.u8(static_cast<uint8_t>(target.host.size()));
  writer.text(target.host);
  writer.u16(target.port);
  if (Error failed = patience.write_all(stream, request)) return failed;
  // The address that it has bound is of no use, but has to be read.
  std::array<uint8_t, 5> head{};
  if (Error failed = patience.read_all(stream, head)) return failed;
  if (head[1] != 0) return proxy_error(reply_text(head[1]));
  size_t left = sizeof(uint16_t);
  if (head[3] == kIpv4) {
    left += 3;
  } else if (head[3] == kIpv6) {
    left += 15;
  } else {
    left += head[4];
  }
  std::vector<uint8_t> rest(left);
  return patience.read_all(stream, rest);
}

}  // namespace tombo::client
