#include "config/command_line.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "config/files_in_memory.h"

namespace tombo::config {
namespace {

using Words = std::vector<const char*>;

CommandLine line_of(const Words& words) {
  Result<CommandLine> line = parse_command_line(words);
  EXPECT_TRUE(line) << (line ? "" : line.error().text);
  return line ? *line : CommandLine{};
}

Config load_text(const std::string& text, Words words, const Environment& environment = {}) {
  FilesInMemory files({{"t.conf", text}});
  words.insert(words.end(), {"-c", "t.conf"});
  const Result<ParseOutcome> outcome = load(files, line_of(words), environment);
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
  return outcome ? outcome->config : Config{};
}

TEST(CommandLine, knows_short_and_long_names) {
  for (const Words& words :
       {Words{"-c", "a.conf", "-p", "1884", "-v", "-d", "-q"},
        Words{"--config-file", "a.conf", "--port", "1884", "--verbose", "--daemon", "--quiet"}}) {
    const CommandLine line = line_of(words);
    EXPECT_EQ(line.action, Action::run);
    EXPECT_EQ(line.config_file, "a.conf");
    EXPECT_EQ(line.ports, std::vector<uint16_t>{1884});
    EXPECT_TRUE(line.verbose && line.daemon && line.quiet);
  }
}

TEST(CommandLine, knows_what_is_its_own) {
  const CommandLine line = line_of({"--threads", "3", "--compatibility", "2.0"});
  EXPECT_EQ(line.threads, 3u);
  EXPECT_EQ(line.compatibility, Compatibility::v2_0);
  EXPECT_EQ(line_of({}).threads, std::nullopt);
  EXPECT_EQ(line_of({}).compatibility, std::nullopt);
}

TEST(CommandLine, takes_up_to_ten_ports) {
  Words words;
  for (int i = 0; i < 10; ++i) words.insert(words.end(), {"-p", "1883"});
  EXPECT_EQ(line_of(words).ports.size(), 10u);
  words.insert(words.end(), {"-p", "1883"});
  const Result<CommandLine> eleven = parse_command_line(words);
  ASSERT_FALSE(eleven);
  EXPECT_EQ(eleven.error().text, "Error: Only 10 ports can be specified on the command line.");
}

TEST(CommandLine, refuses_with_the_reason_and_status_3) {
  struct Case {
    Words words;
    std::string_view text;
  };

  const Case cases[] = {
      {{"--bogus"}, "Error: Unknown option '--bogus'."},
      {{"foo"}, "Error: Unknown option 'foo'."},
      {{""}, "Error: Unknown option ''."},
      {{"-vd"}, "Error: Unknown option '-vd'."},
      {{"-p1883"}, "Error: Unknown option '-p1883'."},
      {{"-c"}, "Error: -c argument given, but no config file specified."},
      {{"-c", "a", "-c", "b"}, "Error: -c argument given more than once."},
      {{"-p"}, "Error: -p argument given, but no port specified."},
      {{"-p", "0"}, "Error: Invalid port specified (0)."},
      {{"-p", "70000"}, "Error: Invalid port specified (70000)."},
      {{"-p", "abc"}, "Error: Invalid port specified (0)."},
      {{"--threads"}, "Error: --threads argument given, but no number specified."},
      {{"--threads", "64"}, "Error: Invalid threads specified (64)."},
      {{"--threads", "-1"}, "Error: Invalid threads specified (-1)."},
      {{"--compatibility"}, "Error: --compatibility argument given, but no generation specified."},
      {{"--compatibility", "1.6"},
       "Error: Invalid compatibility specified (1.6), it is 2.0 or 2.1."},
      {{"--test-config"}, "Please provide a configuration file to test."},
      {{"--tls-keylog"}, "Error: --tls-keylog argument given, but no file specified."},
  };
  for (const Case& c : cases) {
    const Result<CommandLine> line = parse_command_line(c.words);
    ASSERT_FALSE(line) << c.text;
    EXPECT_EQ(line.error().text, c.text);
    EXPECT_EQ(line.error().code, 3) << c.text;
  }
}

TEST(CommandLine, stops_at_help_and_version) {
  EXPECT_EQ(line_of({"-h", "--bogus"}).action, Action::show_help);
  EXPECT_EQ(line_of({"--help"}).action, Action::show_help);
  EXPECT_EQ(line_of({"--version", "--bogus"}).action, Action::show_version);
  EXPECT_EQ(line_of({"--test-config", "-c", "a.conf"}).action, Action::test_config);
}

TEST(CommandLine, help_exits_as_the_generation_does) {
  EXPECT_EQ(help_exit_status(line_of({"-h"}), {}), 0);
  EXPECT_EQ(help_exit_status(line_of({"-h"}), {.compatibility = "2.0"}), 3);
  EXPECT_EQ(help_exit_status(line_of({"--compatibility", "2.0", "-h"}), {}), 3);
  EXPECT_EQ(help_exit_status(line_of({"--compatibility", "2.1", "-h"}), {.compatibility = "2.0"}),
            0);
}

TEST(CommandLine, help_names_every_switch) {
  const std::string help = help_text("9.9");
  for (const char* name : {"tombo version 9.9", "-c,", "--config-file", "-d,", "--daemon", "-h,",
                           "--help", "-p,", "--port", "-q,", "--quiet", "-v,", "--verbose",
                           "--compatibility", "--test-config", "--threads", "--version"}) {
    EXPECT_NE(help.find(name), std::string::npos) << name;
  }
}

TEST(Load, without_a_file_listens_on_the_ports_of_the_command_line) {
  FilesInMemory files;
  const Result<ParseOutcome> outcome = load(files, line_of({"-p", "1884", "-p", "1885"}), {});
  ASSERT_TRUE(outcome);
  const Config& config = outcome->config;
  EXPECT_TRUE(config.local_only);
  ASSERT_EQ(config.listeners.size(), 4u);
  EXPECT_EQ(config.listeners[0], default_listener(Compatibility::v2_1, 1884, "127.0.0.1"));
  EXPECT_EQ(config.listeners[3], default_listener(Compatibility::v2_1, 1885, "::1"));
}

TEST(Load, without_anything_is_the_default_configuration) {
  FilesInMemory files;
  for (const Compatibility generation : {Compatibility::v2_0, Compatibility::v2_1}) {
    CommandLine line;
    line.compatibility = generation;
    const Result<ParseOutcome> outcome = load(files, line, {});
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->config, default_config(generation));
    EXPECT_TRUE(outcome->notices.empty());
  }
}

TEST(Load, refuses_the_same_port_twice) {
  FilesInMemory files;
  const Result<ParseOutcome> outcome = load(files, line_of({"-p", "1884", "-p", "1884"}), {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text, "Error: Duplicate listener on port 1884.");
  EXPECT_EQ(outcome.error().code, 3);
}

TEST(Load, takes_ports_only_if_the_file_defines_no_listener) {
  EXPECT_EQ(load_text("listener 1884\n", {"-p", "1885"}).listeners.size(), 1u);
  EXPECT_EQ(load_text("port 1884\n", {"-p", "1885"}).listeners.at(0).port, 1884);
  EXPECT_EQ(load_text("max_qos 1\n", {"-p", "1885"}).listeners.at(0).port, 1883);
  EXPECT_EQ(load_text("sys_interval 1\n", {"-p", "1885"}).listeners.at(0).port, 1885);
}

TEST(Load, generation_of_the_command_line_wins_then_file_then_environment) {
  struct Case {
    const char* command_line;
    const char* file;
    const char* environment;
    Compatibility result;
  };

  const Case cases[] = {
      {nullptr, "", nullptr, Compatibility::v2_1},
      {nullptr, "", "2.0", Compatibility::v2_0},
      {nullptr, "", "", Compatibility::v2_1},
      {nullptr, "compatibility 2.1\n", "2.0", Compatibility::v2_1},
      {nullptr, "compatibility 2.0\n", "2.1", Compatibility::v2_0},
      {"2.1", "compatibility 2.0\n", "2.0", Compatibility::v2_1},
      {"2.0", "compatibility 2.1\n", nullptr, Compatibility::v2_0},
      {"2.0", "", "2.1", Compatibility::v2_0},
  };
  for (const Case& c : cases) {
    Environment environment;
    if (c.environment != nullptr) environment.compatibility = c.environment;
    Words words;
    if (c.command_line != nullptr) words = {"--compatibility", c.command_line};
    const Config config = load_text(std::string("sys_interval 1\n") + c.file, words, environment);
    EXPECT_EQ(config.compatibility, c.result) << c.file;
    EXPECT_EQ(config.max_packet_size, default_config(c.result).max_packet_size) << c.file;
  }
}

TEST(Load, refuses_an_unknown_generation_in_the_environment) {
  FilesInMemory files;
  const Result<ParseOutcome> outcome = load(files, CommandLine{}, {.compatibility = "3"});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text, "Error: Invalid TOMBO_COMPATIBILITY value (3).");
  EXPECT_EQ(outcome.error().code, 3);
}

TEST(Load, verbose_logs_all_types_to_where_the_file_says) {
  const Config config = load_text("log_type error\nlog_dest stdout\n", {"-v"});
  EXPECT_EQ(config.log.log_type, kLogAll);
  EXPECT_TRUE(config.log.log_dest_stdout);
  EXPECT_FALSE(config.log.log_dest_stderr);
}

TEST(Load, quiet_beats_verbose_and_the_file) {
  const std::string text =
      "log_dest file /a\nlog_dest stdout\nlog_dest stderr\nlog_dest topic\nlog_dest syslog\n";
  const LogConfig log = load_text(text, {"-v", "-q"}).log;
  EXPECT_EQ(log.log_type, 0u);
  EXPECT_FALSE(log.log_dest_stderr || log.log_dest_stdout || log.log_dest_topic ||
               log.log_dest_syslog);
  EXPECT_EQ(log.log_dest_file, "");
}

TEST(Load, threads_of_the_command_line_win) {
  EXPECT_EQ(load_text("threads 4\n", {}).threads, 4u);
  EXPECT_EQ(load_text("threads 4\n", {"--threads", "0"}).threads, 0u);
}

TEST(Load, passes_on_what_is_wrong_with_the_file) {
  FilesInMemory files;
  const Result<ParseOutcome> outcome = load(files, line_of({"-c", "none.conf"}), {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().text, "Error: Unable to open config file none.conf.");
  EXPECT_EQ(outcome.error().code, 1);
}

}  // namespace
}  // namespace tombo::config
