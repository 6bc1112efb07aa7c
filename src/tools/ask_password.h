#pragma once

#include <string>

#include "base/result.h"

namespace tombo::tools {

/// Asks twice, on the descriptor `questions`, and reads two lines from standard input. A terminal
/// does not show what is typed, and is as before when a signal ends or stops the program meanwhile.
/// The error is Mosquitto's, and its code the exit status: 1 for no password, 2 for two.
Result<std::string> ask_password(int questions);

/// Asks for a yes; anything else, and the end of the input, is a no.
bool ask_yes(const std::string& question);

}  // namespace tombo::tools
