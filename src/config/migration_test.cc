#include "config/migration.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config/departures.h"
#include "config/files_in_memory.h"
#include "config/parser.h"

namespace tombo::config {
namespace {

struct Checked {
  Survey survey;
  std::string report;
};

Checked check(const std::string& text, const std::string& included = {}) {
  FilesInMemory files({{"t.conf", text}, {"d/a.conf", included}});
  Checked checked;
  const auto outcome = parse_file(files, "t.conf", {.survey = &checked.survey});
  EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().text);
  if (outcome) {
    checked.report = migration_report("t.conf", outcome->config.compatibility, checked.survey);
  }
  return checked;
}

bool has(const std::string& report, std::string_view text) {
  return report.find(text) != std::string::npos;
}

TEST(Migration, of_a_plain_file_says_that_it_starts) {
  const Checked checked = check("listener 1884\nallow_anonymous true\n");
  EXPECT_TRUE(checked.survey.is_startable());
  EXPECT_EQ(checked.report.find("t.conf: tombo starts with it, as Mosquitto 2.1 (option "
                                "compatibility).\n"),
            0U)
      << checked.report;
  EXPECT_FALSE(has(checked.report, "\nErrors:"));
  EXPECT_FALSE(has(checked.report, "\nNot supported yet:"));
}

TEST(Migration, lists_all_that_is_not_supported_with_its_place) {
  const Checked checked =
      check("listener 1884\nplugin /a.so\nplugin_opt_x y\nprotocol http_api\nmax_qos 1\n");
  EXPECT_FALSE(checked.survey.is_startable());
  EXPECT_TRUE(has(checked.report, "tombo DOES NOT START with it"));
  EXPECT_TRUE(
      has(checked.report, "\nNot supported yet:\n  t.conf:2  plugin\n  t.conf:3  plugin_opt_x\n"))
      << checked.report;
  EXPECT_TRUE(has(checked.report, "\nErrors:\n  t.conf:4\n")) << checked.report;
}

TEST(Migration, lists_all_errors_instead_of_the_first) {
  const Checked checked =
      check("nonsense 1\nmax_keepalive 70000\nlistener 1884\ncafile a\ninclude_dir d\n",
            "max_qos 1\nbogus\n");
  EXPECT_TRUE(has(checked.report, "  t.conf:1\n"));
  EXPECT_TRUE(has(checked.report, "Unknown configuration variable \"nonsense\"."));
  EXPECT_TRUE(has(checked.report, "  t.conf:2\n"));
  EXPECT_TRUE(has(checked.report, "  d/a.conf:2\n"));
  EXPECT_TRUE(has(checked.report, "has cafile, but no certfile or psk_hint."));
  EXPECT_EQ(checked.survey.faults.size(), 4U);
}

TEST(Migration, tells_the_notes_of_options_that_differ_once) {
  const Checked checked = check(
      "listener 1884\ncertfile a\nkeyfile a\nlistener 1885\ncertfile a\n"
      "keyfile a\nautosave_interval 3\n");
  const std::string note(find_option("certfile")->note.substr(0, 30));
  const size_t first = checked.report.find(note);
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(checked.report.find(note, first + 1), std::string::npos);
  EXPECT_TRUE(has(checked.report, "  t.conf:2  certfile\n"));
  EXPECT_TRUE(has(checked.report, "  t.conf:5  certfile\n"));
  EXPECT_TRUE(has(checked.report, "\nWithout effect:\n  t.conf:7  autosave_interval\n"));
}

TEST(Migration, tells_defaults_of_the_generation_unless_they_are_given) {
  const std::string text = "listener 1884\nmax_packet_size 100\n";
  const Checked checked = check(text);
  EXPECT_TRUE(has(checked.report,
                  "here it is that of 2.1:\n  allow_duplicate_messages\n"
                  "      2.0: false; 2.1: true\n"))
      << checked.report;
  EXPECT_FALSE(has(checked.report, "  max_packet_size\n"));
  EXPECT_TRUE(has(check("compatibility 2.0\n" + text).report, "here it is that of 2.0:\n"));
}

TEST(Migration, tells_options_that_Mosquitto_does_not_know) {
  const Checked checked = check("threads 2\nlistener 1884\nlistener_allow_anonymous true\n");
  EXPECT_TRUE(has(checked.report,
                  "in case you go back to it:\n  t.conf:3  "
                  "listener_allow_anonymous\n"));
  EXPECT_TRUE(has(checked.report, "\nNot known to Mosquitto at all:\n  t.conf:1  threads\n"));
}

TEST(Migration, tells_departures_that_concern_the_file) {
  EXPECT_FALSE(has(check("").report, "  an acl_file with an error on SIGHUP\n"));
  EXPECT_TRUE(has(check("acl_file /a\n").report, "  an acl_file with an error on SIGHUP\n"));
  EXPECT_TRUE(has(check("").report, "  small messages on a fast network"));
  EXPECT_FALSE(has(check("set_tcp_nodelay true\n").report, "  small messages on a fast network"));
  EXPECT_TRUE(has(check("").report, "  keepalive\n      Mosquitto: checked every 5 s in 2.0\n"));
}

TEST(Migration, keeps_lines_short) {
  std::string all = "listener 1884\n";
  for (const Option& option : options()) all += std::string(option.name) + " 1\n";
  const std::string report = check(all).report;
  for (size_t start = 0; start < report.size();) {
    const size_t end = report.find('\n', start);
    EXPECT_LE(end - start, 120U) << report.substr(start, end - start);
    start = end + 1;
  }
}

TEST(Departures, name_options_that_there_are) {
  for (const Departure& departure : departures()) {
    EXPECT_EQ(departure.when == Departure::When::always, departure.option.empty());
    EXPECT_TRUE(departure.option.empty() || find_option(departure.option) != nullptr);
  }
}

}  // namespace
}  // namespace tombo::config
