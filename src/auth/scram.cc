#include "auth/scram.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/core.h>
#include <openssl/crypto.h>

#include "base/base64.h"
#include "base/check.h"

namespace tombo::auth {
namespace {

using mqtt::Reason;

ScramAnswer invalid(std::string_view why) {
  return {Reason::protocol_error, fmt::format("SCRAM: {}", why)};
}

ScramAnswer refused(std::string_view why) {
  return {Reason::not_authorized, std::string(why)};
}

/// Takes the text in front of the next comma off `rest`; all of it when there is none.
std::string_view take(std::string_view& rest) {
  const size_t at = rest.find(',');
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

/// The value of attribute `name`, if `part` is `name=value`.
std::optional<std::string_view> value_of(char name, std::string_view part) {
  if (part.size() < 2 || part[0] != name || part[1] != '=') return std::nullopt;
  return part.substr(2);
}

/// Are these optional extensions, `attr-val *("," attr-val)`? They are not looked into.
bool are_extensions(std::string_view rest) {
  while (!rest.empty()) {
    const std::string_view part = take(rest);
    const bool is_letter =
        !part.empty() && ((part[0] >= 'a' && part[0] <= 'z') || (part[0] >= 'A' && part[0] <= 'Z'));
    if (!is_letter || part.size() < 3 || part[1] != '=') return false;
    if (part.find('\0') != std::string_view::npos) return false;
  }
  return true;
}

/// saslname: `=2C` stands for a comma, `=3D` for `=`.
std::optional<std::string> decode_name(std::string_view text) {
  std::string name;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '=') {
      name += text[at];
      continue;
    }
    const std::string_view code = text.substr(at, 3);
    if (code != "=2C" && code != "=3D") return std::nullopt;
    name += code == "=2C" ? ',' : '=';
    at += 2;
  }
  return name;
}

bool is_nonce(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~' && c != ','; });
}

std::string exclusive_or(std::string_view one, std::string_view other) {
  std::string result(one);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = static_cast<char>(result[i] ^ other[i]);
  }
  return result;
}

}  // namespace

ScramAnswer ScramServer::on_first(std::string_view message) {
  if (message.size() > kScramMessageBytesMax) return invalid("the first message is too long");
  if (message.ends_with(',')) return invalid("a comma at the end of the first message");
  std::string_view rest = message;
  const std::string_view binding = take(rest);
  if (binding.starts_with("p=")) {
    return {Reason::bad_authentication_method, "SCRAM: channel binding is not supported"};
  }
  // `y`: the client could, but was told that we cannot.
  if (binding != "n" && binding != "y") return invalid("the first message has no GS2 header");
  const std::string_view identity = take(rest);
  channel_ =
      "c=" + to_base64(message.substr(0, message.size() - rest.size()), Padding::equals_signs);
  conversation_ = rest;
  const auto name = value_of('n', take(rest));
  const auto nonce = value_of('r', take(rest));
  if (!name || !nonce) return invalid("the first message has no user name and nonce");
  if (!are_extensions(rest)) return invalid("an extension of the first message is malformed");
  if (!is_nonce(*nonce) || nonce->size() > kScramNonceBytesMax) {
    return invalid("the nonce is not printable, or too long");
  }
  const std::optional<std::string> user = decode_name(*name);
  if (!user || user->empty()) return invalid("the user name is malformed");
  if (!is_scram_text(*user) || user->size() > kScramUserBytesMax) {
    return refused("the user name is not printable ASCII, or too long");
  }
  if (!identity.empty()) {
    const auto other = value_of('a', identity);
    if (!other) return invalid("the GS2 header is malformed");
    if (decode_name(*other) != user) return refused("no user may act for another one");
  }
  user_ = *user;
  nonce_.insert(0, *nonce);
  return {};
}

std::string ScramServer::challenge(ScramKeys keys) {
  DCHECK(!user_.empty());
  keys_ = std::move(keys);
  std::string message = fmt::format("r={},s={},i={}", nonce_,
                                    to_base64(keys_.salt, Padding::equals_signs), keys_.iterations);
  conversation_ += "," + message;
  return message;
}

ScramAnswer ScramServer::on_final(std::string_view message) {
  DCHECK(keys_.stored_key.size() == kScramKeyBytes);
  if (message.size() > kScramMessageBytesMax) return invalid("the final message is too long");
  const size_t end = message.rfind(",p=");
  if (end == std::string_view::npos) return invalid("the final message has no proof");
  const std::string_view without_proof = message.substr(0, end);
  const std::optional<std::string> proof =
      from_base64(message.substr(end + 3), Padding::equals_signs);
  if (!proof || proof->size() != kScramKeyBytes) return invalid("the proof is malformed");
  std::string_view rest = without_proof;
  if (take(rest) != channel_) return invalid("the GS2 header in the final message is another one");
  if (value_of('r', take(rest)) != nonce_) return invalid("the nonce is not the one that was sent");
  if (without_proof.ends_with(',') || !are_extensions(rest)) {
    return invalid("an extension of the final message is malformed");
  }
  conversation_ += ",";
  conversation_ += without_proof;
  const std::string client_key = exclusive_or(*proof, hmac_sha256(keys_.stored_key, conversation_));
  if (CRYPTO_memcmp(sha256(client_key).data(), keys_.stored_key.data(), kScramKeyBytes) != 0) {
    return refused("the proof is wrong");
  }
  return {Reason::success,
          "v=" + to_base64(hmac_sha256(keys_.server_key, conversation_), Padding::equals_signs)};
}

}  // namespace tombo::auth
