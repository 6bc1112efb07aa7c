#include "config/parser.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "config/options.h"
#include "config/setters.h"
#include "config/values.h"

namespace tombo::config {
namespace {

/// One run over the files with the defaults of one generation.
class Parser {
 public:
  Parser(Files& files, Compatibility compatibility, Survey* survey)
      : files_(files), draft_(compatibility), survey_(survey) {
    if (survey_ != nullptr) *survey_ = {};
  }

  Result<void> read_main_file(const std::string& path);
  Result<ParseOutcome> finish(const std::vector<uint16_t>& ports);

  /// What an option `compatibility` in the files said.
  [[nodiscard]] std::optional<Compatibility> compatibility() const { return draft_.compatibility; }

 private:
  Result<void> read_text(const std::string& path, std::string_view text, bool is_main_file);
  Result<void> on_line(std::string_view line, bool is_main_file);
  Result<void> on_option(const Option& option, std::string_view name, std::string_view rest);
  Result<void> enter_scope(const Option& option);
  Result<void> on_include_dir(std::string_view rest, bool is_main_file);
  Result<void> read_included_file(const std::string& path);

  Files& files_;
  Draft draft_;
  Survey* survey_;
};

Error located(const Error& error, std::string_view place) {
  return {fmt::format("{}\nError found at {}.", error.text, place), error.code};
}

Result<void> Parser::read_main_file(const std::string& path) {
  const Result<std::string> text = files_.read(path);
  if (!text) return text.error();
  return read_text(path, *text, /*is_main_file=*/true);
}

Result<void> Parser::read_text(const std::string& path, std::string_view text, bool is_main_file) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r')) line.remove_suffix(1);
    const std::string place = fmt::format("{}:{}", path, number);
    draft_.set_place(place);
    const Result<void> read = on_line(line, is_main_file);
    if (read) continue;
    if (survey_ == nullptr) return located(read.error(), place);
    if (survey_->uses.empty() || survey_->uses.back().place != place ||
        !survey_->uses.back().refused) {
      survey_->faults.push_back({read.error().text, place});
    }
  }
  return {};
}

Result<void> Parser::on_line(std::string_view line, bool is_main_file) {
  if (line.starts_with('#')) return {};
  std::string_view rest = line;
  const std::string_view name = next_word(rest);
  if (name.empty()) return {};
  const Option* option = find_option(name);
  if (option == nullptr) {
    return fault(fmt::format("Error: Unknown configuration variable \"{}\".", name));
  }
  if (survey_ != nullptr) survey_->uses.push_back({option, std::string(name), draft_.place()});
  if (option->behaviour.set == nullptr) return on_include_dir(rest, is_main_file);
  return on_option(*option, name, rest);
}

Result<void> Parser::on_option(const Option& option, std::string_view name, std::string_view rest) {
  if (option.status == Status::later) {
    // Before anything else: that the option cannot be used at all is what the user has to know.
    Result<void> refused = option.behaviour.set(draft_, name, rest);
    if (refused) return enter_scope(option);
    if (survey_ != nullptr) survey_->uses.back().refused = true;
    return refused;
  }
  Result<void> entered = enter_scope(option);
  if (!entered) return entered;
  if (!option.instead.empty() && !draft_.config.is_v2_0()) {
    draft_.note(LogType::notice,
                fmt::format("The '{}' option is now deprecated and will be removed in a future "
                            "version. {}",
                            name, option.instead));
  }
  return option.behaviour.set(draft_, name, rest);
}

Result<void> Parser::enter_scope(const Option& option) {
  switch (option.scope) {
    case Scope::global:
    case Scope::bridge:
    case Scope::plugin:
      return {};
    case Scope::security:
      draft_.security_option_given = true;
      return {};
    case Scope::listener:
      if (draft_.in_listener()) return {};
      return fault(fmt::format("Error: The '{}' option requires a listener to be defined first.",
                               option.name));
    case Scope::default_listener:
      if (!draft_.in_listener()) draft_.open_default_listener_for(option.name);
      return {};
  }
  return {};
}

Result<void> Parser::on_include_dir(std::string_view rest, bool is_main_file) {
  const Result<std::string> directory = text_value("include_dir", rest);
  if (!directory) return directory.error();
  if (!is_main_file) {
    draft_.note(
        LogType::warning,
        fmt::format("Warning: include_dir {} is ignored, it works in the main configuration "
                    "file only.",
                    *directory));
    return {};
  }
  Result<std::vector<std::string>> names = files_.list(*directory);
  if (!names) return names.error();
  for (const std::string& name : in_include_order(std::move(*names))) {
    Result<void> read = read_included_file(fmt::format("{}/{}", *directory, name));
    if (!read) return read;
  }
  return {};
}

Result<void> Parser::read_included_file(const std::string& path) {
  draft_.note(LogType::notice, fmt::format("Loading config file {}", path));
  const Result<std::string> text = files_.read(path);
  if (!text) return text.error();
  const auto outer = draft_.swap_current(std::nullopt);
  Result<void> read = read_text(path, *text, /*is_main_file=*/false);
  draft_.swap_current(outer);
  return read;
}

Result<ParseOutcome> Parser::finish(const std::vector<uint16_t>& ports) {
  const std::optional<Draft::Fault> found = draft_.finish(ports);
  if (found && survey_ != nullptr) {
    survey_->faults.push_back({found->text, found->place});
  } else if (found) {
    const Error error = fault(found->text);
    return found->place.empty() ? error : located(error, found->place);
  }
  return ParseOutcome{std::move(draft_.config), std::move(draft_.notices)};
}

}  // namespace

Result<ParseOutcome> parse_file(Files& files, const std::string& path,
                                const ParseSettings& settings) {
  const Compatibility expected = settings.forced_compatibility.value_or(settings.compatibility);
  Parser parser(files, expected, settings.survey);
  const Result<void> read = parser.read_main_file(path);
  if (!read) return read.error();
  if (!settings.forced_compatibility && parser.compatibility().value_or(expected) != expected) {
    // The files name the other generation, perhaps on their last line: its defaults hold from the
    // first one.
    ParseSettings again = settings;
    again.forced_compatibility = parser.compatibility();
    return parse_file(files, path, again);
  }
  return parser.finish(settings.ports);
}

Result<ParseOutcome> parse_nothing(const ParseSettings& settings) {
  class NoFiles final : public Files {
   public:
    Result<std::string> read(const std::string& /*path*/) override { return std::string(); }

    Result<std::vector<std::string>> list(const std::string& /*directory*/) override {
      return std::vector<std::string>();
    }
  };

  NoFiles files;
  return parse_file(files, "", settings);
}

}  // namespace tombo::config
