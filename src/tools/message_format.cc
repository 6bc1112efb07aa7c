#include "tools/message_format.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <fmt/core.h>

#include "tools/message_json.h"

namespace tombo::tools {
namespace {

using client::PropertyId;

constexpr std::string_view kFields = "%ACDdEFfIjJlmPpqRrStUxX";
constexpr std::string_view kSeparators = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";
constexpr int kWidthMost = 10'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string hex_of(std::string_view bytes, bool upper, int every, char separator) {
  std::string text;
  int nibbles = 0;
  for (const char c : bytes) {
    const std::string pair = upper ? fmt::format("{:02X}", static_cast<uint8_t>(c))
                                   : fmt::format("{:02x}", static_cast<uint8_t>(c));
    for (const char digit : pair) {
      if (every > 0 && nibbles > 0 && nibbles % every == 0) text += separator;
      text += digit;
      ++nibbles;
    }
  }
  return text;
}

std::string user_properties(const client::Properties& properties) {
  std::string text;
  for (const client::Property& each : properties) {
    if (each.id != PropertyId::user_property) continue;
    if (!text.empty()) text += ' ';
    text += each.text + ':' + each.value;
  }
  return text;
}

template <class Float>
std::optional<Float> number_in(std::string_view payload) {
  Float value{};
  if (payload.size() != sizeof value) return std::nullopt;
  std::memcpy(&value, payload.data(), sizeof value);
  return value;
}

}  // namespace

/// Reads the language from front to back.
class MessageFormat::Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<std::vector<Piece>> parse() {
    while (!rest_.empty()) {
      const char c = take();
      if (c != '%' && c != '@' && c != '\\') {
        literal() += c;
        continue;
      }
      if (rest_.empty()) return Error{"Incomplete format specifier."};
      const Result<void> read = c == '%' ? field() : c == '@' ? time() : escape();
      if (!read) return read.error();
    }
    return std::move(pieces_);
  }

 private:
  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  bool take_if(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  std::string& literal() {
    if (pieces_.empty() || pieces_.back().kind != Piece::Kind::literal) {
      pieces_.push_back({.kind = Piece::Kind::literal, .text = {}});
    }
    return pieces_.back().text;
  }

  int number() {
    int value = 0;
    while (!rest_.empty() && is_digit(rest_.front())) {
      value = std::min(value * 10 + (take() - '0'), kWidthMost);
    }
    return value;
  }

  Result<void> field() {
    Piece piece{.kind = Piece::Kind::field, .text = {}};
    piece.left = take_if('-');
    piece.zeros = take_if('0') && !piece.left;
    piece.width = number();
    if (take_if('.')) piece.precision = number();
    // A separator stands in front of the letter of hexadecimal digits alone.
    if (rest_.size() >= 2 && kSeparators.find(rest_[0]) != std::string_view::npos &&
        (rest_[1] == 'x' || rest_[1] == 'X')) {
      piece.separator = take();
    }
    if (rest_.empty()) return Error{"Incomplete format specifier."};
    piece.field = take();
    if (kFields.find(piece.field) == std::string_view::npos) {
      return Error{fmt::format("Invalid format specifier '{}'.", piece.field)};
    }
    if (piece.field == '%') {
      literal() += '%';
    } else {
      pieces_.push_back(std::move(piece));
    }
    return {};
  }

  Result<void> time() {
    const char c = take();
    if (c == '@') {
      literal() += '@';
    } else if (c == 'N') {
      pieces_.push_back({.kind = Piece::Kind::time, .text = "N"});
    } else {
      pieces_.push_back({.kind = Piece::Kind::time, .text = std::string{'%', c}});
    }
    return {};
  }

  Result<void> escape() {
    constexpr std::string_view kNames = "\\0aenrtv";
    constexpr std::string_view kMeanings("\\\0\a\x1b\n\r\t\v", 8);
    const char c = take();
    const size_t at = kNames.find(c);
    if (at == std::string_view::npos) {
      return Error{fmt::format("Invalid escape specifier '{}'.", c)};
    }
    literal() += kMeanings[at];
    return {};
  }

  std::string_view rest_;
  std::vector<Piece> pieces_;
};

Result<MessageFormat> MessageFormat::parse(std::string_view text, bool is_v2_0) {
  Result<std::vector<Piece>> pieces = Parser(text).parse();
  if (!pieces) return pieces.error();
  MessageFormat format;
  format.pieces_ = std::move(*pieces);
  format.is_v2_0_ = is_v2_0;
  return format;
}

MessageFormat::Printed MessageFormat::print(const client::Received& message,
                                            const timespec& at) const {
  Printed out;
  for (const Piece& piece : pieces_) {
    switch (piece.kind) {
      case Piece::Kind::literal:
        out.text += piece.text;
        break;
      case Piece::Kind::time:
        out.text += piece.text == "N" ? fmt::format("{:09}", at.tv_nsec)
                                      : local_time(piece.text.c_str(), at);
        break;
      case Piece::Kind::field:
        print_field(piece, message, at, out);
        break;
    }
  }
  return out;
}

/// Prints one field of one message.
class MessageFormat::FieldPrinter {
 public:
  FieldPrinter(const Piece& piece, const client::Received& message, const timespec& at,
               std::string& out)
      : piece_(piece), message_(message), at_(at), out_(out) {}

  void print() {
    if (!print_property() && !print_payload()) print_rest();
  }

 private:
  bool print_property() {
    switch (piece_.field) {
      case 'A':
        return number(PropertyId::topic_alias);
      case 'C':
        return text(PropertyId::content_type);
      case 'D':
        if (const std::string* data = properties().text(PropertyId::correlation_data)) {
          out_ += *data;
        }
        return true;
      case 'E':
        return number(PropertyId::message_expiry_interval);
      case 'F':
        return number(PropertyId::payload_format_indicator);
      case 'P':
        out_ += user_properties(properties());
        return true;
      case 'R':
        return text(PropertyId::response_topic);
      case 'S':
        return number(PropertyId::subscription_identifier);
      default:
        return false;
    }
  }

  bool print_payload() {
    std::string payload;
    switch (piece_.field) {
      case 'd':
        return real(number_in<double>(message_.payload));
      case 'f':
        return real(number_in<float>(message_.payload));
      case 'l':
        return pad(std::to_string(message_.payload.size()));
      case 'p':
        payload = message_.payload;
        if (piece_.width != 0) payload.resize(std::min(payload.size(), width()));
        return pad(payload);
      case 'x':
      case 'X':
        return pad(
            hex_of(message_.payload, piece_.field == 'X', piece_.precision, piece_.separator));
      default:
        return false;
    }
  }

  void print_rest() {
    switch (piece_.field) {
      case 'I':
        text(local_time("%FT%T%z", at_));
        return;
      case 'm':
        pad(std::to_string(message_.packet_id));
        return;
      case 'q':
        out_ += std::to_string(static_cast<int>(message_.qos));
        return;
      case 'r':
        out_ += message_.retain ? '1' : '0';
        return;
      case 't':
        text(message_.topic);
        return;
      case 'U':
        out_ += fmt::format("{}.{:09}", at_.tv_sec, at_.tv_nsec);
        return;
      default:
        return;
    }
  }

  [[nodiscard]] const client::Properties& properties() const { return message_.properties; }

  [[nodiscard]] size_t width() const { return static_cast<size_t>(piece_.width); }

  // They give true, for the caller has printed something then.

  bool pad(const std::string& value) {
    const size_t missing = width() > value.size() ? width() - value.size() : 0;
    const std::string fill(missing, piece_.zeros ? '0' : ' ');
    out_ += piece_.left ? value + fill : fill + value;
    return true;
  }

  bool text(std::string_view value) {
    if (piece_.precision >= 0) value = value.substr(0, static_cast<size_t>(piece_.precision));
    return pad(std::string(value));
  }

  bool text(PropertyId id) {
    const std::string* found = properties().text(id);
    return text(found == nullptr ? std::string_view() : std::string_view(*found));
  }

  bool number(PropertyId id) {
    const std::optional<uint32_t> found = properties().number(id);
    return pad(found ? std::to_string(*found) : "");
  }

  bool real(std::optional<double> value) {
    if (!value) return true;
    return pad(fmt::format("{:.{}f}", *value, piece_.precision >= 0 ? piece_.precision : 6));
  }

  const Piece& piece_;
  const client::Received& message_;
  const timespec& at_;
  std::string& out_;
};

void MessageFormat::print_field(const Piece& piece, const client::Received& message,
                                const timespec& at, Printed& out) const {
  if (piece.field != 'j' && piece.field != 'J') {
    return FieldPrinter(piece, message, at, out.text).print();
  }
  const std::optional<std::string> json = message_json(
      message, at, {.payload_is_json = piece.field == 'J', .pretty = pretty_, .is_v2_0 = is_v2_0_});
  if (json) {
    out.text += *json;
  } else {
    out.problem =
        fmt::format("Error: Message payload is not valid JSON on topic {}.\n", message.topic);
  }
}

}  // namespace tombo::tools
