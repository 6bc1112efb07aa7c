#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"

namespace tombo::config {

/// The generation of Mosquitto whose defaults, CONNACK, reason codes and log wording the broker
/// shows.
enum class Compatibility : uint8_t { v2_0, v2_1 };

/// What a listener speaks. http_api cannot be configured so far.
enum class ListenerProtocol : uint8_t { mqtt, websockets, http_api };

/// What an acknowledgement promises for a durable session: its message is on the disk, or the
/// kernel has it, or nothing.
enum class Durability : uint8_t { fsync, os, none };

/// Option socket_domain: which address families a listener opens.
enum class SocketDomain : uint8_t { any, ipv4, ipv6 };

/// Bits of ListenerConfig::accept_protocol_versions.
inline constexpr uint8_t kAcceptV31 = 1;
inline constexpr uint8_t kAcceptV311 = 2;
inline constexpr uint8_t kAcceptV5 = 4;
inline constexpr uint8_t kAcceptAll = kAcceptV31 | kAcceptV311 | kAcceptV5;

/// Bits of LogConfig::log_type. The values are those of Mosquitto and of base/log.h.
inline constexpr uint32_t kLogInformation = 0x01;
inline constexpr uint32_t kLogNotice = 0x02;
inline constexpr uint32_t kLogWarning = 0x04;
inline constexpr uint32_t kLogError = 0x08;
inline constexpr uint32_t kLogDebug = 0x10;
inline constexpr uint32_t kLogSubscribe = 0x20;
inline constexpr uint32_t kLogUnsubscribe = 0x40;
inline constexpr uint32_t kLogWebsockets = 0x80;
inline constexpr uint32_t kLogInternal = 0x80000000;
inline constexpr uint32_t kLogDefault = kLogError | kLogWarning | kLogNotice | kLogInformation;
inline constexpr uint32_t kLogAll = 0xFFFFFFFF;

/// Ports on the command line (-p), and threads (bit 63 of an interest mask is the cluster's).
inline constexpr std::size_t kCommandLinePortsMax = 10;
inline constexpr uint32_t kThreadsMax = 63;
inline constexpr uint16_t kDefaultPort = 1883;

/// Listeners of a file, and with those that came and went by reloading, of a running broker.
inline constexpr std::size_t kListenersMax = 1000;

/// Where log lines go and which. All log_dest_* may be set together; none set means no log at all.
struct LogConfig {
  bool log_dest_stderr = true;
  bool log_dest_stdout = false;
  bool log_dest_syslog = false;
  bool log_dest_topic = false;
  std::string log_dest_file;            ///< Path, empty = no file.
  std::optional<uint8_t> log_facility;  ///< 0..7 = syslog's local0..local7; unset = daemon.
  uint32_t log_type = kLogDefault;      ///< kLog* bits.
  bool log_timestamp = true;
  std::string log_timestamp_format;  ///< strftime; empty = seconds since 1970.

  bool operator==(const LogConfig&) const = default;
};

/// Option tls_version: the oldest version that a listener speaks.
enum class TlsVersion : uint8_t { v1_2, v1_3 };

/// Option tls_keyform: what keyfile is.
enum class TlsKeyForm : uint8_t {
  pem,     ///< The path of a file.
  engine,  ///< What tls_engine calls the key.
};

/// One place the broker listens at. Options are those between a `listener` line and the next.
struct ListenerConfig {
  uint16_t port = 0;           ///< 1..65535; 0 with unix_path.
  std::string host;            ///< Address or name to bind; empty = all addresses.
  std::string unix_path;       ///< Path of a Unix socket in place of port and host; empty = none.
  std::string bind_interface;  ///< Only the addresses of this device; empty = any.
  SocketDomain socket_domain = SocketDomain::any;
  ListenerProtocol protocol = ListenerProtocol::mqtt;
  bool is_default = false;  ///< Made by port, bind_address or an option before any `listener`.
  bool closed = false;      ///< A reload has removed it: only those who were connected are left.

  std::optional<bool> listener_allow_anonymous;
  std::optional<std::string> listener_auto_id_prefix;
  std::optional<bool> allow_anonymous;             ///< Set only with per_listener_settings.
  std::optional<bool> allow_zero_length_clientid;  ///< Set only with per_listener_settings.
  std::optional<std::string> auto_id_prefix;       ///< Set only with per_listener_settings.
  std::optional<bool> acl_subscribe_check;         ///< Set only with per_listener_settings.
  std::string acl_file;       ///< Path, empty = none. Set only with per_listener_settings.
  std::string password_file;  ///< Set only with per_listener_settings.
  std::string scram_file;     ///< Set only with per_listener_settings.

  int64_t max_connections = -1;  ///< -1 = no limit.
  uint8_t max_qos = 2;
  uint16_t max_topic_alias = 10;         ///< Aliases a client may create.
  uint16_t max_topic_alias_broker = 10;  ///< Aliases the broker creates; 0 in 2.0.
  std::string mount_point;               ///< Put before every topic of the listener's clients.
  bool use_username_as_clientid = false;
  uint8_t accept_protocol_versions = kAcceptAll;  ///< kAccept* bits.

  // TLS. Paths of PEM files; empty = not given.
  // With psk_hint clients share keys with the broker instead.
  std::string psk_hint;
  std::string psk_file;  ///< Set only with per_listener_settings.
  std::string certfile;
  std::string keyfile;
  std::string cafile;  ///< Authorities of client certificates.
  std::string capath;  ///< A folder of such.
  std::string crlfile;
  std::string ciphers;
  std::string ciphers_tls13;
  std::string dhparamfile;
  std::string ocsp_file;  ///< An OCSP response about certfile, for clients that ask for it.
  std::string tls_engine;
  std::string tls_engine_kpass_sha1;  ///< 40 digits of hexadecimal.
  TlsKeyForm tls_keyform = TlsKeyForm::pem;
  TlsVersion tls_version = TlsVersion::v1_2;
  bool require_certificate = false;
  bool use_identity_as_username = false;
  bool use_subject_as_username = false;
  bool disable_client_cert_date_checks = false;

  std::vector<std::string> websockets_origin;  ///< Origins that may connect; none = any.

  // Behind a proxy.
  uint8_t enable_proxy_protocol = 0;  ///< Version of the header that begins a connection; 0 = none.
  bool proxy_protocol_v2_require_tls = false;

  /// For messages: "port 1883" or "path /run/mqtt.sock".
  [[nodiscard]] std::string place() const {
    return unix_path.empty() ? "port " + std::to_string(port) : "path " + unix_path;
  }

  [[nodiscard]] bool uses_psk() const { return !psk_hint.empty(); }

  [[nodiscard]] bool uses_tls() const { return !certfile.empty() || uses_psk(); }

  /// Does the proxy shake hands with the clients, and tell of their certificates?
  [[nodiscard]] bool has_tls_at_proxy() const { return enable_proxy_protocol == 2; }

  /// Does the certificate or the shared key of a client say who it is, instead of user name and
  /// password?
  [[nodiscard]] bool user_name_from_certificate() const {
    return use_identity_as_username || use_subject_as_username;
  }

  /// `level` is the number in CONNECT: 3, 4 or 5.
  [[nodiscard]] bool accepts_protocol_level(uint8_t level) const {
    if (level == 3) return (accept_protocol_versions & kAcceptV31) != 0;
    if (level == 4) return (accept_protocol_versions & kAcceptV311) != 0;
    return level == 5 && (accept_protocol_versions & kAcceptV5) != 0;
  }

  bool operator==(const ListenerConfig&) const = default;
};

/// Everything a configuration file and the command line decide. Field name = option name there.
/// A value: built by parser.cc, then shared as `std::shared_ptr<const Config>`, never changed.
/// The defaults written here are those of compatibility 2.1; default_config() makes the others.
/// ```
/// const config::Config config = config::default_config(config::Compatibility::v2_1);
/// for (const config::ListenerConfig& listener : config.listeners) open(listener);
/// if (!has_username && !config.anonymous_allowed(listener)) refuse();
/// ```
struct Config {
  // Of tombo's own.
  Compatibility compatibility = Compatibility::v2_1;
  bool explain = true;   ///< Reason strings for v5 clients.
  uint32_t threads = 0;  ///< Shards, at most kThreadsMax; 0 = number of cores.

  // Sessions and client ids.
  std::optional<int64_t> persistent_client_expiration;  ///< Seconds; unset = never.
  int64_t global_max_clients = -1;         ///< Sessions, connected and stored; -1 = no limit.
  int64_t global_max_connections = -1;     ///< Connected clients; -1 = no limit.
  uint16_t max_keepalive = 0;              ///< Seconds; 0 = no limit.
  std::string clientid_prefixes;           ///< Only ids that start so may connect; empty = all.
  bool allow_zero_length_clientid = true;  ///< Ask zero_length_clientid_allowed().
  std::string auto_id_prefix = "auto-";    ///< Ask auto_id_prefix_for().
  std::optional<bool> allow_anonymous;     ///< Ask anonymous_allowed().
  std::string password_file;               ///< Ask password_file_for().
  std::string scram_file;                  ///< Ask scram_file_for().
  bool per_listener_settings = false;
  std::string acl_file;              ///< Path, empty = none; ask acl_file_for().
  bool acl_subscribe_check = false;  ///< Ask acl_subscribe_check_for().
  std::string psk_file;              ///< Ask psk_file_for().
  std::string tls_keylog;  ///< Of the command line: secrets of TLS go there; empty = nowhere.

  // Queues and windows towards a client. Bytes and counts: 0 = no limit.
  uint16_t max_inflight_messages = 20;  ///< 0 or 65535 = no limit; ask receive_maximum().
  uint64_t max_inflight_bytes = 0;
  uint32_t max_queued_messages = 1000;
  uint64_t max_queued_bytes = 0;
  bool queue_qos0_messages = false;
  bool upgrade_outgoing_qos = false;
  bool allow_duplicate_messages = true;  ///< One copy per overlapping subscription; false in 2.0.

  // Sizes.
  uint32_t max_packet_size = 2000000;  ///< Whole packet; 0 = limit of the protocol (2.0's default).
  uint32_t message_size_limit = 0;     ///< Payload; 0 = none.
  uint64_t memory_limit = 0;           ///< Bytes of heap; 0 = none.
  uint16_t packet_buffer_size = 4096;  ///< Bytes of the request that opens a WebSocket.

  Limits limits;  ///< Against abuse.

  // What survives the process.
  bool persistence = false;
  std::string persistence_location;  ///< Folder; empty = the current one. Ask store_path().
  std::string persistence_file = "mosquitto.db";
  Durability durability = Durability::fsync;
  bool mosquitto_export = true;  ///< Write a mosquitto.db at a clean end and on SIGUSR1.
  uint64_t disk_reserve = uint64_t{64} << 20;  ///< Bytes that stay free for what frees more.

  // Retained messages.
  bool retain_available = true;
  bool check_retain_source = false;     ///< Check the publisher's write access again on delivery.
  uint32_t retain_expiry_interval = 0;  ///< Minutes between sweeps; 0 = off.

  // The process.
  uint32_t sys_interval = 10;      ///< Seconds between $SYS updates; 0 = no $SYS.
  bool set_tcp_nodelay = true;     ///< Mosquitto's default is false.
  std::string pid_file;            ///< Empty = none.
  std::string user = "mosquitto";  ///< Run as this user when started as root; "root" stays root.
  LogConfig log;
  bool connection_messages = true;  ///< Log connects and disconnects.

  std::vector<ListenerConfig> listeners;  ///< Never empty once parsed.
  bool local_only = false;                ///< The file names no listener: loopback only.

  /// May a client without a user name connect at this listener?
  [[nodiscard]] bool anonymous_allowed(const ListenerConfig& listener) const {
    if (listener.listener_allow_anonymous) return *listener.listener_allow_anonymous;
    if (per_listener_settings) {
      if (listener.allow_anonymous) return *listener.allow_anonymous;
      // Mosquitto 2.0 left its default listener open, 2.1 does not.
      return local_only || (listener.is_default && compatibility == Compatibility::v2_0);
    }
    return allow_anonymous.value_or(local_only);
  }

  /// Path of the file that logins at this listener are checked with; empty: none.
  [[nodiscard]] const std::string& password_file_for(const ListenerConfig& listener) const {
    return per_listener_settings ? listener.password_file : password_file;
  }

  /// Path of the file with the SCRAM keys of this listener's clients; empty: no SCRAM.
  [[nodiscard]] const std::string& scram_file_for(const ListenerConfig& listener) const {
    return per_listener_settings ? listener.scram_file : scram_file;
  }

  /// May a client of this listener send an empty client id (and be given one)?
  [[nodiscard]] bool zero_length_clientid_allowed(const ListenerConfig& listener) const {
    if (!per_listener_settings) return allow_zero_length_clientid;
    return listener.allow_zero_length_clientid.value_or(true);
  }

  /// Identities and keys of the clients of a listener with psk_hint.
  [[nodiscard]] const std::string& psk_file_for(const ListenerConfig& listener) const {
    return per_listener_settings ? listener.psk_file : psk_file;
  }

  /// The prefix of client ids that the broker makes for clients of this listener.
  [[nodiscard]] std::string auto_id_prefix_for(const ListenerConfig& listener) const {
    if (listener.listener_auto_id_prefix) return *listener.listener_auto_id_prefix;
    if (per_listener_settings) return listener.auto_id_prefix.value_or("auto-");
    return auto_id_prefix;
  }

  /// The file with the rights of this listener's clients; empty: everything is allowed.
  [[nodiscard]] const std::string& acl_file_for(const ListenerConfig& listener) const {
    return per_listener_settings ? listener.acl_file : acl_file;
  }

  /// Are subscriptions of this listener's clients refused of which they may read nothing?
  [[nodiscard]] bool acl_subscribe_check_for(const ListenerConfig& listener) const {
    if (!per_listener_settings) return acl_subscribe_check;
    return listener.acl_subscribe_check.value_or(false);
  }

  /// Mosquitto's database.
  [[nodiscard]] std::string database_path() const {
    if (persistence_location.empty()) return persistence_file;
    const bool has_slash = persistence_location.ends_with('/');
    return persistence_location + (has_slash ? "" : "/") + persistence_file;
  }

  /// The folder of the store: beside the place of Mosquitto's database, and called like it.
  [[nodiscard]] std::string store_path() const {
    std::string name = persistence_file;
    if (name.ends_with(".db")) name.resize(name.size() - 3);
    std::string folder = persistence_location.empty() ? "." : persistence_location;
    if (!folder.ends_with('/')) folder += '/';
    return folder + name + ".tombo";
  }

  /// The receive maximum to announce and the window of QoS 1 and 2 messages towards a client.
  [[nodiscard]] uint16_t receive_maximum() const {
    return max_inflight_messages == 0 ? uint16_t{65535} : max_inflight_messages;
  }

  [[nodiscard]] bool is_v2_0() const { return compatibility == Compatibility::v2_0; }

  bool operator==(const Config&) const = default;
};

/// A listener with nothing set. Mosquitto 2.0 does not hand out topic aliases.
[[nodiscard]] inline ListenerConfig default_listener(Compatibility compatibility, uint16_t port,
                                                     std::string host = {}) {
  ListenerConfig listener;
  listener.port = port;
  listener.host = std::move(host);
  if (compatibility == Compatibility::v2_0) listener.max_topic_alias_broker = 0;
  return listener;
}

/// The configuration of a broker with nothing set: local only, as `tombo` without a file runs.
[[nodiscard]] inline Config default_config(Compatibility compatibility) {
  Config config;
  config.compatibility = compatibility;
  if (compatibility == Compatibility::v2_0) {
    config.max_packet_size = 0;
    config.allow_duplicate_messages = false;
  }
  config.local_only = true;
  config.listeners = {default_listener(compatibility, kDefaultPort, "127.0.0.1"),
                      default_listener(compatibility, kDefaultPort, "::1")};
  return config;
}

}  // namespace tombo::config
