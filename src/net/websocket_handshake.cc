#include "net/websocket_handshake.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <http_parser.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/check.h"

namespace tombo::net {
namespace {

/// Of RFC 6455, section 1.3.
constexpr std::string_view kAcceptGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr size_t kKeyBytes = 16;
constexpr uint8_t kTlsHandshake = 0x16;
constexpr uint8_t kMqttConnect = 0x10;
/// How much of what a client sent goes into the log.
constexpr size_t kQuotedMax = 100;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Takes the first word of a list with commas off its front.
std::string_view next_item(std::string_view& list) {
  const size_t comma = list.find(',');
  const std::string_view item = trim(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return item;
}

bool has_item(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    if (same_word(next_item(list), wanted)) return true;
  }
  return false;
}

/// What a client sent, made harmless for the log.
std::string quoted(std::string_view text) {
  std::string quoted(text.substr(0, kQuotedMax));
  std::ranges::replace_if(
      quoted, [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return quoted;
}

bool is_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return false;
  const std::string copy(text);
  in6_addr address{};
  return ::inet_pton(AF_INET, copy.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, copy.c_str(), &address) == 1;
}

std::string accept_value(std::string_view key) {
  std::string text(key);
  text += kAcceptGuid;
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return to_base64(digest, Padding::equals_signs);
}

/// The first of the client's sub-protocols that is spoken here; empty: none is.
std::string_view choose_protocol(std::string_view offered) {
  while (!offered.empty()) {
    const std::string_view item = next_item(offered);
    if (item == "mqtt" || item == "mqttv3.1") return item;
  }
  return {};
}

}  // namespace

/// The request as http_parser reads it, header by header.
class WebSocketHandshake::Parser {
 public:
  struct Headers {
    std::string upgrade;
    std::string connection;
    std::string key;
    std::string version;
    std::string protocols;
    std::optional<std::string> origin;
    std::string forwarded_for;
  };

  Parser() {
    ::http_parser_init(&parser_, HTTP_REQUEST);
    parser_.data = this;
  }

  /// How many bytes it has taken.
  size_t take(std::string_view bytes) {
    static const http_parser_settings kSettings = make_settings();
    return ::http_parser_execute(&parser_, &kSettings, bytes.data(), bytes.size());
  }

  [[nodiscard]] bool is_complete() const { return complete_; }

  [[nodiscard]] bool has_failed() const {
    return HTTP_PARSER_ERRNO(&parser_) != HPE_OK && !complete_;
  }

  [[nodiscard]] const char* error() const {
    return ::http_errno_description(HTTP_PARSER_ERRNO(&parser_));
  }

  [[nodiscard]] bool is_get() const { return parser_.method == HTTP_GET; }

  [[nodiscard]] bool is_http_1_1() const {
    return parser_.http_major == 1 && parser_.http_minor >= 1;
  }

  [[nodiscard]] const Headers& headers() const { return headers_; }

 private:
  static Parser& of(http_parser* parser) { return *static_cast<Parser*>(parser->data); }

  static http_parser_settings make_settings() {
    http_parser_settings settings{};
    ::http_parser_settings_init(&settings);
    settings.on_header_field = [](http_parser* parser, const char* text, size_t size) {
      of(parser).on_field({text, size});
      return 0;
    };
    settings.on_header_value = [](http_parser* parser, const char* text, size_t size) {
      Parser& self = of(parser);
      self.in_value_ = true;
      self.value_.append(text, size);
      return 0;
    };
    settings.on_headers_complete = [](http_parser* parser) {
      of(parser).on_complete();
      return 2;  // Nothing of HTTP follows.
    };
    return settings;
  }

  void on_field(std::string_view part) {
    if (in_value_) on_header();
    field_ += part;
  }

  void on_complete() {
    if (in_value_) on_header();
    complete_ = true;
  }

  void on_header() {
    in_value_ = false;
    // Several headers with one name are a list in pieces (RFC 9110, section 5.3).
    const auto add = [this](std::string& list) {
      if (!list.empty()) list += ',';
      list += value_;
    };
    if (same_word(field_, "upgrade")) add(headers_.upgrade);
    if (same_word(field_, "connection")) add(headers_.connection);
    if (same_word(field_, "sec-websocket-key")) add(headers_.key);
    if (same_word(field_, "sec-websocket-version")) add(headers_.version);
    if (same_word(field_, "sec-websocket-protocol")) add(headers_.protocols);
    if (same_word(field_, "origin")) headers_.origin = value_;
    if (same_word(field_, "x-forwarded-for")) add(headers_.forwarded_for);
    field_.clear();
    value_.clear();
  }

  http_parser parser_{};
  bool in_value_ = false;
  bool complete_ = false;
  std::string field_;
  std::string value_;
  Headers headers_;
};

WebSocketHandshake::WebSocketHandshake(const WebSocketSettings& settings)
    : settings_(settings), parser_(std::make_unique<Parser>()) {}

WebSocketHandshake::~WebSocketHandshake() = default;

size_t WebSocketHandshake::take(Bytes bytes) {
  DCHECK(state_ == State::reading);
  if (bytes.empty()) return 0;
  const uint8_t first = bytes.front();
  if (taken_ == 0 && (first < 'A' || first > 'Z') && first != '\r' && first != '\n') {
    refuse_first_byte(first);
    return bytes.size();
  }
  const Bytes allowed = bytes.first(std::min(bytes.size(), settings_.head_bytes_max - taken_));
  const size_t count = parser_->take(as_text(allowed));
  taken_ += count;
  if (parser_->is_complete()) {
    judge();
  } else if (parser_->has_failed()) {
    refuse("400 Bad Request", fmt::format("not an HTTP request: {}", parser_->error()));
  } else if (taken_ == settings_.head_bytes_max) {
    refuse("431 Request Header Fields Too Large",
           fmt::format("HTTP request head of more than {} bytes", settings_.head_bytes_max));
  }
  return count;
}

void WebSocketHandshake::refuse_first_byte(uint8_t first) {
  state_ = State::refused;
  if (first == kMqttConnect) {
    why_ = "looks like plain MQTT on a WebSocket listener";
  } else if (first == kTlsHandshake) {
    why_ = "looks like TLS on a WebSocket listener without TLS";
  } else {
    why_ = fmt::format("looks like no HTTP on a WebSocket listener (first byte {:02X})", first);
  }
}

void WebSocketHandshake::judge() {
  const Parser::Headers& headers = parser_->headers();
  std::string_view forwarded = headers.forwarded_for;
  if (const std::string_view client = next_item(forwarded); is_address(client)) {
    forwarded_for_ = client;
  }
  if (!parser_->is_get() || !has_item(headers.upgrade, "websocket")) {
    return refuse("426 Upgrade Required", "an HTTP request that does not ask for WebSocket",
                  "Upgrade: websocket\r\nConnection: Upgrade, close\r\n");
  }
  if (!parser_->is_http_1_1() || !has_item(headers.connection, "upgrade")) {
    return refuse("400 Bad Request",
                  "a WebSocket request needs HTTP/1.1 and \"Connection: Upgrade\"");
  }
  if (headers.version != "13") {
    return refuse("426 Upgrade Required",
                  fmt::format("WebSocket version \"{}\", not 13", quoted(headers.version)),
                  "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade, close\r\n");
  }
  const std::optional<std::string> key = from_base64(headers.key, Padding::equals_signs);
  if (!key || key->size() != kKeyBytes) {
    return refuse("400 Bad Request", "Sec-WebSocket-Key is not the Base64 of 16 bytes");
  }
  if (!knows_origin()) {
    return refuse("403 Forbidden",
                  fmt::format("non-matching http origin \"{}\"", quoted(*headers.origin)));
  }
  const std::string_view protocol = choose_protocol(headers.protocols);
  if (protocol.empty()) {
    return refuse("400 Bad Request",
                  fmt::format("Sec-WebSocket-Protocol \"{}\" has neither mqtt nor mqttv3.1",
                              quoted(headers.protocols)));
  }
  state_ = State::accepted;
  answer_ = fmt::format(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
      accept_value(headers.key), protocol);
}

bool WebSocketHandshake::knows_origin() const {
  const std::optional<std::string>& origin = parser_->headers().origin;
  return settings_.origins.empty() || !origin ||
         std::ranges::find(settings_.origins, *origin) != settings_.origins.end();
}

void WebSocketHandshake::refuse(std::string_view status, std::string why,
                                std::string_view headers) {
  state_ = State::refused;
  why_ = std::move(why);
  const std::string body = fmt::format(
      "{}: {}.\n\nThis is an MQTT broker that waits for MQTT over WebSocket. Connect with an MQTT\n"
      "client, for example MQTT.js: mqtt.connect(\"ws://HOST:PORT\") (wss:// with TLS), or with\n"
      "WebSocket version 13 and the sub-protocol \"mqtt\".\n",
      status, why_);
  answer_ = fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n"
      "Cache-Control: no-store\r\n{}\r\n{}",
      status, body.size(), headers.empty() ? "Connection: close\r\n" : headers, body);
}

}  // namespace tombo::net
