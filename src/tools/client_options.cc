#include "tools/client_options.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "tools/client_option_table.h"
#include "tools/client_properties.h"

namespace tombo::tools {
namespace {

constexpr uint16_t kTlsPort = 8883;
/// Of a line of an option file.
constexpr size_t kLineMax = 1023;

using Arguments = std::span<const std::string_view>;

bool is_property(std::string_view name) {
  return name == "-D" || name == "--property";
}

const ClientOption* find_option(ClientTool tool, std::string_view name) {
  for (const ClientOption& option : client_option_table()) {
    const bool named = option.name == name || (!option.synonym.empty() && option.synonym == name);
    if (named && (option.tools & static_cast<uint8_t>(tool)) != 0) return &option;
  }
  return nullptr;
}

/// Takes one option off the front. Gives what is wrong; empty: nothing.
std::string take_option(ClientOptions& options, Arguments& arguments) {
  const std::string_view name = arguments.front();
  arguments = arguments.subspan(1);
  if (is_property(name)) return apply_property(options, arguments);
  const ClientOption* option = find_option(options.tool, name);
  if (option == nullptr) return fmt::format("Unknown option '{}'.", name);
  if (option->values.empty()) return option->set(options, {});
  if (arguments.empty()) {
    return fmt::format("{} argument given but no {} specified.", name, option->values);
  }
  const std::string_view value = arguments.front();
  arguments = arguments.subspan(1);
  return option->set(options, value);
}

std::string take_all(ClientOptions& options, Arguments arguments) {
  while (!arguments.empty() && options.action == ClientOptions::Action::run) {
    if (std::string wrong = take_option(options, arguments); !wrong.empty()) return wrong;
  }
  return {};
}

/// The option file of a tool: where the user keeps what is always the same.
std::string default_file(ClientTool tool) {
  const char* folder = std::getenv("XDG_CONFIG_HOME");
  if (folder != nullptr) return fmt::format("{}/{}", folder, name_of(tool));
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : fmt::format("{}/.config/{}", home, name_of(tool));
}

/// Words of a line: `-option value`, where the value is the rest.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  const size_t blank = line.find(' ');
  words.push_back(line.substr(0, blank));
  if (blank == std::string_view::npos) return words;
  std::string_view rest = line.substr(line.find_first_not_of(' ', blank));
  if (!is_property(words.front())) {
    words.push_back(rest);
    return words;
  }
  // COMMAND, name and the rest, or with a name of its own in between.
  for (int i = 0; i < 2 && rest.find(' ') != std::string_view::npos; ++i) {
    words.push_back(rest.substr(0, rest.find(' ')));
    rest = rest.substr(rest.find(' ') + 1);
  }
  if (words.back() == "user-property" && rest.find(' ') != std::string_view::npos) {
    words.push_back(rest.substr(0, rest.find(' ')));
    rest = rest.substr(rest.find(' ') + 1);
  }
  words.push_back(rest);
  return words;
}

/// `must_be`: the user has named it.
std::string read_file(ClientOptions& options, const std::string& path, bool must_be) {
  std::ifstream file(path);
  if (!file) return must_be ? fmt::format("Unable to open the option file {}.", path) : "";
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (line.size() > kLineMax) return fmt::format("{}:{}: the line is too long.", path, number);
    const std::vector<std::string_view> words = words_of(line);
    if (std::string wrong = take_all(options, words); !wrong.empty()) {
      return fmt::format("{}:{}: {}", path, number, wrong);
    }
  }
  return {};
}

std::string check_tls(ClientOptions& options) {
  client::Target& target = options.target;
  const bool by_port = options.has_port && target.port == kTlsPort && target.unix_path.empty();
  if (options.no_tls) target.tls.reset();
  if (!options.no_tls && by_port && !target.tls) target.tls.emplace().system_cas = true;
  if (!target.tls) return {};
  const client::TlsOptions& tls = *target.tls;
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return "Both certfile and keyfile must be provided if one of them is set.";
  }
  if (!tls.key_form.empty() && tls.key_file.empty()) {
    return "If keyform is set, keyfile must be also specified.";
  }
  const bool has_ca = !tls.ca_file.empty() || !tls.ca_folder.empty();
  if (has_ca && !tls.psk.empty())
    return "Only one of --psk or --cafile/--capath may be used at once.";
  if (tls.psk.empty() != tls.psk_identity.empty()) {
    return "Both --psk and --psk-identity must be given if one of them is.";
  }
  const bool trusts = has_ca || !tls.psk.empty() || tls.system_cas || tls.any_certificate;
  if (!trusts) {
    return "TLS options were given, but none of --cafile, --capath, --tls-use-os-certs and --psk.";
  }
  if (!options.has_port) target.port = kTlsPort;
  return {};
}

std::string check_session(ClientOptions& options) {
  client::Options& connect = options.connect;
  const bool forever = options.session_expiry == std::numeric_limits<uint32_t>::max();
  const bool named = !connect.client_id.empty() || !options.id_prefix.empty();
  if (!connect.clean_start && !named)
    return "You must provide a client id if you are using the -c option.";
  if (forever && !named) {
    return "You must provide a client id if you are using an infinite session expiry interval.";
  }
  if (connect.version != client::Version::v5) return {};
  const bool given =
      connect.properties.number(client::PropertyId::session_expiry_interval).has_value();
  if (!options.session_expiry && !connect.clean_start && !given) {
    options.session_expiry = std::numeric_limits<uint32_t>::max();
  }
  if (options.session_expiry) {
    connect.properties.add(client::PropertyId::session_expiry_interval, *options.session_expiry);
  }
  return {};
}

/// v3 has no password without a user name.
void check_login(ClientOptions& options) {
  client::Options& connect = options.connect;
  if (!connect.password || connect.user_name || connect.version == client::Version::v5) return;
  connect.password.reset();
  options.warnings.emplace_back("Not using password since username not set.");
}

std::string check_will(const ClientOptions& options) {
  if (!options.connect.will || !options.connect.will->topic.empty()) return {};
  if (!options.connect.will->payload.empty()) return "Will payload given, but no will topic given.";
  if (options.connect.will->retain) return "Will retain given, but no will topic given.";
  return "Will options given, but no will topic given.";
}

std::string check_message(const ClientOptions& options) {
  const bool has_alias =
      options.properties.publish.number(client::PropertyId::topic_alias).has_value();
  if (options.source == MessageSource::none || (options.topic.empty() && !has_alias)) {
    return "Both topic and message must be supplied.";
  }
  return {};
}

std::string check_request(const ClientOptions& options) {
  if (options.response_topic.empty()) return "You must specify a response topic (-e <topic>).";
  return check_message(options);
}

std::string check_subscriptions(const ClientOptions& options) {
  const bool unsubscribes = !options.unsubscribed.empty() && !options.is_v2_0;
  if (options.filters.empty() && !unsubscribes) {
    return "You must specify a topic to subscribe to (-t <topic>).";
  }
  if (options.retained_only && options.no_retained) {
    return "The -R and --retained-only arguments can't be used together.";
  }
  return {};
}

/// A client id as libmosquitto makes it: v5 leaves it to the broker.
void complete_id(ClientOptions& options) {
  client::Options& connect = options.connect;
  if (!options.id_prefix.empty())
    connect.client_id = options.id_prefix + std::to_string(::getpid());
  if (!connect.client_id.empty() || connect.version == client::Version::v5) return;
  constexpr std::string_view kDigits =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  connect.client_id = "mosq-";
  uint64_t seed = static_cast<uint64_t>(client::Clock::now().time_since_epoch().count()) ^
                  static_cast<uint64_t>(::getpid()) << 40;
  for (int i = 0; i < 18; ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    connect.client_id += kDigits[(seed >> 33) % kDigits.size()];
  }
}

}  // namespace

std::string_view name_of(ClientTool tool) {
  switch (tool) {
    case ClientTool::pub:
      return "mosquitto_pub";
    case ClientTool::sub:
      return "mosquitto_sub";
    case ClientTool::rr:
      return "mosquitto_rr";
  }
  return "";
}

Result<ClientOptions> parse_client_options(ClientTool tool, std::span<const char* const> arguments,
                                           bool is_v2_0) {
  std::vector<std::string_view> words(arguments.begin(), arguments.end());
  // It is read before all others, so that they win.
  std::string file = default_file(tool);
  bool named = false;
  const auto at = std::ranges::find(words, std::string_view("-o"));
  if (at != words.end() && !is_v2_0) {
    if (at + 1 == words.end()) return Error{"-o argument given but no file specified."};
    file = *(at + 1);
    named = true;
    words.erase(at, at + 2);
  }
  ClientOptions options;
  options.tool = tool;
  options.is_v2_0 = is_v2_0;
  if (tool == ClientTool::rr) options.connect.version = client::Version::v5;
  std::string wrong = read_file(options, file, named);
  if (wrong.empty()) wrong = take_all(options, words);
  if (!wrong.empty()) return Error{wrong};
  if (options.action != ClientOptions::Action::run) return options;
  for (const auto check : {&check_tls, &check_session}) {
    if (wrong = check(options); !wrong.empty()) return Error{wrong};
  }
  const auto check_tool = tool == ClientTool::pub   ? &check_message
                          : tool == ClientTool::sub ? &check_subscriptions
                                                    : &check_request;
  for (const auto check : {&check_will, check_tool}) {
    if (wrong = check(options); !wrong.empty()) return Error{wrong};
  }
  if (options.format) options.format->set_pretty(options.pretty);
  check_login(options);
  complete_id(options);
  options.connect.trace = options.debug;
  // What goes over the wire is what Mosquitto's tools send.
  options.connect.topic_aliases = false;
  return options;
}

std::string client_usage(ClientTool tool) {
  std::string text;
  for (const ClientOption& option : client_option_table()) {
    if ((option.tools & static_cast<uint8_t>(tool)) == 0) continue;
    std::string names(option.name);
    if (!option.synonym.empty()) names += fmt::format(", {}", option.synonym);
    if (!option.values.empty()) names += fmt::format(" {}", option.values);
    text += fmt::format("  {:<34} {}\n", names, option.help);
    if (option.name == "-x") {
      text += fmt::format("  {:<34} {}\n", "-D, --property packet name value",
                          "an MQTT 5 property of connect, publish, subscribe, unsubscribe,");
      text += fmt::format("  {:<34} {}\n", "",
                          "disconnect or will; user-property takes name and value");
    }
  }
  return text;
}

}  // namespace tombo::tools
