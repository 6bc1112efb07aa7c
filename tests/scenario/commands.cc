#include "scenario/commands.h"

#include <charconv>

#include <fmt/core.h>

#include "auth/access_control.h"
#include "config/files_in_memory.h"
#include "config/parser.h"
#include "scenario/packet_text.h"

namespace tombo::scenario {
namespace {

constexpr uint32_t kLogOn = 0x0F;
constexpr uint32_t kLogDebug = 0x7F;

bool number(const std::string& text, uint64_t& out) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

/// "30s", "1500ms", "2h"
bool duration(const std::string& text, Duration& out) {
  const size_t unit = text.find_first_not_of("0123456789");
  uint64_t count = 0;
  if (unit == std::string::npos || !number(text.substr(0, unit), count)) return false;
  const std::string name = text.substr(unit);
  const int64_t factor = name == "ms"  ? 1
                         : name == "s" ? 1000
                         : name == "m" ? 60'000
                         : name == "h" ? 3'600'000
                                       : 0;
  out = Duration(static_cast<int64_t>(count) * factor);
  return factor != 0;
}

bool hex_bytes(std::span<const std::string> words, std::vector<uint8_t>& out) {
  std::string digits;
  for (const std::string& word : words) {
    const size_t star = word.find('*');
    uint64_t times = 1;
    if (star != std::string::npos && !number(word.substr(star + 1), times)) return false;
    for (uint64_t i = 0; i < times; ++i) digits.append(word, 0, star);
  }
  if (digits.size() % 2 != 0) return false;
  for (size_t i = 0; i < digits.size(); i += 2) {
    uint8_t byte = 0;
    const char* end = digits.data() + i + 2;
    if (std::from_chars(digits.data() + i, end, byte, 16).ptr != end) return false;
    out.push_back(byte);
  }
  return true;
}

std::optional<mqtt::Version> version_of(const std::string& word) {
  if (word == "v5") return mqtt::Version::v5;
  if (word == "v3.1.1") return mqtt::Version::v3_1_1;
  if (word == "v3.1") return mqtt::Version::v3_1;
  return std::nullopt;
}

/// "ID <- TYPE" of a trace line, by which runs of packets are folded.
std::string kind_of(const std::string& line) {
  const size_t arrow = line.find(" <- ");
  if (arrow == std::string::npos) return {};
  return line.substr(0, line.find(' ', arrow + 4));
}

/// Runs of more than four packets of one type to one client: the first, how many, the last.
std::vector<std::string> fold(const std::vector<std::string>& lines) {
  std::vector<std::string> out;
  for (size_t begin = 0; begin < lines.size();) {
    size_t end = begin + 1;
    const std::string kind = kind_of(lines[begin]);
    while (!kind.empty() && end < lines.size() && kind_of(lines[end]) == kind) ++end;
    if (end - begin <= 4) {
      out.insert(out.end(), lines.begin() + static_cast<ptrdiff_t>(begin),
                 lines.begin() + static_cast<ptrdiff_t>(end));
    } else {
      out.push_back(lines[begin]);
      out.push_back(fmt::format("  ... {} more", end - begin - 2));
      out.push_back(lines[end - 1]);
    }
    begin = end;
  }
  return out;
}

std::string replace_all(std::string text, std::string_view what, const std::string& by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

}  // namespace

World& Stage::world() {
  if (world_ == nullptr) {
    std::string error;
    if (setup_.config == nullptr) parse_config({}, error);
    world_ = std::make_unique<World>(setup_);
  }
  return *world_;
}

std::vector<std::string> Stage::play(const Step& step) {
  std::vector<std::string> output;
  for (const Command& command : step.commands) {
    std::string error;
    const bool done = play(command, error);
    if (world_ != nullptr) {
      if (done) world_->settle();
      auto& trace = world_->trace();
      output.insert(output.end(), trace.begin(), trace.end());
      trace.clear();
    }
    if (!done) output.push_back("error: " + error);
  }
  if (quiet_ && output.size() > 1) return {fmt::format("... {} lines", output.size())};
  return folds_ ? fold(output) : output;
}

bool Stage::play(const Command& command, std::string& error) {
  const std::string& name = command.words[0];
  const Words words = Words(command.words).subspan(1);
  if (name == "acl") return add_file(command, error);
  if (name == "repeat") return repeat(command, error);
  if (name == "connect") return !words.empty() && connect(words[0], words.subspan(1), error);
  if (PacketText::knows(name)) return send_packet(name, words, error);
  if (name == "config" || name == "shards" || name == "store" || name == "logins") {
    return set_up(name, command, error);
  }
  if (name == "tree" || name == "stats" || name == "home" || name == "logs" || name == "mails" ||
      name == "batches" || name == "fold" || name == "quiet" || name == "chunk") {
    return show(name, words, error);
  }
  if (!words.empty() && name == "open") return open(words[0], words.subspan(1), error);
  if (!words.empty() && name == "bytes") return send_bytes(words, error);
  if (name == "close" || name == "fail" || name == "stall" || name == "unstall" || name == "auto" ||
      name == "cork" || name == "uncork") {
    return !words.empty() && socket_command(name, words, error);
  }
  return act(name, command, error);
}

/// repeat N COMMAND: `%d` in its words counts from 1.
bool Stage::repeat(const Command& command, std::string& error) {
  uint64_t count = 0;
  if (command.words.size() < 3 || !number(command.words[1], count)) {
    error = "repeat COUNT COMMAND";
    return false;
  }
  for (uint64_t i = 1; i <= count; ++i) {
    Command each{.line = command.line, .words = {}, .block = command.block};
    for (const std::string& word : Words(command.words).subspan(2)) {
      each.words.push_back(replace_all(word, "%d", std::to_string(i)));
    }
    if (!play(each, error)) return false;
    world().settle();
  }
  return true;
}

bool Stage::set_up(const std::string& name, const Command& command, std::string& error) {
  if (world_ != nullptr) {
    error = "too late: the world exists";
    return false;
  }
  if (name == "config") return parse_config(command.block, error);
  const std::string word = command.words.size() == 2 ? command.words[1] : "";
  if (name == "store") {
    setup_.store_keeps = word == "hold";
    return word == "hold" || word == "none";
  }
  if (name == "logins") {
    setup_.logins_later = word == "later";
    return word == "later" || word == "none";
  }
  uint64_t count = 0;
  if (!number(word, count) || count == 0 || count > broker::kShardsMax) return false;
  setup_.shards = static_cast<unsigned>(count);
  return true;
}

/// Lines of mosquitto.conf behind a listener to which everybody may come.
bool Stage::parse_config(const std::vector<std::string>& lines, std::string& error) {
  std::string text = "allow_anonymous true\nlistener 1883\n";
  for (const std::string& line : lines) text += line + "\n";
  config::FilesInMemory files({{"test.conf", text}});
  auto outcome = config::parse_file(files, "test.conf", {});
  if (!outcome) {
    error = outcome.error().text;
    return false;
  }
  const auto read = [this](const std::string& path) -> Result<std::string> {
    const auto file = files_.find(path);
    if (file == files_.end()) return Error{"no acl " + path};
    return file->second;
  };
  auto authorizer = auth::load_access_control(outcome->config, read);
  if (!authorizer) {
    error = replace_all(authorizer.error().text, "\n", " ");
    return false;
  }
  setup_.config = std::make_shared<const config::Config>(std::move(outcome->config));
  setup_.authorizer = std::move(*authorizer);
  return true;
}

bool Stage::add_file(const Command& command, std::string& error) {
  if (command.words.size() != 2) {
    error = "acl PATH";
    return false;
  }
  std::string text;
  for (const std::string& line : command.block) text += line + "\n";
  files_[command.words[1]] = std::move(text);
  return true;
}

bool Stage::act(const std::string& name, const Command& command, std::string& error) {
  const Words words = Words(command.words).subspan(1);
  if (name == "tick") {
    Duration time{};
    if (words.size() != 1 || !duration(words[0], time)) return false;
    world().advance(time);
    return true;
  }
  if (name == "reload") {
    world();
    if (!parse_config(command.block, error)) return false;
    world().reload({setup_.config, setup_.authorizer});
    return true;
  }
  if (name == "commit") {
    uint64_t shard = 0;
    const bool one = words.size() == 1 && number(words[0], shard);
    world().commit(one ? std::optional(static_cast<unsigned>(shard)) : std::nullopt);
    return true;
  }
  if (name == "disk" && words.size() == 1) {
    world().set_disk_full(words[0] == "full");
    return words[0] == "full" || words[0] == "free";
  }
  if (name == "decide" && words.size() == 1) {
    uint64_t code = 0;
    error = "decide CODE, while somebody waits";
    return number(words[0], code) &&
           world().decide({static_cast<mqtt::Reason>(code), code == 0 ? "" : "as decided", {}});
  }
  if (name == "shutdown") {
    world().shutdown();
    return true;
  }
  if (name == "inject" && words.size() == 2) {
    world().inject(mqtt::Message::make(
        {.topic = words[0], .properties = {}, .payload = as_bytes(words[1]), .retain = true}));
    return true;
  }
  error = "no such command: " + name;
  return false;
}

// NOLINTNEXTLINE(readability-function-cognitive-complexity): one line for each kind of number.
bool Stage::show(const std::string& name, Words words, std::string& error) {
  const std::string word = words.empty() ? "" : words[0];
  auto& trace = world().trace();
  if (name == "tree") {
    for (unsigned shard = 0; shard < world().shards(); ++shard) {
      const std::string tree = world().broker(shard).subscription_tree();
      for (size_t at = 0; at < tree.size(); at = tree.find('\n', at) + 1) {
        trace.push_back(
            fmt::format("shard {}: {}", shard, tree.substr(at, tree.find('\n', at) - at)));
      }
    }
  } else if (name == "stats") {
    const broker::Stats stats = world().stats();
    trace.push_back(fmt::format(
        "sessions={} connected={} subscriptions={} shared={} retained={} waiting={} dropped={} "
        "expired={}",
        stats.sessions, stats.connected, stats.subscriptions, stats.shared_subscriptions,
        stats.retained_messages, stats.packets_waiting, stats.publish_messages_dropped,
        stats.clients_expired));
    const uint64_t refused = stats.connects_refused + stats.publishes_refused +
                             stats.subscribes_refused + stats.deliveries_refused;
    if (refused != 0) {
      world().trace().push_back(fmt::format(
          "refused: connects={} publishes={} subscribes={} deliveries={}", stats.connects_refused,
          stats.publishes_refused, stats.subscribes_refused, stats.deliveries_refused));
    }
  } else if (name == "home") {
    for (const std::string& key : words) {
      trace.push_back(fmt::format("{} is at home on shard {}", key, world().home(key)));
    }
  } else if (name == "logs") {
    world().set_log_mask(word == "on" ? kLogOn : word == "debug" ? kLogDebug : 0);
  } else if (name == "mails") {
    world().show_mails(word == "on");
  } else if (name == "batches") {
    world().show_batches(word == "on");
  } else if (name == "fold") {
    folds_ = word == "on";
  } else if (name == "quiet") {
    quiet_ = word == "on";
  } else {
    uint64_t bytes = 0;
    if (!number(word, bytes)) {
      error = "chunk BYTES";
      return false;
    }
    world().set_chunk(bytes);
  }
  return true;
}

/// Takes `on=`, `listener=` and the version off the words; opens the socket if it is not open.
bool Stage::open(const std::string& name, Words words, std::string& error) {
  Client& client = world().client(name);
  uint64_t shard = 0;
  uint64_t listener = 0;
  for (const std::string& word : words) {
    if (const auto version = version_of(word)) {
      client.version = *version;
    } else if (word.starts_with("on=")) {
      if (!number(word.substr(3), shard)) return false;
    } else if (word.starts_with("listener=")) {
      if (!number(word.substr(9), listener)) return false;
    } else {
      error = "what is this: " + word;
      return false;
    }
  }
  if (shard >= world().shards()) {
    error = "no such shard";
    return false;
  }
  if (!client.is_open()) {
    world().open(client, static_cast<unsigned>(shard), static_cast<uint16_t>(listener));
  }
  return true;
}

bool Stage::connect(const std::string& name, Words words, std::string& error) {
  std::vector<std::string> socket;
  std::vector<std::string> packet;
  for (const std::string& word : words) {
    const bool of_socket =
        version_of(word) || word.starts_with("on=") || word.starts_with("listener=");
    (of_socket ? socket : packet).push_back(word);
  }
  Client& client = world().client(name);
  const bool was_open = client.is_open();
  if (!was_open) client.version = mqtt::Version::v5;
  if (!open(name, socket, error)) return false;
  std::vector<uint8_t> bytes;
  PacketText text(client.version, client.next_packet_id);
  if (!text.encode("connect", packet, name, bytes)) {
    error = text.error();
    return false;
  }
  if (!was_open) client.next_packet_id = 1;
  world().send(client, bytes);
  return true;
}

bool Stage::send_packet(const std::string& kind, Words words, std::string& error) {
  if (words.empty()) {
    error = kind + " CLIENT ...";
    return false;
  }
  Client& client = world().client(words[0]);
  if (!client.is_open()) {
    error = words[0] + " has no open socket";
    return false;
  }
  std::vector<uint8_t> bytes;
  PacketText text(client.version, client.next_packet_id);
  if (!text.encode(kind, words.subspan(1), words[0], bytes)) {
    error = text.error();
    return false;
  }
  world().send(client, bytes);
  return true;
}

bool Stage::send_bytes(Words words, std::string& error) {
  Client& client = world().client(words[0]);
  if (!client.is_open()) {
    error = words[0] + " has no open socket";
    return false;
  }
  std::vector<uint8_t> bytes;
  if (!hex_bytes(words.subspan(1), bytes)) {
    error = "not hexadecimal";
    return false;
  }
  world().send(client, bytes);
  return true;
}

bool Stage::socket_command(const std::string& name, Words words, std::string& error) {
  Client& client = world().client(words[0]);
  if (name == "auto") {
    client.automatic = words.size() == 1 || words[1] == "on";
    return true;
  }
  if (name == "stall") {
    world().set_capacity(client, 0);
    return true;
  }
  if (name == "unstall") {
    uint64_t bytes = 0;
    const bool some = words.size() == 2 && number(words[1], bytes);
    world().set_capacity(client, some ? std::optional<size_t>(bytes) : std::nullopt);
    return true;
  }
  if (!client.is_open()) {
    error = words[0] + " has no open socket";
    return false;
  }
  if (name == "cork" || name == "uncork") {
    client.corked = name == "cork";
  } else {
    world().drop(client, name == "fail" ? broker::CloseCause::error : broker::CloseCause::by_peer);
  }
  return true;
}

}  // namespace tombo::scenario
