#include "config/option_tables.h"
#include "config/setters.h"
#include "config/special_setters.h"

// Options of listeners.  Columns as in general_options.cc.
namespace tombo::config {
namespace {

constexpr Scope kGlobal = Scope::global;
constexpr Scope kListener = Scope::listener;
constexpr Scope kDefault = Scope::default_listener;
constexpr Reload kYes = Reload::yes;
constexpr Reload kNo = Reload::no;
constexpr Since kAll = Since::all;
constexpr Since kNew = Since::v2_1;
constexpr Status kSupported = Status::supported;
constexpr Status kDiffers = Status::differs;

constexpr std::string_view kNewClients = "On reload for clients that connect afterwards.";

// clang-format off
constexpr Option kOptions[] = {
  {"listener", kGlobal, "none: local-only mode", kNo, kAll, kDiffers,
   {ValueType::words, &set_listener},
   "TCP only; port 0 with the path of a Unix socket is not supported yet. Two equal listeners are "
   "an error. A listener added or removed in the file needs a restart; Mosquitto refuses the "
   "reload."},
  {"port", kGlobal, "1883", kNo, kAll, kSupported, {ValueType::integer, &set_port},
   "Port of the default listener.", "Please use 'listener' instead."},
  {"bind_address", kGlobal, "all addresses", kNo, kAll, kDiffers,
   {ValueType::text, &set_bind_address},
   "Address of the default listener. A name that does not resolve is found when the listener is "
   "opened.", "Please use 'listener' instead."},
  {"bind_interface", kDefault, "none", kNo, kAll, kSupported,
   text_option<&ListenerConfig::bind_interface>()},
  {"socket_domain", kDefault, "both", kNo, kAll, kSupported,
   behaviour<&ListenerConfig::socket_domain>(ValueType::words, &set_socket_domain),
   "ipv4 or ipv6."},
  {"protocol", kDefault, "mqtt", kNo, kAll, kDiffers,
   behaviour<&ListenerConfig::protocol>(ValueType::words, &set_protocol),
   "mqtt; websockets and http_api are not supported yet."},
  {"accept_protocol_versions", kListener, "3,4,5", kYes, kNew, kSupported,
   behaviour<&ListenerConfig::accept_protocol_versions>(ValueType::words,
                                                        &set_accept_protocol_versions),
   kNewClients},
  {"listener_allow_anonymous", kListener, "that of allow_anonymous", kYes, kNew, kSupported,
   boolean_option<&ListenerConfig::listener_allow_anonymous>(), kNewClients},
  {"listener_auto_id_prefix", kListener, "that of auto_id_prefix", kYes, kNew, kSupported,
   behaviour<&ListenerConfig::listener_auto_id_prefix>(ValueType::text,
                                                       &set_listener_auto_id_prefix),
   "At most 50 bytes."},
  {"max_connections", kDefault, "-1 = no limit", kYes, kAll, kSupported,
   limit_option<&ListenerConfig::max_connections, 1, -1>(), kNewClients},
  {"max_qos", kDefault, "2", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::max_qos>(ValueType::integer, &set_max_qos), kNewClients},
  {"maximum_qos", kDefault, "2", kYes, kAll, kSupported, {ValueType::integer, &set_max_qos},
   "Another name of max_qos."},
  {"max_topic_alias", kListener, "10", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::max_topic_alias>(ValueType::integer, &set_max_topic_alias),
   kNewClients},
  {"max_topic_alias_broker", kListener, "2.0: 0; 2.1: 10", kYes, kNew, kSupported,
   behaviour<&ListenerConfig::max_topic_alias_broker>(ValueType::integer,
                                                      &set_max_topic_alias_broker),
   kNewClients},
  {"mount_point", kListener, "none", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::mount_point>(ValueType::text, &set_mount_point), kNewClients},
  {"use_username_as_clientid", kDefault, "false", kYes, kAll, kSupported,
   boolean_option<&ListenerConfig::use_username_as_clientid>(), kNewClients},
};
// clang-format on

}  // namespace

std::span<const Option> listener_options() {
  return kOptions;
}

}  // namespace tombo::config
