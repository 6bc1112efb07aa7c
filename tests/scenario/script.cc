#include "scenario/script.h"

#include <algorithm>
#include <cstdint>

#include <fmt/core.h>

namespace tombo::scenario {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Reads what follows a backslash at `at`; moves `at` to its last character.
bool read_escape(std::string_view line, size_t& at, std::string& word) {
  if (at + 1 >= line.size()) return false;
  const char kind = line[at + 1];
  if (kind == '\\' || kind == '"') {
    word += kind;
    at += 1;
    return true;
  }
  if (kind != 'x' || at + 3 >= line.size()) return false;
  const int high = digit(line[at + 2]);
  const int low = digit(line[at + 3]);
  if (high < 0 || low < 0) return false;
  word += static_cast<char>(high * 16 + low);
  at += 3;
  return true;
}

std::string_view take_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

/// Reads the lines of one step; false when the file ends before a `----`.
class StepReader {
 public:
  StepReader(std::string_view& rest, size_t& line) : rest_(rest), line_(line) {}

  /// True: `step` is whole. False: end of file (its text is what was left) or `error` is set.
  bool read(Step& step, std::string& error) {
    while (!rest_.empty()) {
      const std::string_view line = take_line(rest_);
      ++line_;
      if (line == "----") {
        read_expected(step);
        return true;
      }
      step.text += line;
      step.text += '\n';
      if (is_blank(line) || line.front() == '#') continue;
      if (!add_line(line, step)) {
        error = fmt::format("line {}: cannot be read: {}", line_, line);
        return false;
      }
    }
    if (!step.commands.empty()) error = fmt::format("line {}: commands without ----", line_);
    return false;
  }

 private:
  bool add_line(std::string_view line, Step& step) const {
    if (line.front() == ' ') {
      if (step.commands.empty()) return false;
      step.commands.back().block.emplace_back(line.substr(line.find_first_not_of(' ')));
      return true;
    }
    Command command{.line = line_, .words = {}, .block = {}};
    if (!split_words(line, command.words)) return false;
    step.commands.push_back(std::move(command));
    return true;
  }

  void read_expected(Step& step) {
    step.expected_line = line_ + 1;
    while (!rest_.empty()) {
      const std::string_view line = take_line(rest_);
      ++line_;
      if (line.empty()) return;
      step.expected.emplace_back(line);
    }
  }

  std::string_view& rest_;
  size_t& line_;
};

}  // namespace

bool split_words(std::string_view line, std::vector<std::string>& words) {
  std::string word;
  bool inside = false;
  bool quoted = false;
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (c == '\\') {
      if (!read_escape(line, at, word)) return false;
      inside = true;
    } else if (c == '"') {
      quoted = !quoted;
      inside = true;
    } else if (c == ' ' && !quoted) {
      if (inside) words.push_back(std::move(word));
      word.clear();
      inside = false;
    } else {
      word += c;
      inside = true;
    }
  }
  if (inside) words.push_back(std::move(word));
  return !quoted && !words.empty();
}

Script parse_script(std::string_view text) {
  Script script;
  size_t line = 0;
  StepReader reader(text, line);
  while (true) {
    Step step;
    if (!reader.read(step, script.error)) {
      script.tail = std::move(step.text);
      return script;
    }
    script.steps.push_back(std::move(step));
  }
}

std::string format_step(const Step& step, const std::vector<std::string>& output) {
  std::string text = step.text + "----\n";
  for (const std::string& line : output) text += line + "\n";
  return text + "\n";
}

std::string unified_diff(const std::vector<std::string>& expected,
                         const std::vector<std::string>& actual, std::string_view file,
                         size_t first_line) {
  if (expected == actual) return {};
  // Longest common subsequence; the lists are short.
  const size_t rows = expected.size();
  const size_t columns = actual.size();
  std::vector<std::vector<uint32_t>> common(rows + 1, std::vector<uint32_t>(columns + 1, 0));
  for (size_t i = rows; i-- > 0;) {
    for (size_t k = columns; k-- > 0;) {
      common[i][k] = expected[i] == actual[k] ? common[i + 1][k + 1] + 1
                                              : std::max(common[i + 1][k], common[i][k + 1]);
    }
  }
  std::string out;
  size_t i = 0;
  size_t k = 0;
  while (i < rows || k < columns) {
    if (i < rows && k < columns && expected[i] == actual[k]) {
      out += fmt::format("{}:{}:   {}\n", file, first_line + i, expected[i]);
      ++i;
      ++k;
    } else if (k == columns || (i < rows && common[i + 1][k] >= common[i][k + 1])) {
      out += fmt::format("{}:{}: - {}\n", file, first_line + i, expected[i]);
      ++i;
    } else {
      out += fmt::format("{}:{}: + {}\n", file, first_line + i, actual[k]);
      ++k;
    }
  }
  return out;
}

}  // namespace tombo::scenario
