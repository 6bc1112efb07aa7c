#include "config/option_tables.h"
#include "config/setters.h"
#include "config/special_setters.h"
#include "config/tls_setters.h"

// Options of listeners.  Columns as in general_options.cc.
namespace tombo::config {
namespace {

constexpr Scope kGlobal = Scope::global;
constexpr Scope kListener = Scope::listener;
constexpr Scope kDefault = Scope::default_listener;
constexpr Reload kYes = Reload::yes;
constexpr Since kAll = Since::all;
constexpr Since kNew = Since::v2_1;
constexpr Status kSupported = Status::supported;
constexpr Status kDiffers = Status::differs;

constexpr std::string_view kNewClients = "On reload for clients that connect afterwards.";
constexpr std::string_view kReadAgain =
    "Read again on reload, for clients that connect afterwards; a file that is not right leaves "
    "everything as it was.";

/// For scope security: the global field, or with per_listener_settings that of the listener. The
/// last value wins.
template <auto kGlobalField, auto kListenerField>
Result<void> replace_security_text(Draft& draft, std::string_view option, std::string_view rest) {
  return draft.config.per_listener_settings ? replace_text<kListenerField>(draft, option, rest)
                                            : replace_text<kGlobalField>(draft, option, rest);
}

template <auto kGlobalField, auto kListenerField>
constexpr Behaviour security_text() {
  return {ValueType::text, &replace_security_text<kGlobalField, kListenerField>,
          &same_global<kGlobalField>, &copy_global<kGlobalField>,
          &same_in_listener<kListenerField>};
}

// clang-format off
constexpr Option kOptions[] = {
  {"listener", kGlobal, "none: local-only mode", kYes, kAll, kDiffers,
   {ValueType::words, &set_listener},
   "Port 0 with a path: a Unix socket, open to owner and group (0770) as in Mosquitto. A socket "
   "left behind there is replaced; one in use or another kind of file is an error, Mosquitto "
   "removes it. Two equal listeners are an error. A listener that a reload finds new is opened, "
   "one that is gone is closed while its clients stay connected; Mosquitto refuses the reload. One "
   "with another port, address, protocol, with TLS or without, is another listener. At most 1000."},
  {"port", kGlobal, "1883", kYes, kAll, kDiffers, {ValueType::integer, &set_port},
   "Port of the default listener. Another one on reload opens that and closes the old one, see "
   "listener.", "Please use 'listener' instead."},
  {"bind_address", kGlobal, "all addresses", kYes, kAll, kDiffers,
   {ValueType::text, &set_bind_address},
   "Address of the default listener. A name that does not resolve is found when the listener is "
   "opened. On reload as port.", "Please use 'listener' instead."},
  {"bind_interface", kDefault, "none", kYes, kAll, kSupported,
   text_option<&ListenerConfig::bind_interface>(),
   "The first IPv4 and the first IPv6 address of the device, as Mosquitto does without privileges; "
   "with an address at `listener`, that one, which must be the device's. On reload as port."},
  {"socket_domain", kDefault, "both", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::socket_domain>(ValueType::words, &set_socket_domain),
   "ipv4 or ipv6. On reload as port."},
  {"protocol", kDefault, "mqtt", kYes, kAll, kDiffers,
   behaviour<&ListenerConfig::protocol>(ValueType::words, &set_protocol),
   "mqtt or websockets; http_api is not supported yet. A websockets listener serves no files. On "
   "reload as port."},
  {"websockets_origin", kListener, "any", kYes, kNew, kSupported,
   behaviour<&ListenerConfig::websockets_origin>(ValueType::text, &set_websockets_origin),
   "Exact; may be repeated, 1,000 times. Others are answered 403. A client that sends no Origin, "
   "which browsers always do, is let in. On reload for clients that connect afterwards."},
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

  // Behind a proxy.
  {"enable_proxy_protocol", kListener, "off", kYes, kNew, kDiffers,
   integer_option<&ListenerConfig::enable_proxy_protocol, 1, 2>(),
   "1 or 2: the version of the PROXY header that every connection begins with; one of the other "
   "version is refused. The client's address in the log is the one in it. With 2 the proxy does "
   "the TLS: certfile, keyfile, psk_hint and use_subject_as_username are an error; "
   "require_certificate and use_identity_as_username go by the certificate that the proxy has "
   "verified. On reload for clients that connect afterwards."},
  {"proxy_protocol_v2_require_tls", kListener, "false", kYes, kNew, kDiffers,
   boolean_option<&ListenerConfig::proxy_protocol_v2_require_tls>(),
   "On reload for clients that connect afterwards. Without `enable_proxy_protocol 2` it is an "
   "error."},

  // TLS.
  {"certfile", kDefault, "none: no TLS", kYes, kAll, kDiffers,
   last_text_option<&ListenerConfig::certfile>(),
   "Read again on reload, for clients that connect afterwards; a file that is not right leaves "
   "everything as it was. Without keyfile it is an error, in Mosquitto the listener is then open "
   "without TLS; so are the other TLS options without certfile."},
  {"keyfile", kDefault, "none", kYes, kAll, kDiffers,
   last_text_option<&ListenerConfig::keyfile>(),
   "As certfile. The passphrase of an encrypted key is asked for at the terminal, once, and kept "
   "in memory for reloads; without a terminal it is an error. Mosquitto forgets it, and asks in "
   "vain on a reload. A symbolic link is followed, for Let's Encrypt makes one; Mosquitto 2.1 "
   "refuses it. A warning when everybody can read or write it."},
  {"cafile", kListener, "none", kYes, kAll, kSupported,
   last_text_option<&ListenerConfig::cafile>(), kReadAgain},
  {"capath", kDefault, "none", kYes, kAll, kDiffers,
   last_text_option<&ListenerConfig::capath>(),
   "Read as a whole at start and on reload; Mosquitto looks into it for each client. A folder "
   "without hashed names (`openssl rehash`) is an error."},
  {"crlfile", kDefault, "none", kYes, kAll, kSupported,
   last_text_option<&ListenerConfig::crlfile>(), kReadAgain},
  {"ciphers", kDefault, "those of OpenSSL", kYes, kAll, kSupported,
   last_text_option<&ListenerConfig::ciphers>(), kNewClients},
  {"ciphers_tls1.3", kDefault, "those of OpenSSL", kYes, kAll, kSupported,
   text_option<&ListenerConfig::ciphers_tls13>(), kNewClients},
  {"dhparamfile", kListener, "those of OpenSSL", kYes, kAll, kDiffers,
   text_option<&ListenerConfig::dhparamfile>(), "Mosquitto 2.1 ignores it."},
  {"tls_version", kListener, "tlsv1.2", kYes, kAll, kDiffers,
   behaviour<&ListenerConfig::tls_version>(ValueType::words, &set_tls_version),
   "The oldest version: tlsv1.2 or tlsv1.3; tlsv1.1 is an error."},
  {"ocsp_file", kListener, "none", kYes, Since::tombo, kSupported,
   last_text_option<&ListenerConfig::ocsp_file>(),
   "OCSP stapling: the path of a response of the authority in DER (`openssl ocsp -respout`) about "
   "the certificate in certfile, which is sent to clients that ask for it. Read again on reload. "
   "One for another certificate is an error; one that has expired or says revoked is not sent, "
   "which a warning says. At most 16 KiB."},
  {"tls_engine", kDefault, "none", kYes, kAll, kSupported,
   text_option<&ListenerConfig::tls_engine>(),
   "An engine of OpenSSL. It becomes the default of the process, as in Mosquitto. "
   "On reload for clients that connect afterwards."},
  {"tls_engine_kpass_sha1", kDefault, "none", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::tls_engine_kpass_sha1>(ValueType::text, &set_tls_engine_kpass_sha1),
   "40 digits of hexadecimal."},
  {"tls_keyform", kDefault, "pem", kYes, kAll, kSupported,
   behaviour<&ListenerConfig::tls_keyform>(ValueType::words, &set_tls_keyform),
   "pem; or engine: keyfile is what tls_engine calls the key."},
  {"psk_hint", kDefault, "none", kYes, kAll, kDiffers,
   text_option<&ListenerConfig::psk_hint>(),
   "TLS 1.2 with keys that clients share with the broker. Without psk_file it is an error: nobody "
   "could connect."},
  {"psk_file", Scope::security, "none", kYes, kAll, kDiffers,
   security_text<&Config::psk_file, &ListenerConfig::psk_file>(),
   "For listeners with psk_hint: lines `identity:hexkey`, read again on reload. A line that is not "
   "so is an error, and so is a file that is not there, even if no listener has psk_hint. Links "
   "and warnings as with password_file."},
  {"require_certificate", kDefault, "false", kYes, kAll, kDiffers,
   boolean_option<&ListenerConfig::require_certificate>(),
   "On reload for clients that connect afterwards. Without cafile or capath it is an error: "
   "nobody could connect."},
  {"use_identity_as_username", kDefault, "false", kYes, kAll, kSupported,
   boolean_option<&ListenerConfig::use_identity_as_username>(), kNewClients},
  {"use_subject_as_username", kDefault, "false", kYes, kAll, kSupported,
   boolean_option<&ListenerConfig::use_subject_as_username>(), kNewClients},
  {"disable_client_cert_date_checks", kListener, "false", kYes, kNew, kSupported,
   boolean_option<&ListenerConfig::disable_client_cert_date_checks>(), kNewClients},
};
// clang-format on

}  // namespace

std::span<const Option> listener_options() {
  return kOptions;
}

}  // namespace tombo::config
