#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/stream.h"
#include "tombo/machine.h"
#include "tools/message_format.h"

namespace tombo::tools {

/// The clients of the command line; a bit each.
enum class ClientTool : uint8_t { pub = 1, sub = 2, rr = 4 };

/// What the message of tombo_pub is made of.
enum class MessageSource : uint8_t {
  none,
  argument,     ///< `-m`
  file,         ///< `-f`
  null,         ///< `-n`
  stdin_whole,  ///< `-s`
  stdin_lines,  ///< `-l`
};

/// Properties that `-D` gives for a packet of its own.
struct PacketProperties {
  client::Properties publish;
  client::Properties subscribe;
  client::Properties unsubscribe;
  client::Properties disconnect;
};

/// What a command line of tombo_pub, tombo_sub or tombo_rr asks for.
struct ClientOptions {
  enum class Action : uint8_t { run, show_help, show_version };

  ClientTool tool{};
  Action action = Action::run;
  bool debug = false;
  bool quiet = false;
  bool is_v2_0 = false;  ///< behaves as the tools of Mosquitto 2.0

  std::vector<std::string> warnings{};  ///< for the user, whatever comes of it
  client::Options connect;
  client::Target target;
  bool has_port = false;
  std::string id_prefix{};
  std::optional<uint32_t> session_expiry{};
  bool no_tls = false;
  bool finds_service = false;  ///< `-S`
  PacketProperties properties;

  // tombo_sub
  std::vector<std::string> filters{};
  std::vector<std::string> unsubscribed{};
  std::vector<std::string> hidden{};  ///< `-T`
  std::optional<MessageFormat> format{};
  bool pretty = false;
  bool verbose = false;
  bool no_end_of_line = false;
  bool no_retained = false;  ///< `-R`
  bool retained_only = false;
  bool remove_retained = false;
  bool exits_after_suback = false;
  bool watches = false;
  bool tells_rate = false;
  uint32_t count = 0;      ///< 0: no end
  uint32_t timeout_s = 0;  ///< 0: none
  double random_percent = 100;
  bool retain_as_published = false;
  client::RetainHandling retain_handling{};

  // tombo_rr
  std::string response_topic{};
  bool tells_latency = false;

  // tombo_pub
  std::string topic{};
  MessageSource source = MessageSource::none;
  std::string payload{};  ///< of `-m`, or the path of `-f`
  client::Qos qos{};
  bool retain = false;
  uint32_t repeat = 1;
  double repeat_delay_s = 0;
};

/// Reads the arguments behind the program's name, and an option file before them. The error is for
/// the user, without "Error: ".
Result<ClientOptions> parse_client_options(ClientTool tool, std::span<const char* const> arguments,
                                           bool is_v2_0);

/// "mosquitto_pub", whatever the program is called.
std::string_view name_of(ClientTool tool);

std::string client_usage(ClientTool tool);

}  // namespace tombo::tools
