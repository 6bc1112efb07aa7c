#include "config/special_setters.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sys/un.h>
#include <utility>

#include <fmt/core.h>

#include "config/setters.h"
#include "config/values.h"

namespace tombo::config {
namespace {

constexpr std::size_t kIdPrefixBytesMax = 50;
// What the kernel has room for, without the zero at the end.
constexpr std::size_t kUnixPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kOriginsMax = 1000;
constexpr int64_t kPacketBufferMin = 1024;
constexpr int64_t kMessageBytesMax = 268435455;
constexpr int64_t kRetainExpiryIntervalMax = 10000000;
// Far beyond any session, and short enough that nanoseconds still fit into 64 bits.
constexpr int64_t kExpirationMax = int64_t{100} * 365 * 86400;

Error not_supported_yet(std::string_view option, std::string_view value) {
  return fault(fmt::format("Error: option {} is not supported yet with {}.", option, value));
}

Result<std::string> id_prefix(std::string_view option, std::string_view rest) {
  Result<std::string> prefix = text_value(option, rest);
  if (prefix && prefix->size() > kIdPrefixBytesMax) {
    return fault(
        fmt::format("Error: {} must not be longer than {} bytes.", option, kIdPrefixBytesMax));
  }
  return prefix;
}

/// Seconds of one unit of persistent_client_expiration, 0 if there is no such unit.
int64_t seconds_of(char unit) {
  constexpr int64_t kDay = 86400;
  switch (unit) {
    case 's':
      return 1;
    case 'h':
      return 3600;
    case 'd':
      return kDay;
    case 'w':
      return 7 * kDay;
    case 'm':
      return 30 * kDay;
    case 'y':
      return 365 * kDay;
    default:
      return 0;
  }
}

Result<uint16_t> topic_alias_maximum(std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < 0 || *value > 65535) {
    return fault(fmt::format("Error: Invalid {} value in configuration.", option));
  }
  return static_cast<uint16_t>(*value);
}

}  // namespace

Result<void> set_compatibility(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  const std::optional<Compatibility> generation = compatibility_named(*word);
  if (!generation) return invalid_value(option, *word);
  draft.compatibility = *generation;
  return {};
}

Result<void> set_durability(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  if (*word == "fsync") {
    draft.config.durability = Durability::fsync;
  } else if (*word == "os") {
    draft.config.durability = Durability::os;
  } else if (*word == "none") {
    draft.config.durability = Durability::none;
  } else {
    return invalid_value(option, *word);
  }
  return {};
}

Result<void> set_auto_id_prefix(Draft& draft, std::string_view option, std::string_view rest) {
  const bool per_listener = draft.config.per_listener_settings;
  const bool first = per_listener ? draft.first_time_in_listener(option) : draft.first_time(option);
  if (!first) return duplicate_value(option);
  Result<std::string> prefix = id_prefix(option, rest);
  if (!prefix) return prefix.error();
  if (per_listener) {
    draft.listener().auto_id_prefix = std::move(*prefix);
  } else {
    draft.config.auto_id_prefix = std::move(*prefix);
  }
  return {};
}

Result<void> set_listener_auto_id_prefix(Draft& draft, std::string_view option,
                                         std::string_view rest) {
  if (!draft.first_time_in_listener(option)) return duplicate_value(option);
  Result<std::string> prefix = id_prefix(option, rest);
  if (!prefix) return prefix.error();
  draft.listener().listener_auto_id_prefix = std::move(*prefix);
  return {};
}

Result<void> set_per_listener_settings(Draft& draft, std::string_view option,
                                       std::string_view rest) {
  const Result<bool> value = boolean_value(option, rest);
  if (!value) return value.error();
  // Once true it stays so: options already read belong to their listeners.
  if (draft.config.per_listener_settings || !*value) return {};
  if (draft.security_option_given) {
    return fault("Error: per_listener_settings must be set before any other security settings.");
  }
  draft.config.per_listener_settings = true;
  return {};
}

Result<void> set_persistent_client_expiration(Draft& draft, std::string_view option,
                                              std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  const int64_t unit = seconds_of(word->back());
  const int64_t count = leading_number(word->substr(0, word->size() - 1));
  if (unit == 0 || count < 1) {
    return fault(fmt::format("Error: Invalid {} duration in configuration.", option));
  }
  draft.config.persistent_client_expiration =
      count > kExpirationMax / unit ? kExpirationMax : count * unit;
  return {};
}

Result<void> set_max_inflight_messages(Draft& draft, std::string_view option,
                                       std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value > 65535) return fault("Error: max_inflight_messages must be <= 65535.");
  draft.config.max_inflight_messages = static_cast<uint16_t>(std::max<int64_t>(*value, 0));
  return {};
}

Result<void> set_max_packet_size(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < 20) return invalid_value(option, *value);
  draft.config.max_packet_size =
      static_cast<uint32_t>(std::min<int64_t>(*value, std::numeric_limits<uint32_t>::max()));
  return {};
}

Result<void> set_message_size_limit(Draft& draft, std::string_view option, std::string_view rest) {
  draft.note(LogType::notice,
             "Note: It is recommended to replace `message_size_limit` with `max_packet_size`.");
  return set_integer<&Config::message_size_limit, 0, kMessageBytesMax>(draft, option, rest);
}

Result<void> set_retain_expiry_interval(Draft& draft, std::string_view option,
                                        std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < 1) return invalid_value(option, *value);
  draft.config.retain_expiry_interval =
      static_cast<uint32_t>(std::min(*value, kRetainExpiryIntervalMax));
  return {};
}

Result<void> set_log_dest(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  LogConfig& log = draft.config.log;
  if (*word == "dlt" || *word == "android") {
    draft.note(LogType::warning,
               fmt::format("Warning: log_dest {} is not available, and is ignored.", *word));
    return {};
  }
  if (!draft.log_dest_given) log.log_dest_stderr = false;
  draft.log_dest_given = true;
  if (*word == "stderr") {
    log.log_dest_stderr = true;
  } else if (*word == "stdout") {
    log.log_dest_stdout = true;
  } else if (*word == "syslog") {
    log.log_dest_syslog = true;
  } else if (*word == "topic") {
    log.log_dest_topic = true;
  } else if (*word == "none") {
    log.log_dest_stderr = log.log_dest_stdout = log.log_dest_syslog = log.log_dest_topic = false;
    log.log_dest_file.clear();
  } else if (*word == "file") {
    static_cast<void>(next_word(rest));
    if (!draft.first_time(option)) return fault("Error: Duplicate \"log_dest file\" value.");
    Result<std::string> path = text_value("\"log_dest file\"", rest);
    if (!path) return path.error();
    log.log_dest_file = std::move(*path);
  } else {
    return invalid_value(option, *word);
  }
  return {};
}

Result<void> set_log_type(Draft& draft, std::string_view option, std::string_view rest) {
  struct Name {
    std::string_view word;
    uint32_t bits;
  };

  constexpr Name kNames[] = {
      {"debug", kLogDebug},
      {"error", kLogError},
      {"warning", kLogWarning},
      {"notice", kLogNotice},
      {"information", kLogInformation},
      {"subscribe", kLogSubscribe},
      {"unsubscribe", kLogUnsubscribe},
      {"internal", kLogInternal},
      {"websockets", kLogWebsockets},
      {"all", kLogAll},
  };
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  uint32_t& types = draft.config.log.log_type;
  if (!draft.log_type_given) types = 0;
  draft.log_type_given = true;
  if (*word == "none") {
    types = 0;
    return {};
  }
  const Name* name =
      std::ranges::find_if(kNames, [&](const Name& known) { return known.word == *word; });
  if (name == std::end(kNames)) return invalid_value(option, *word);
  types |= name->bits;
  return {};
}

Result<void> set_listener(Draft& draft, std::string_view option, std::string_view rest) {
  const std::string_view port_word = next_word(rest);
  if (port_word.empty()) return empty_value(option);
  const int64_t port = leading_number(port_word);
  std::string_view place = next_word(rest);
  if (place.starts_with('#')) place = {};
  if (port < 0 || port > 65535) return invalid_value("port", port);
  ListenerConfig listener =
      default_listener(draft.config.compatibility, static_cast<uint16_t>(port));
  if (port == 0) {
    if (place.empty()) {
      return fault("Error: A listener with port 0 must provide a Unix socket path.");
    }
    if (place.size() > kUnixPathBytesMax) {
      return fault(fmt::format("Error: Path to unix socket is too long \"{}\".", place));
    }
    listener.unix_path = place;
  } else {
    listener.host = place;
  }
  draft.begin_listener(std::move(listener));
  return {};
}

Result<void> set_port(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> port = integer_value(option, rest);
  if (!port) return port.error();
  if (*port < 1 || *port > 65535) return invalid_value(option, *port);
  if (!draft.first_time(option)) {
    draft.note(LogType::warning,
               "Warning: Default listener port specified multiple times. Only the latest will be "
               "used.");
  }
  draft.default_listener.port = static_cast<uint16_t>(*port);
  draft.open_default_listener();
  return {};
}

Result<void> set_bind_address(Draft& draft, std::string_view option, std::string_view rest) {
  constexpr std::string_view kName = "default listener bind_address";
  if (!draft.first_time(option)) return duplicate_value(kName);
  Result<std::string> host = text_value(kName, rest);
  if (!host) return host.error();
  draft.default_listener.host = std::move(*host);
  draft.open_default_listener();
  return {};
}

Result<void> set_socket_domain(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  if (*word == "ipv4") {
    draft.listener().socket_domain = SocketDomain::ipv4;
  } else if (*word == "ipv6") {
    draft.listener().socket_domain = SocketDomain::ipv6;
  } else {
    return fault(fmt::format("Error: Invalid {} value \"{}\" in configuration.", option, *word));
  }
  return {};
}

Result<void> set_protocol(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<std::string_view> word = word_value(option, rest);
  if (!word) return word.error();
  if (*word == "mqtt") {
    draft.listener().protocol = ListenerProtocol::mqtt;
  } else if (*word == "websockets") {
    draft.listener().protocol = ListenerProtocol::websockets;
  } else if (*word == "http_api") {
    return not_supported_yet(option, "the value http_api");
  } else {
    return invalid_value(option, *word);
  }
  return {};
}

Result<void> set_websockets_origin(Draft& draft, std::string_view option, std::string_view rest) {
  Result<std::string> origin = text_value(option, rest);
  if (!origin) return origin.error();
  std::vector<std::string>& origins = draft.listener().websockets_origin;
  if (origins.size() == kOriginsMax) {
    return fault(fmt::format("Error: A listener has at most {} {} values.", kOriginsMax, option));
  }
  origins.push_back(std::move(*origin));
  return {};
}

Result<void> set_packet_buffer_size(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < 0 || *value > 65535) return invalid_value(option, *value);
  if (*value < kPacketBufferMin) {
    draft.note(LogType::notice,
               fmt::format("Note: {} {} is too small for what browsers send, {} is used.", option,
                           *value, kPacketBufferMin));
  }
  draft.config.packet_buffer_size =
      static_cast<uint16_t>(std::max<int64_t>(*value, kPacketBufferMin));
  return {};
}

Result<void> set_accept_protocol_versions(Draft& draft, std::string_view option,
                                          std::string_view rest) {
  std::string list(rest);
  std::ranges::replace(list, ',', ' ');
  std::string_view words = list;
  uint8_t accepted = 0;
  for (std::string_view word = next_word(words); !word.empty(); word = next_word(words)) {
    if (word == "3") {
      accepted |= kAcceptV31;
    } else if (word == "4") {
      accepted |= kAcceptV311;
    } else if (word == "5") {
      accepted |= kAcceptV5;
    } else {
      return invalid_value(option, word);
    }
  }
  if (accepted == 0) return empty_value(option);
  draft.listener().accept_protocol_versions = accepted;
  return {};
}

Result<void> set_max_qos(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  if (*value < 0 || *value > 2) return fault("Error: max_qos must be between 0 and 2 inclusive.");
  draft.listener().max_qos = static_cast<uint8_t>(*value);
  return {};
}

Result<void> set_max_topic_alias(Draft& draft, std::string_view option, std::string_view rest) {
  const Result<uint16_t> value = topic_alias_maximum(option, rest);
  if (!value) return value.error();
  draft.listener().max_topic_alias = *value;
  return {};
}

Result<void> set_max_topic_alias_broker(Draft& draft, std::string_view option,
                                        std::string_view rest) {
  const Result<uint16_t> value = topic_alias_maximum(option, rest);
  if (!value) return value.error();
  draft.listener().max_topic_alias_broker = *value;
  return {};
}

Result<void> set_mount_point(Draft& draft, std::string_view option, std::string_view rest) {
  Result<std::string> prefix = text_value(option, rest);
  if (!prefix) return prefix.error();
  if (prefix->find_first_of("+#") != std::string::npos) {
    return fault(fmt::format("Error: Invalid {} '{}'. Does it contain a wildcard character?",
                             option, *prefix));
  }
  draft.listener().mount_point = std::move(*prefix);
  return {};
}

Result<void> check_boolean(Draft& /*draft*/, std::string_view option, std::string_view rest) {
  const Result<bool> value = boolean_value(option, rest);
  if (!value) return value.error();
  return {};
}

Result<void> check_integer(Draft& /*draft*/, std::string_view option, std::string_view rest) {
  const Result<int64_t> value = integer_value(option, rest);
  if (!value) return value.error();
  return {};
}

Result<void> check_text(Draft& draft, std::string_view option, std::string_view rest) {
  if (!draft.first_time(option)) return duplicate_value(option);
  const Result<std::string> value = text_value(option, rest);
  if (!value) return value.error();
  return {};
}

Result<void> warn_unavailable(Draft& draft, std::string_view option, std::string_view /*rest*/) {
  draft.note(LogType::warning,
             fmt::format("Warning: The {} option is no longer available.", option));
  return {};
}

Result<void> refuse(Draft& /*draft*/, std::string_view option, std::string_view /*rest*/) {
  return fault(fmt::format("Error: option {} is not supported yet.", option));
}

Result<void> refuse_true(Draft& /*draft*/, std::string_view option, std::string_view rest) {
  const Result<bool> value = boolean_value(option, rest);
  if (!value) return value.error();
  if (*value) return not_supported_yet(option, "the value true");
  return {};
}

}  // namespace tombo::config
