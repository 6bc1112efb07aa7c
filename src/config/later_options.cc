#include "config/option_tables.h"
#include "config/special_setters.h"

// Options that are known but not supported yet.  The parser refuses them, except that a boolean
// may be false: so the broker behaves.
namespace tombo::config {
namespace {

constexpr Scope kGlobal = Scope::global;
constexpr Scope kListener = Scope::listener;
constexpr Scope kDefault = Scope::default_listener;
constexpr Scope kSecurity = Scope::security;
constexpr Scope kBridge = Scope::bridge;
constexpr Scope kPlugin = Scope::plugin;
constexpr Since kAll = Since::all;
constexpr Since kNew = Since::v2_1;

constexpr Option later(std::string_view name, Scope scope, ValueType type,
                       std::string_view fallback, Since since) {
  return {name, scope, fallback, Reload::no, since, Status::later, {type, &refuse}};
}

constexpr Option text(std::string_view name, Scope scope, Since since) {
  return later(name, scope, ValueType::text, "none", since);
}

constexpr Option number(std::string_view name, Scope scope, std::string_view fallback,
                        Since since) {
  return later(name, scope, ValueType::integer, fallback, since);
}

constexpr Option words(std::string_view name, Scope scope, std::string_view fallback, Since since) {
  return later(name, scope, ValueType::words, fallback, since);
}

/// A boolean of the broker or a listener, whose default is false.
constexpr Option switched_off(std::string_view name, Scope scope, Since since) {
  return {name,
          scope,
          "false",
          Reload::no,
          since,
          Status::later,
          {ValueType::boolean, &refuse_true},
          "`false` is accepted."};
}

/// A boolean that belongs to a bridge or plugin, which cannot be there.
constexpr Option boolean(std::string_view name, Scope scope, std::string_view fallback,
                         Since since) {
  return later(name, scope, ValueType::boolean, fallback, since);
}

// clang-format off
constexpr Option kOptions[] = {
  // Logins and access control.
  switched_off("enable_control_api", kGlobal, kNew),

  // Plugins.
  text("auth_plugin", kSecurity, kAll),
  text("plugin", kSecurity, kAll),
  text("global_plugin", kGlobal, kNew),
  text("plugin_load", kGlobal, kNew),
  text("plugin_use", kDefault, kNew),
  boolean("auth_plugin_deny_special_chars", kPlugin, "true", kAll),
  text("auth_opt_", kPlugin, kAll),
  text("plugin_opt_", kPlugin, kAll),

  // HTTP.
  text("http_dir", kListener, kAll),

  // Bridges.
  text("connection", kGlobal, kAll),
  text("address", kBridge, kAll),
  text("addresses", kBridge, kAll),
  words("topic", kBridge, "none", kAll),
  text("remote_clientid", kBridge, kAll),
  text("clientid", kBridge, kAll),
  text("remote_username", kBridge, kAll),
  text("username", kBridge, kAll),
  text("remote_password", kBridge, kAll),
  text("password", kBridge, kAll),
  text("local_clientid", kBridge, kAll),
  text("local_username", kBridge, kAll),
  text("local_password", kBridge, kAll),
  boolean("cleansession", kBridge, "false", kAll),
  boolean("local_cleansession", kBridge, "that of cleansession", kAll),
  number("keepalive_interval", kBridge, "60", kAll),
  number("idle_timeout", kBridge, "60", kAll),
  number("threshold", kBridge, "10", kAll),
  words("start_type", kBridge, "automatic", kAll),
  words("restart_timeout", kBridge, "5 30", kAll),
  boolean("round_robin", kBridge, "false", kAll),
  boolean("try_private", kBridge, "true", kAll),
  boolean("notifications", kBridge, "true", kAll),
  boolean("notifications_local_only", kBridge, "false", kAll),
  text("notification_topic", kBridge, kAll),
  boolean("bridge_attempt_unsubscribe", kBridge, "true", kAll),
  text("bridge_bind_address", kBridge, kAll),
  number("bridge_max_packet_size", kBridge, "0", kAll),
  number("bridge_max_topic_alias", kBridge, "10", kNew),
  boolean("bridge_outgoing_retain", kBridge, "true", kAll),
  words("bridge_protocol_version", kBridge, "mqttv311", kAll),
  number("bridge_receive_maximum", kBridge, "that of max_inflight_messages", kNew),
  number("bridge_session_expiry_interval", kBridge, "0", kNew),
  words("bridge_reload_type", kBridge, "lazy", kNew),
  words("bridge_tcp_keepalive", kBridge, "off", kNew),
  number("bridge_tcp_user_timeout", kBridge, "-1", kNew),
  text("bridge_alpn", kBridge, kAll),
  text("bridge_cafile", kBridge, kAll),
  text("bridge_capath", kBridge, kAll),
  boolean("bridge_tls_use_os_certs", kBridge, "false", kNew),
  text("bridge_certfile", kBridge, kAll),
  text("bridge_keyfile", kBridge, kAll),
  text("bridge_ciphers", kBridge, kNew),
  text("bridge_ciphers_tls1.3", kBridge, kNew),
  boolean("bridge_insecure", kBridge, "false", kAll),
  boolean("bridge_require_ocsp", kBridge, "false", kAll),
  words("bridge_tls_version", kBridge, "tlsv1.2", kAll),
  text("bridge_identity", kBridge, kAll),
  text("bridge_psk", kBridge, kAll),
};
// clang-format on

}  // namespace

std::span<const Option> later_options() {
  return kOptions;
}

}  // namespace tombo::config
