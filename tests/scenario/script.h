#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tombo::scenario {

/// A command line taken apart, with the indented lines below it.
struct Command {
  size_t line = 0;                 ///< in the file, from 1
  std::vector<std::string> words;  ///< quotes resolved; never empty
  std::vector<std::string> block;  ///< the indented lines, without the indentation
};

/// Commands up to a `----` and what they are expected to bring about.
struct Step {
  std::string text;  ///< everything in front of `----` as it stands in the file
  std::vector<Command> commands;
  std::vector<std::string> expected;
  size_t expected_line = 0;  ///< of the first expected line
};

struct Script {
  std::vector<Step> steps;
  std::string tail;   ///< what stands behind the last step: blank lines and comments
  std::string error;  ///< why it could not be read; empty: it could
};

/// Reads a script. Never fails but by Script::error.
Script parse_script(std::string_view text);

/// One step as it stands in a file, with this output.
std::string format_step(const Step& step, const std::vector<std::string>& output);

/// Splits a command line at blanks. `"two words"` is one word, `\xNN` a byte, `\\` a backslash.
/// False when a quote is not closed or an escape is wrong.
bool split_words(std::string_view line, std::vector<std::string>& words);

/// Lines with - and + in front where the two differ, some lines around them, line numbers of the
/// file. Empty when they are equal.
std::string unified_diff(const std::vector<std::string>& expected,
                         const std::vector<std::string>& actual, std::string_view file,
                         size_t first_line);

}  // namespace tombo::scenario
