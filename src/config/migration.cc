#include "config/migration.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

#include <fmt/core.h>

#include "config/departures.h"
#include "config/values.h"

namespace tombo::config {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::string_view kIndent = "      ";

/// Text in lines of at most kColumns, each behind kIndent.
std::string wrapped(std::string_view text) {
  std::string lines;
  std::string line(kIndent);
  for (std::string_view word = next_word(text); !word.empty(); word = next_word(text)) {
    if (line.size() + word.size() >= kColumns && line.size() > kIndent.size()) {
      lines += line + "\n";
      line = kIndent;
    }
    if (line.size() > kIndent.size()) line += ' ';
    line += word;
  }
  return lines + line + "\n";
}

std::string section(std::string_view title, const std::string& lines) {
  return lines.empty() ? std::string() : fmt::format("\n{}:\n{}", title, lines);
}

std::string faults_of(const Survey& survey) {
  std::string lines;
  for (const Survey::Fault& fault : survey.faults) {
    if (!fault.place.empty()) lines += fmt::format("  {}\n", fault.place);
    lines += wrapped(fault.text);
  }
  return lines;
}

/// Lines with the places of all uses that `wanted` picks; the note once for each option.
template <class F>
std::string uses_of(const Survey& survey, bool with_notes, F&& wanted) {
  std::string lines;
  std::vector<const Option*> told;
  for (const Survey::Use& use : survey.uses) {
    if (!wanted(use)) continue;
    lines += fmt::format("  {}  {}\n", use.place, use.name);
    if (!with_notes || use.option->note.empty()) continue;
    if (std::ranges::find(told, use.option) != told.end()) continue;
    told.push_back(use.option);
    lines += wrapped(use.option->note);
  }
  return lines;
}

/// Options that are not given and whose default depends on the generation.
std::string defaults_of(const Survey& survey) {
  std::string lines;
  for (const Option& option : options()) {
    if (!option.fallback.starts_with("2.0: ") || option.status == Status::later) continue;
    if (survey.has_use_of(option.name)) continue;
    lines += fmt::format("  {}\n{}", option.name, wrapped(option.fallback));
  }
  return lines;
}

bool concerns(const Departure& departure, const Survey& survey) {
  switch (departure.when) {
    case Departure::When::always:
      return true;
    case Departure::When::if_used:
      return survey.has_use_of(departure.option);
    case Departure::When::unless_used:
      return !survey.has_use_of(departure.option);
  }
  return true;
}

std::string departures_of(const Survey& survey) {
  std::string lines;
  for (const Departure& departure : departures()) {
    if (!concerns(departure, survey)) continue;
    lines += fmt::format("  {}\n{}{}", departure.what,
                         wrapped(fmt::format("Mosquitto: {}", departure.mosquitto)),
                         wrapped(fmt::format("tombo: {}", departure.tombo)));
  }
  return lines;
}

}  // namespace

std::string migration_report(const std::string& path, Compatibility compatibility,
                             const Survey& survey) {
  const std::string_view generation = compatibility == Compatibility::v2_0 ? "2.0" : "2.1";
  using Use = Survey::Use;
  const auto is = [](Status status) {
    return [status](const Use& use) { return !use.refused && use.option->status == status; };
  };
  const auto since = [](Since first) {
    return [first](const Use& use) { return use.option->since == first; };
  };
  return fmt::format(
      "{}: tombo {} with it, as Mosquitto {} (option compatibility).\n"
      "What its files, users and ports are like is checked by --test-config.\n"
      "{}{}{}{}{}{}{}{}",
      path, survey.is_startable() ? "starts" : "DOES NOT START", generation,
      section("Errors", faults_of(survey)),
      section("Not supported yet",
              uses_of(survey, true, [](const Use& use) { return use.refused; })),
      section("Not quite as in Mosquitto", uses_of(survey, true, is(Status::differs))),
      section("Without effect", uses_of(survey, true, is(Status::no_effect))),
      section(fmt::format("Not given, with a default that depends on the generation; here it is "
                          "that of {}",
                          generation),
              defaults_of(survey)),
      section("Not known to Mosquitto 2.0, in case you go back to it",
              uses_of(survey, false, since(Since::v2_1))),
      section("Not known to Mosquitto at all", uses_of(survey, false, since(Since::tombo))),
      section("Where tombo does not follow Mosquitto", departures_of(survey)));
}

}  // namespace tombo::config
