// Plays scripts against whole brokers without sockets, threads or clocks, and compares the complete
// trace with what the script expects.
//
//   scenario_test [--rewrite] [FILE|FOLDER]...
//
// --rewrite puts what came out into the files instead. It proves nothing: read the difference.
//
// A script is a list of steps. A step is one or more command lines (indented lines belong to the
// command above them), then `----`, then the whole trace up to an empty line. `#` begins a comment.
//
//   config                        mosquitto.conf lines follow, indented. In front stand
//                                 "allow_anonymous true" and "listener 1883".
//   acl PATH                      what acl_file PATH names; its lines follow, indented. Stands in
//                                 front of `config` or `reload`, which read it
//   shards N                      how many shards; default 1
//   store none|hold               hold: durable, and safe only when `commit` says so
//   logins none|later             later: an authenticator answers when `decide` says so, and knows
//                                 the method TEST (FakeExchange in world.cc)
//   connect ID [v3.1|v3.1.1|v5] [clean=1] [keepalive=60] [id=..] [user=..] [password=..] [bridge=1]
//           [will=TOPIC will.payload=.. will.qos=.. will.retain=.. will.PROPERTY=..] [PROPERTY=..]
//           [on=SHARD] [listener=N]
//                                 opens a socket unless it is open, and sends CONNECT
//   publish ID TOPIC [PAYLOAD] [q=..] [r=1] [dup=1] [m=..] [PROPERTY=..]
//   subscribe ID FILTER [q=..] [nl=1] [rap=1] [rh=..] ... [m=..] [PROPERTY=..]
//   unsubscribe ID FILTER... [m=..]
//   puback|pubrec|pubrel|pubcomp ID PACKET-ID [rc=..] [PROPERTY=..]
//   ping ID, disconnect ID [rc=..] [PROPERTY=..], auth ID [rc=..] [PROPERTY=..]
//   open ID [v..] [on=SHARD] [listener=N]     a socket without CONNECT
//   bytes ID HEX...               raw bytes; c000*9: nine times
//   close ID, fail ID             the socket ends, or breaks
//   stall ID, unstall ID [BYTES]  the socket takes nothing; takes everything (or so many bytes)
//   again cork ID, uncork ID            keeps what the client sends, then delivers it in one read
//   chunk BYTES                   every read gives the broker so many bytes at most; 0: all
//   auto ID on|off                the client acknowledges by itself
//   tick 30s|1500ms|2h            time passes; what happens on the way is marked with its time
//   reload                        a new configuration, indented
//   inject TOPIC PAYLOAD          a message of the broker itself
//   commit [SHARD]                what the store was given is safe
//   disk full|free                the store has no room for more, or has again
//   decide CODE                   the answer for who waits longest: 0, 135 (not authorized), ...
//   shutdown                      a clean stop: wills, then DISCONNECT
//   tree, stats, home KEY...      subscriptions by shard, numbers, home shards
//   logs on|off|debug, mails on|off, batches on|off      what else the trace shows
//   fold on|off                   runs of more than four like packets are shortened
//   quiet on|off                  only the number of lines is shown
//   repeat N COMMAND              `%d` in it counts from 1
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "scenario/commands.h"
#include "scenario/script.h"

namespace {

using tombo::scenario::Script;
using tombo::scenario::Stage;
using tombo::scenario::Step;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// True: as expected, or rewritten.
bool run(const std::filesystem::path& path, bool rewrite) {
  const std::string before = read_file(path);
  Script script = tombo::scenario::parse_script(before);
  if (!script.error.empty()) {
    fmt::print("{}: {}\n", path.string(), script.error);
    return false;
  }
  Stage stage;
  std::string after;
  bool equal = true;
  for (const Step& step : script.steps) {
    const std::vector<std::string> output = stage.play(step);
    after += tombo::scenario::format_step(step, output);
    if (rewrite) continue;
    const std::string diff =
        tombo::scenario::unified_diff(step.expected, output, path.string(), step.expected_line);
    if (diff.empty()) continue;
    equal = false;
    fmt::print("{}:{}: not what was expected (-) but (+)\n{}", path.string(),
               step.commands.empty() ? 1 : step.commands.front().line, diff);
  }
  if (!rewrite) return equal;
  after += script.tail;
  while (after.ends_with("\n\n")) after.pop_back();
  if (after != before) std::ofstream(path, std::ios::binary) << after;
  return true;
}

std::vector<std::filesystem::path> scripts_of(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return {path};
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  bool rewrite = false;
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--rewrite") {
      rewrite = true;
      continue;
    }
    const auto scripts = scripts_of(argument);
    paths.insert(paths.end(), scripts.begin(), scripts.end());
  }
  if (paths.empty()) {
    fmt::print("scenario_test [--rewrite] FILE|FOLDER...\n");
    return 2;
  }
  size_t failed = 0;
  for (const auto& path : paths) {
    if (!run(path, rewrite)) ++failed;
    std::fflush(stdout);
  }
  fmt::print("{} scripts, {} failed\n", paths.size(), failed);
  return failed == 0 ? 0 : 1;
}
