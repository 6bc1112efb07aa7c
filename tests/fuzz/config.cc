#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"
#include "config/diff.h"
#include "config/files_in_memory.h"
#include "config/options.h"
#include "config/parser.h"
#include "fuzz/input.h"

/// The parser of mosquitto.conf: whatever stands in the files ends in a configuration within its
/// bounds or in an error that says what and where; reading it again, and reloading it, changes
/// nothing.
/// Input: a byte of settings, the main file, and behind each byte 0x1E a file of the directory /d.
namespace tombo::fuzz {
namespace {

using config::Compatibility;
using config::Config;
using config::ListenerConfig;
using config::ParseOutcome;

constexpr char kNextFile = '\x1E';
constexpr int64_t kExpirationMax = int64_t{100} * 365 * 86400;

config::FilesInMemory files_of(Input& input) {
  std::map<std::string, std::string> files;
  files["/main.conf"] = input.text_until(kNextFile);
  // One name does not end in .conf, so include_dir leaves it out.
  constexpr const char* kNames[] = {"b.conf", "A.conf", "c.txt", "a.conf"};
  for (const char* name : kNames) {
    if (input.empty()) break;
    files[fmt::format("/d/{}", name)] = input.text_until(kNextFile);
  }
  return config::FilesInMemory(std::move(files));
}

config::ParseSettings settings_of(uint8_t byte) {
  const auto generation = [](unsigned bit) {
    return bit != 0 ? Compatibility::v2_0 : Compatibility::v2_1;
  };
  config::ParseSettings settings{.compatibility = generation(byte & 1U)};
  if ((byte & 2) != 0) settings.forced_compatibility = generation(byte & 4U);
  if ((byte & 8) != 0) settings.ports = {1884};
  if ((byte & 16) != 0) settings.ports.push_back(1885);
  return settings;
}

void check_listener(const ListenerConfig& listener) {
  CHECK((listener.port != 0) == listener.unix_path.empty());
  CHECK(listener.unix_path.size() <= 107);
  CHECK(listener.enable_proxy_protocol <= 2);
  CHECK(!listener.has_tls_at_proxy() || !listener.uses_tls());
  CHECK(listener.protocol != config::ListenerProtocol::http_api && listener.max_qos <= 2);
  CHECK(listener.mount_point.find_first_of("+#") == std::string::npos);
  const uint8_t versions = listener.accept_protocol_versions;
  CHECK(versions != 0 && (versions & ~config::kAcceptAll) == 0);
}

void check_config(const Config& config) {
  CHECK(!config.listeners.empty());
  std::ranges::for_each(config.listeners, check_listener);
  CHECK(config.threads <= config::kThreadsMax);
  CHECK(config.max_packet_size == 0 || config.max_packet_size >= 20);
  CHECK(config.auto_id_prefix.size() <= 50 && config.receive_maximum() != 0);
  if (const auto expiration = config.persistent_client_expiration) {
    CHECK(*expiration > 0 && *expiration <= kExpirationMax);
  }
  for (const ListenerConfig& listener : config.listeners) {
    static_cast<void>(config.anonymous_allowed(listener));
    CHECK(config.auto_id_prefix_for(listener).size() <= 50);
  }
}

void check_outcome(const ParseOutcome& outcome) {
  check_config(outcome.config);
  for (const config::Notice& notice : outcome.notices) {
    CHECK(!notice.text.empty() && notice.text.find('\n') == std::string::npos);
  }
  const config::Reloaded same = config::reload(outcome.config, outcome.config);
  CHECK(same.changes.empty() && same.config == outcome.config);
}

/// From one configuration to another: what takes effect takes effect at once.
void check_reload(const Config& running, const Config& fresh) {
  const config::Reloaded first = config::reload(running, fresh);
  check_config(first.config);
  CHECK(first.config.listeners.size() >= running.listeners.size());
  CHECK(first.config.listeners.size() <= config::kListenersMax);
  const config::Reloaded second = config::reload(first.config, fresh);
  CHECK(second.config == first.config);
  for (const config::Change& change : second.changes) {
    CHECK(change.needs_restart && !change.text().empty());
  }
}

void run(Input input) {
  const config::ParseSettings settings = settings_of(input.u8());
  config::FilesInMemory files = files_of(input);
  const Result<ParseOutcome> outcome = config::parse_file(files, "/main.conf", settings);
  const Result<ParseOutcome> again = config::parse_file(files, "/main.conf", settings);
  CHECK(outcome.has_value() == again.has_value());
  if (!outcome) {
    CHECK(outcome.error().text == again.error().text);
    CHECK(!outcome.error().text.empty());
    CHECK(outcome.error().code == 1 || outcome.error().code == 3);
    return;
  }
  CHECK(outcome->config == again->config && outcome->notices == again->notices);
  check_outcome(*outcome);
  for (const Compatibility generation : {Compatibility::v2_0, Compatibility::v2_1}) {
    const Config other = config::default_config(generation);
    check_reload(other, outcome->config);
    check_reload(outcome->config, other);
  }
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
