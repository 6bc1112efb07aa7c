#include "config/option_tables.h"
#include "config/setters.h"
#include "config/special_setters.h"

// Options for the whole broker.  Columns: name, scope, default, reload, since, status, behaviour,
// note for docs/MOSQUITTO.md, what to write instead (deprecated ones).
namespace tombo::config {
namespace {

constexpr Scope kGlobal = Scope::global;
constexpr Scope kSecurity = Scope::security;
constexpr Reload kYes = Reload::yes;
constexpr Reload kNo = Reload::no;
constexpr Since kAll = Since::all;
constexpr Since kNew = Since::v2_1;
constexpr Status kSupported = Status::supported;
constexpr Status kDiffers = Status::differs;
constexpr Status kNoEffect = Status::no_effect;

constexpr int64_t kReserveMost = int64_t{1} << 40;

bool same_log_dest(const Config& a, const Config& b) {
  return a.log.log_dest_stderr == b.log.log_dest_stderr &&
         a.log.log_dest_stdout == b.log.log_dest_stdout &&
         a.log.log_dest_syslog == b.log.log_dest_syslog &&
         a.log.log_dest_topic == b.log.log_dest_topic && a.log.log_dest_file == b.log.log_dest_file;
}

void copy_log_dest(const Config& from, Config& to) {
  to.log.log_dest_stderr = from.log.log_dest_stderr;
  to.log.log_dest_stdout = from.log.log_dest_stdout;
  to.log.log_dest_syslog = from.log.log_dest_syslog;
  to.log.log_dest_topic = from.log.log_dest_topic;
  to.log.log_dest_file = from.log.log_dest_file;
}

template <auto kGlobalField, auto kListenerField>
constexpr Behaviour security_boolean() {
  return {ValueType::boolean, &set_security_boolean<kGlobalField, kListenerField>,
          &same_global<kGlobalField>, &copy_global<kGlobalField>,
          &same_in_listener<kListenerField>};
}

template <auto kGlobalField, auto kListenerField>
constexpr Behaviour security_text() {
  return {ValueType::text, &replace_security_text<kGlobalField, kListenerField>,
          &same_global<kGlobalField>, &copy_global<kGlobalField>,
          &same_in_listener<kListenerField>};
}

// clang-format off
constexpr Option kOptions[] = {
  // Of tombo.
  {"compatibility", kGlobal, "2.1", kYes, Since::tombo, kSupported,
   behaviour<&Config::compatibility>(ValueType::words, &set_compatibility),
   "`2.0` or `2.1`: whose defaults, CONNACK, reason codes and log wording the broker shows. Also "
   "`--compatibility` and the environment variable TOMBO_COMPATIBILITY; the command line wins over "
   "the file, the file over the environment."},
  {"acl_subscribe_check", kSecurity, "false", kYes, Since::tombo, kSupported,
   security_boolean<&Config::acl_subscribe_check, &ListenerConfig::acl_subscribe_check>(),
   "Refuse a SUBSCRIBE (v5 0x87, 3.1.1 0x80) that acl_file leaves nothing to read of: no rule that "
   "grants reading has a topic in common with the filter, or one rule denies all that the filter "
   "matches. False, as in Mosquitto: it is granted, and messages that may not be read are left "
   "out, as they are in any case. Subscriptions that are there stay on reload."},
  {"explain", kGlobal, "true", kYes, Since::tombo, kSupported,
   boolean_option<&Config::explain>(),
   "Tell v5 clients as reason string why something was refused. Rules of acl_file only to those "
   "who logged in with a password or certificate, and not below a mount_point. The log says it in "
   "any case."},
  {"scram_file", kSecurity, "none", kYes, Since::tombo, kSupported,
   security_text<&Config::scram_file, &ListenerConfig::scram_file>(),
   "Users that log in by the Authentication Method SCRAM-SHA-256 of MQTT 5, which makes the "
   "method available. Read again on every SIGHUP; an invalid line is an error, and a reload then "
   "changes nothing. Links and warnings as with password_file. How to make one: "
   "docs/OPERATING.md."},
  {"threads", kGlobal, "0 = number of cores", kNo, Since::tombo, kSupported,
   integer_option<&Config::threads, 0, kThreadsMax>(),
   "0 to 63 threads that serve clients. Also `--threads`."},

  // Client ids, sessions and rights.
  {"acl_file", kSecurity, "none", kYes, kAll, kDiffers,
   {ValueType::text, &replace_security_text<&Config::acl_file, &ListenerConfig::acl_file>,
    &same_global<&Config::acl_file>, &copy_global<&Config::acl_file>,
    &same_in_listener<&ListenerConfig::acl_file>},
   "Read again on reload, at once for clients that are connected. A file with an error then "
   "changes nothing: the old rules stay. At most 64 MiB. `%c` and `%u` stand for whole levels."},
  {"allow_anonymous", kSecurity, "false; true in local-only mode", kYes, kAll, kDiffers,
   security_boolean<&Config::allow_anonymous, &ListenerConfig::allow_anonymous>(),
   "`allow_anonymous false` is obeyed in local-only mode too; Mosquitto lets anonymous clients in "
   "there."},
  {"allow_zero_length_clientid", kSecurity, "true", kYes, kAll, kSupported,
   security_boolean<&Config::allow_zero_length_clientid,
                    &ListenerConfig::allow_zero_length_clientid>()},
  {"auto_id_prefix", kSecurity, "auto-", kYes, kAll, kSupported,
   {ValueType::text, &set_auto_id_prefix, &same_global<&Config::auto_id_prefix>,
    &copy_global<&Config::auto_id_prefix>, &same_in_listener<&ListenerConfig::auto_id_prefix>},
   "At most 50 bytes.", "Please use 'listener_auto_id_prefix' instead."},
  {"clientid_prefixes", kGlobal, "none", kYes, kAll, kSupported,
   text_option<&Config::clientid_prefixes>(), "One prefix, as in Mosquitto.",
   "Please check client ids with access control instead."},
  {"global_max_clients", kGlobal, "-1 = no limit", kYes, kNew, kSupported,
   limit_option<&Config::global_max_clients, 0, -1>()},
  {"global_max_connections", kGlobal, "-1 = no limit", kYes, kNew, kSupported,
   limit_option<&Config::global_max_connections, 0, -1>()},
  {"max_keepalive", kGlobal, "0 = no limit", kYes, kAll, kSupported,
   integer_option<&Config::max_keepalive, 0, 65535>()},
  {"password_file", kSecurity, "none", kYes, kAll, kDiffers,
   security_text<&Config::password_file, &ListenerConfig::password_file>(),
   "Read again on every SIGHUP, for clients that connect afterwards. A line that is not "
   "`user:hash` is skipped with a warning in 2.0. In 2.1 it makes the file invalid: the broker "
   "does not start, and a reload changes nothing; Mosquitto 2.1 ends on a reload. 2.1 refuses a "
   "symbolic link unless MOSQUITTO_UNSAFE_ALLOW_SYMLINKS is in the environment. A warning when "
   "everybody can read or write it."},
  {"per_listener_settings", kGlobal, "false", kYes, kAll, kSupported,
   behaviour<&Config::per_listener_settings>(ValueType::boolean, &set_per_listener_settings),
   "Has to come before any option of scope security.",
   "Please use options of the listener such as 'listener_allow_anonymous' instead."},
  {"persistent_client_expiration", kGlobal, "never", kYes, kAll, kSupported,
   behaviour<&Config::persistent_client_expiration>(ValueType::words,
                                                    &set_persistent_client_expiration),
   "A number and one of s h d w m y; at most 100 years."},

  // Queues and windows.
  {"allow_duplicate_messages", kGlobal, "2.0: false; 2.1: true", kYes, kAll, kSupported,
   boolean_option<&Config::allow_duplicate_messages>(), "",
   "The behaviour will default to true."},
  {"max_inflight_bytes", kGlobal, "0 = no limit", kYes, kAll, kSupported,
   limit_option<&Config::max_inflight_bytes, 0, 0>()},
  {"max_inflight_messages", kGlobal, "20", kYes, kAll, kSupported,
   behaviour<&Config::max_inflight_messages>(ValueType::integer, &set_max_inflight_messages),
   "0 or 65535: no limit."},
  {"max_queued_bytes", kGlobal, "0 = no limit", kYes, kAll, kSupported,
   limit_option<&Config::max_queued_bytes, 0, 0>()},
  {"max_queued_messages", kGlobal, "1000", kYes, kAll, kSupported,
   limit_option<&Config::max_queued_messages, 0, 0>(), "0: no limit."},
  {"queue_qos0_messages", kGlobal, "false", kYes, kAll, kSupported,
   boolean_option<&Config::queue_qos0_messages>()},
  {"upgrade_outgoing_qos", kGlobal, "false", kYes, kAll, kSupported,
   boolean_option<&Config::upgrade_outgoing_qos>()},
  {"retry_interval", kGlobal, "none", kNo, kAll, kNoEffect,
   {ValueType::integer, &warn_unavailable}, "Ignored with a warning, as in Mosquitto."},

  // Sizes.
  {"max_packet_size", kGlobal, "2.0: limit of the protocol; 2.1: 2000000", kYes, kAll, kSupported,
   behaviour<&Config::max_packet_size>(ValueType::integer, &set_max_packet_size),
   "At least 20."},
  {"memory_limit", kGlobal, "0 = none", kYes, kAll, kSupported,
   integer_option<&Config::memory_limit, 0, std::numeric_limits<int64_t>::max()>()},
  {"packet_buffer_size", kGlobal, "4096", kNo, kNew, kDiffers,
   behaviour<&Config::packet_buffer_size>(ValueType::integer, &set_packet_buffer_size),
   "0 to 65535: bound of the HTTP request that opens a WebSocket, answered 431 beyond it; less "
   "than 1024 is raised to that. Reads of a broker need no buffer of a connection's own."},
  {"websockets_headers_size", kGlobal, "4096", kNo, kAll, kDiffers,
   {ValueType::integer, &set_packet_buffer_size}, "Another name of packet_buffer_size."},
  {"websockets_log_level", kGlobal, "0", kNo, kAll, kNoEffect,
   {ValueType::integer, &check_integer},
   "Accepted: it chooses messages of libwebsockets, which tombo does not use, nor does Mosquitto "
   "2.1 as a rule."},
  {"message_size_limit", kGlobal, "0 = none", kYes, kAll, kSupported,
   behaviour<&Config::message_size_limit>(ValueType::integer, &set_message_size_limit)},

  // Retained messages.
  {"check_retain_source", kGlobal, "false", kYes, kAll, kDiffers,
   boolean_option<&Config::check_retain_source>(),
   "A retained message is replayed while its publisher may write its topic. For messages published "
   "while the option is true; Mosquitto looks at older ones, too."},
  {"retain_available", kGlobal, "true", kYes, kAll, kSupported,
   boolean_option<&Config::retain_available>()},
  {"retain_expiry_interval", kGlobal, "off", kYes, kAll, kSupported,
   behaviour<&Config::retain_expiry_interval>(ValueType::integer, &set_retain_expiry_interval),
   "Minutes, at least 1; more than 10000000 counts as that."},

  // The log.
  {"connection_messages", kGlobal, "true", kYes, kAll, kSupported,
   boolean_option<&Config::connection_messages>()},
  {"log_dest", kGlobal, "stderr", kYes, kAll, kDiffers,
   {ValueType::words, &set_log_dest, &same_log_dest, &copy_log_dest},
   "none, stdout, stderr, syslog, topic and file. dlt and android are ignored with a warning; "
   "Mosquitto ignores them silently where they are not built in, and if nothing else is given logs "
   "nowhere, tombo to stderr."},
  {"log_facility", kGlobal, "daemon", kYes, kAll, kSupported,
   integer_option<&LogConfig::log_facility, 0, 7>(), "Syslog's local0 to local7."},
  {"log_timestamp", kGlobal, "true", kYes, kAll, kSupported,
   boolean_option<&LogConfig::log_timestamp>()},
  {"log_timestamp_format", kGlobal, "seconds since 1970", kYes, kAll, kSupported,
   text_option<&LogConfig::log_timestamp_format>()},
  {"log_type", kGlobal, "error warning notice information", kYes, kAll, kSupported,
   behaviour<&LogConfig::log_type>(ValueType::words, &set_log_type)},

  // The process.
  {"include_dir", kGlobal, "none", kYes, kAll, kSupported, {ValueType::text},
   "In the main file only; elsewhere it is skipped with a warning."},
  {"pid_file", kGlobal, "none", kNo, kAll, kSupported, text_option<&Config::pid_file>()},
  {"set_tcp_nodelay", kGlobal, "true", kYes, kAll, kDiffers,
   boolean_option<&Config::set_tcp_nodelay>(),
   "Mosquitto's default is false, with which a small message may wait 40 ms for the "
   "acknowledgement of the one before."},
  {"sys_interval", kGlobal, "10", kYes, kAll, kSupported,
   integer_option<&Config::sys_interval, 0, 65535>(), "0: no $SYS."},
  {"user", kGlobal, "mosquitto, else nobody", kNo, kAll, kDiffers,
   behaviour<&Config::user>(ValueType::text, &replace_text<&Config::user>),
   "Whom a broker becomes that root starts, after it has opened sockets and read keys, passwords "
   "and rights; Mosquitto 2 does that as the user. `root`: nobody else. The log file, the pid file "
   "and Unix sockets are the user's. In 2.1 the environment variables PUID and PGID win."},

  // What survives the process.
  {"autosave_interval", kGlobal, "1800", kYes, kAll, kNoEffect,
   {ValueType::integer, &check_integer}, "Accepted; nothing is ever unsaved."},
  {"autosave_on_changes", kGlobal, "false", kYes, kAll, kNoEffect,
   {ValueType::boolean, &check_boolean}, "Accepted; nothing is ever unsaved."},
  {"disk_reserve", kGlobal, "67108864", kNo, Since::tombo, kSupported,
   integer_option<&Config::disk_reserve, 0, kReserveMost>(),
   "Bytes of the disk that the store keeps for acknowledgements and deletions, and that must be "
   "free beside it to take more. 0: only a disk that is really full is noticed."},
  {"durability", kGlobal, "fsync", kNo, Since::tombo, kSupported,
   behaviour<&Config::durability>(ValueType::words, &set_durability),
   "fsync: a message is acknowledged once it is on the disk; os: once the kernel has it, which is "
   "synced every second; none: at once, and the kernel gets it every second."},
  {"mosquitto_export", kGlobal, "true", kYes, Since::tombo, kSupported,
   boolean_option<&Config::mosquitto_export>(),
   "At a clean end and on SIGUSR1 a mosquitto.db is written, so that going back works."},
  {"persistence", kGlobal, "false", kNo, kAll, kDiffers, boolean_option<&Config::persistence>(),
   "In a folder of its own, at once and not every autosave_interval. A mosquitto.db is taken over "
   "by the first start and written at a clean end."},
  {"retained_persistence", kGlobal, "false", kNo, kAll, kDiffers,
   {ValueType::boolean, boolean_option<&Config::persistence>().set},
   "Another name of persistence."},
  {"persistence_file", kGlobal, "mosquitto.db", kNo, kAll, kDiffers,
   text_option<&Config::persistence_file>(),
   "The file is read once and written for going back; what counts is the folder beside it, called "
   "so with .tombo in place of .db."},
  {"persistence_location", kGlobal, "current directory", kNo, kAll, kSupported,
   text_option<&Config::persistence_location>(),
   "Also the environment variable MOSQUITTO_PERSISTENCE_LOCATION, which goes first."},
};
// clang-format on

}  // namespace

std::span<const Option> general_options() {
  return kOptions;
}

}  // namespace tombo::config
