#include "tools/client_option_table.h"

#include <charconv>
#include <limits>
#include <optional>

#include <fmt/core.h>

#include "mqtt/topic.h"
#include "mqtt/utf8.h"
#include "tools/client_url.h"

namespace tombo::tools {
namespace {

using Options = ClientOptions;

constexpr uint8_t kPub = static_cast<uint8_t>(ClientTool::pub);
constexpr uint8_t kSub = static_cast<uint8_t>(ClientTool::sub);
constexpr uint8_t kRr = static_cast<uint8_t>(ClientTool::rr);
constexpr uint8_t kAsks = kPub | kRr;
constexpr uint8_t kPrints = kSub | kRr;
constexpr uint8_t kAll =
    kPub | static_cast<uint8_t>(ClientTool::sub) | static_cast<uint8_t>(ClientTool::rr);

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

client::TlsOptions& tls(Options& options) {
  if (!options.target.tls) options.target.tls.emplace();
  return *options.target.tls;
}

template <std::string client::TlsOptions::*kField>
std::string set_tls(Options& options, std::string_view value) {
  tls(options).*kField = value;
  return {};
}

template <bool client::TlsOptions::*kField>
std::string set_tls_flag(Options& options, std::string_view /*value*/) {
  tls(options).*kField = true;
  return {};
}

template <bool Options::*kField>
std::string set_flag(Options& options, std::string_view /*value*/) {
  options.*kField = true;
  return {};
}

std::string set_bind(Options& options, std::string_view value) {
  options.target.bind_address = value;
  return {};
}

std::string set_durable(Options& options, std::string_view /*value*/) {
  options.connect.clean_start = false;
  return {};
}

std::string set_source(Options& options, MessageSource source, std::string_view value) {
  if (options.source != MessageSource::none) {
    return "Only one type of message can be sent at once.";
  }
  options.source = source;
  options.payload = value;
  return {};
}

template <MessageSource kSource>
std::string set_source(Options& options, std::string_view value) {
  return set_source(options, kSource, value);
}

std::string set_host(Options& options, std::string_view value) {
  options.target.host = value;
  return {};
}

std::string set_id(Options& options, std::string_view value) {
  if (!options.id_prefix.empty()) {
    return "-i and -I argument cannot be used together.";
  }
  options.connect.client_id = value;
  return {};
}

std::string set_id_prefix(Options& options, std::string_view value) {
  if (!options.connect.client_id.empty()) {
    return "-i and -I argument cannot be used together.";
  }
  options.id_prefix = value;
  return {};
}

std::string set_keep_alive(Options& options, std::string_view value) {
  const auto seconds = number_of<uint16_t>(value);
  if (!seconds || *seconds < 5) {
    return fmt::format("Invalid keepalive given, it must be between 5 and 65535 inclusive: {}",
                       value);
  }
  options.connect.keep_alive_s = *seconds;
  return {};
}

std::string set_max_inflight(Options& options, std::string_view value) {
  const auto count = number_of<uint16_t>(value);
  if (!count || *count == 0) return fmt::format("Invalid maximum inflight given: {}", value);
  options.connect.max_inflight = *count;
  return {};
}

std::string set_port(Options& options, std::string_view value) {
  const auto port = number_of<uint16_t>(value);
  if (!port) return fmt::format("Invalid port given: {}", value);
  options.target.port = *port;
  options.has_port = true;
  return {};
}

std::string set_password(Options& options, std::string_view value) {
  options.connect.password = value;
  return {};
}

std::string set_user(Options& options, std::string_view value) {
  options.connect.user_name = value;
  return {};
}

std::optional<client::Qos> qos_of(std::string_view value) {
  const auto qos = number_of<uint8_t>(value);
  if (!qos || *qos > 2) return std::nullopt;
  return static_cast<client::Qos>(*qos);
}

std::string set_qos(Options& options, std::string_view value) {
  const auto qos = qos_of(value);
  if (!qos) return fmt::format("Invalid QoS given: {}", value);
  options.qos = *qos;
  return {};
}

std::string set_topic(Options& options, std::string_view value) {
  if (!mqtt::valid_topic_name(value) || !mqtt::valid_utf8(value)) {
    return fmt::format("Invalid publish topic '{}', does it contain '+' or '#'?", value);
  }
  options.topic = value;
  return {};
}

std::string set_response_topic(Options& options, std::string_view value) {
  if (!mqtt::valid_topic_name(value) || !mqtt::valid_utf8(value)) {
    return fmt::format("Invalid response topic '{}', does it contain '+' or '#'?", value);
  }
  options.response_topic = value;
  return {};
}

std::string set_latency(Options& options, std::string_view /*value*/) {
  options.tells_latency = true;
  options.target.no_delay = true;
  return {};
}

std::string set_version(Options& options, std::string_view value) {
  using client::Version;
  if (value == "mqttv31" || value == "31") {
    options.connect.version = Version::v3_1;
  } else if (value == "mqttv311" || value == "311") {
    options.connect.version = Version::v3_1_1;
  } else if (value == "mqttv5" || value == "5") {
    options.connect.version = Version::v5;
  } else {
    return fmt::format("Invalid protocol version argument given: {}", value);
  }
  return {};
}

std::string set_session_expiry(Options& options, std::string_view value) {
  const auto seconds = number_of<int64_t>(value);
  const bool never = value == "∞" || seconds == -1;
  if (!never && (!seconds || *seconds < 0 || *seconds > std::numeric_limits<uint32_t>::max())) {
    return fmt::format("session-expiry-interval out of range: {}", value);
  }
  options.session_expiry =
      never ? std::numeric_limits<uint32_t>::max() : static_cast<uint32_t>(*seconds);
  if (!options.is_v2_0) options.connect.version = client::Version::v5;
  return {};
}

client::Message& will(Options& options) {
  if (!options.connect.will) options.connect.will.emplace();
  return *options.connect.will;
}

std::string set_will_topic(Options& options, std::string_view value) {
  if (!mqtt::valid_topic_name(value) || !mqtt::valid_utf8(value)) {
    return fmt::format("Invalid will topic '{}', does it contain '+' or '#'?", value);
  }
  will(options).topic = value;
  return {};
}

std::string set_will_payload(Options& options, std::string_view value) {
  will(options).payload = value;
  return {};
}

std::string set_will_qos(Options& options, std::string_view value) {
  const auto qos = qos_of(value);
  if (!qos) return fmt::format("Invalid will QoS {}.", value);
  will(options).qos = *qos;
  return {};
}

std::string set_will_retain(Options& options, std::string_view /*value*/) {
  will(options).retain = true;
  return {};
}

std::string set_unix(Options& options, std::string_view value) {
  options.target.unix_path = value;
  return {};
}

std::string set_no_delay(Options& options, std::string_view /*value*/) {
  options.target.no_delay = true;
  return {};
}

std::string set_web(Options& options, std::string_view /*value*/) {
  options.target.web_socket = true;
  return {};
}

std::string set_insecure(Options& options, std::string_view /*value*/) {
  // 2.0 looks at the certificate all the same, but not at the name in it.
  (options.is_v2_0 ? tls(options).any_host_name : tls(options).any_certificate) = true;
  return {};
}

std::string set_tls_version(Options& options, std::string_view value) {
  const bool known =
      value == "tlsv1.3" || value == "tlsv1.2" || (options.is_v2_0 && value == "tlsv1.1");
  if (!known) return fmt::format("Invalid TLS version given: {}", value);
  tls(options).version = value;
  return {};
}

std::string set_key_form(Options& options, std::string_view value) {
  if (value != "pem" && value != "engine") {
    return "If keyform is set, it must be one of \"pem\" or \"engine\".";
  }
  tls(options).key_form = value;
  return {};
}

std::string set_repeat(Options& options, std::string_view value) {
  const auto count = number_of<uint32_t>(value);
  if (!count || *count == 0) return "--repeat argument must be >0.";
  options.repeat = *count;
  return {};
}

std::string set_repeat_delay(Options& options, std::string_view value) {
  const auto seconds = number_of<double>(value);
  if (!seconds || !(*seconds >= 0) || *seconds > 1e9) {
    return "--repeat-delay argument must be >=0.0.";
  }
  options.repeat_delay_s = *seconds;
  return {};
}

bool is_filter(std::string_view filter) {
  if (filter.size() > mqtt::kStringBytesMax || !mqtt::valid_utf8(filter)) return false;
  if (!mqtt::is_shared(filter)) return mqtt::valid_topic_filter(filter);
  const auto shared = mqtt::parse_shared(filter);
  return shared && mqtt::valid_topic_filter(shared->filter);
}

template <std::vector<std::string> Options::*kField>
std::string add_filter(Options& options, std::string_view value) {
  if (!is_filter(value)) {
    return fmt::format("Invalid subscription topic '{}', are all '+' and '#' wildcards correct?",
                       value);
  }
  (options.*kField).emplace_back(value);
  return {};
}

template <uint32_t Options::*kField>
std::string set_count(Options& options, std::string_view value) {
  const auto count = number_of<uint32_t>(value);
  if (!count || *count == 0)
    return fmt::format("Invalid value given, it must be 1 or more: {}", value);
  options.*kField = *count;
  return {};
}

std::string set_format(Options& options, std::string_view value) {
  Result<MessageFormat> format = MessageFormat::parse(value, options.is_v2_0);
  if (!format) return format.error().text;
  options.format = std::move(*format);
  return {};
}

std::string set_random(Options& options, std::string_view value) {
  const auto percent = number_of<double>(value);
  if (!percent || !(*percent >= 0.1 && *percent <= 100)) {
    return "--random-filter argument must be between 0.1 and 100.0.";
  }
  options.random_percent = *percent;
  return {};
}

std::string set_no_retained(Options& options, std::string_view /*value*/) {
  options.no_retained = true;
  return {};
}

std::string set_retain_handling(Options& options, std::string_view value) {
  using client::RetainHandling;
  if (value == "always") {
    options.retain_handling = RetainHandling::send;
  } else if (value == "new") {
    options.retain_handling = RetainHandling::send_if_new;
  } else if (value == "never") {
    options.retain_handling = RetainHandling::never;
  } else {
    return fmt::format("Unknown value '{}' for --retain-handling.", value);
  }
  return {};
}

std::string ask_help(Options& options, std::string_view /*value*/) {
  options.action = Options::Action::show_help;
  return {};
}

std::string ask_version(Options& options, std::string_view /*value*/) {
  options.action = Options::Action::show_version;
  return {};
}

using Tls = client::TlsOptions;

constexpr ClientOption kTable[] = {
    {"-t", "--topic", kAsks, "topic", &set_topic, "the topic to publish to"},
    {"-m", "--message", kAsks, "message", &set_source<MessageSource::argument>, "the message"},
    {"-f", "--file", kAsks, "file", &set_source<MessageSource::file>,
     "the content of a file is the message"},
    {"-s", "--stdin-file", kAsks, "", &set_source<MessageSource::stdin_whole>,
     "all of standard input is the message"},
    {"-l", "--stdin-line", kPub, "", &set_source<MessageSource::stdin_lines>,
     "each line of standard input is a message"},
    {"-n", "--null-message", kAsks, "", &set_source<MessageSource::null>, "an empty message"},
    {"-t", "--topic", kSub, "filter", &add_filter<&Options::filters>,
     "what to subscribe to; may be given more than once"},
    {"-e", "", kRr, "topic", &set_response_topic, "the topic of the answer"},
    {"--latency", "", kRr, "", &set_latency, "print how long the answer took"},
    {"-T", "--filter-out", kSub, "filter", &add_filter<&Options::hidden>,
     "hide what matches; may be given more than once"},
    {"-U", "--unsubscribe", kSub, "filter", &add_filter<&Options::unsubscribed>,
     "unsubscribe from this first; may be given more than once"},
    {"-C", "", kSub, "count", &set_count<&Options::count>, "leave after so many messages"},
    {"-W", "", kPrints, "seconds", &set_count<&Options::timeout_s>,
     "leave after this time, with status 27"},
    {"-E", "", kSub, "", &set_flag<&Options::exits_after_suback>,
     "leave when the subscriptions are acknowledged"},
    {"-v", "--verbose", kPrints, "", &set_flag<&Options::verbose>,
     "print the topic in front of the message"},
    {"-F", "", kPrints, "format", &set_format, "how to print messages"},
    {"--pretty", "", kPrints, "", &set_flag<&Options::pretty>, "JSON with line breaks"},
    {"-N", "", kPrints, "", &set_flag<&Options::no_end_of_line>, "no end of line behind a message"},
    {"-R", "", kPrints, "", &set_no_retained, "no messages that were retained"},
    {"--retained-only", "", kSub, "", &set_flag<&Options::retained_only>,
     "those alone; leave at the first other one"},
    {"--remove-retained", "", kSub, "", &set_flag<&Options::remove_retained>,
     "have the broker forget each retained message that comes"},
    {"--retain-as-published", "", kPrints, "", &set_flag<&Options::retain_as_published>,
     "MQTT 5: the retain flag as the publisher set it"},
    {"--retain-handling", "", kPrints, "when", &set_retain_handling,
     "MQTT 5: retained messages always, new (for a new subscription) or never"},
    {"--random-filter", "", kSub, "percent", &set_random,
     "print so much of the messages, 0.1 to 100"},
    {"-w", "--watch", kSub, "", &set_flag<&Options::watches>,
     "one line of the terminal for each topic"},
    {"--message-rate", "", kSub, "", &set_flag<&Options::tells_rate>,
     "print how many messages come in each second"},
    {"-q", "--qos", kAll, "0|1|2", &set_qos, "quality of service (0)"},
    {"-r", "--retain", kPub, "", &set_flag<&Options::retain>,
     "the broker keeps the message for the topic"},
    {"--repeat", "", kPub, "count", &set_repeat, "publish so many times; with -f, -m, -n and -s"},
    {"--repeat-delay", "", kPub, "seconds", &set_repeat_delay, "the time between two times (0)"},

    {"-h", "--host", kAll, "host", &set_host, "the broker (localhost)"},
    {"-p", "--port", kAll, "port", &set_port, "its port (1883, with TLS 8883; 8883 means TLS)"},
    {"-L", "--url", kAll, "url", &apply_url,
     "mqtt(s)://[user[:password]@]host[:port]/topic, also ws and wss"},
    {"--unix", "", kAll, "path", &set_unix, "the broker's Unix socket in place of host and port"},
    {"--ws", "", kAll, "", &set_web, "by WebSocket"},
    {"-A", "", kAll, "address", &set_bind, "the address of this machine to come from"},
    {"--nodelay", "", kAll, "", &set_no_delay,
     "small packets go at once (TCP_NODELAY): always so here"},
    {"--proxy", "", kAll, "url", &apply_proxy,
     "by a proxy: socks5h://[user[:password]@]host[:port]"},

    {"-V", "--protocol-version", kAll, "version", &set_version,
     "mqttv5, mqttv311 or mqttv31 (mqttv311; tombo_rr: mqttv5)"},
    {"-i", "--id", kAll, "id", &set_id, "the client id"},
    {"-I", "--id-prefix", kAll, "prefix", &set_id_prefix,
     "the client id is this and the process id"},
    {"-u", "--username", kAll, "user", &set_user, "user name"},
    {"-P", "--pw", kAll, "password", &set_password, "password"},
    {"-c", "--disable-clean-session", kAll, "", &set_durable,
     "the session outlives the connection; needs -i"},
    {"-x", "", kAll, "seconds", &set_session_expiry,
     "and for how long: 0 to 4294967294, or -1 or ∞ for ever"},
    {"-k", "--keepalive", kAll, "seconds", &set_keep_alive, "the longest silence, 5 to 65535 (60)"},
    {"-M", "", kAll, "count", &set_max_inflight,
     "messages of QoS 1 and 2 under way at a time (20)"},
    {"--will-topic", "", kAll, "topic", &set_will_topic,
     "where the broker publishes if the connection is lost"},
    {"--will-payload", "", kAll, "message", &set_will_payload, "and what"},
    {"--will-qos", "", kAll, "0|1|2", &set_will_qos, "and how"},
    {"--will-retain", "", kAll, "", &set_will_retain, "and that it keeps it"},

    {"--cafile", "", kAll, "file", &set_tls<&Tls::ca_file>,
     "TLS: certificates of the authorities to trust"},
    {"--capath", "", kAll, "folder", &set_tls<&Tls::ca_folder>, "a folder of such files"},
    {"--tls-use-os-certs", "", kAll, "", &set_tls_flag<&Tls::system_cas>,
     "trust what this system trusts"},
    {"--cert", "", kAll, "file", &set_tls<&Tls::certificate_file>,
     "the certificate of this client"},
    {"--key", "", kAll, "file", &set_tls<&Tls::key_file>, "and its key"},
    {"--keyform", "", kAll, "pem|engine", &set_key_form, "what --key is (pem)"},
    {"--tls-engine", "", kAll, "engine", &set_tls<&Tls::engine>, "an engine of OpenSSL"},
    {"--tls-engine-kpass-sha1", "", kAll, "hash", &set_tls<&Tls::engine_password_sha1>,
     "SHA-1 of the key's password"},
    {"--tls-version", "", kAll, "version", &set_tls_version, "tlsv1.3 or tlsv1.2"},
    {"--ciphers", "", kAll, "list", &set_tls<&Tls::ciphers>,
     "the ciphers to offer, as OpenSSL lists them"},
    {"--tls-alpn", "", kAll, "protocol", &set_tls<&Tls::alpn>, "what to ask for by ALPN"},
    {"--insecure", "", kAll, "", &set_insecure,
     "do not check whom the certificate is of: anybody can be the broker"},
    {"--psk", "", kAll, "key", &set_tls<&Tls::psk>,
     "a shared key, hexadecimal, in place of certificates"},
    {"--psk-identity", "", kAll, "name", &set_tls<&Tls::psk_identity>, "and its name"},
    {"--tls-keylog", "", kAll, "file", &set_tls<&Tls::key_log>,
     "write the secrets of the connection there"},
    {"--no-tls", "", kAll, "", &set_flag<&Options::no_tls>, "no TLS, whatever was said before"},

    {"-d", "--debug", kAll, "", &set_flag<&Options::debug>, "print the packets that come and go"},
    {"--quiet", "", kAll, "", &set_flag<&Options::quiet>, "print no errors"},
    {"--help", "", kAll, "", &ask_help, "this text"},
    {"--version", "", kAll, "", &ask_version, "the version"},
};

}  // namespace

std::span<const ClientOption> client_option_table() {
  return kTable;
}

}  // namespace tombo::tools
