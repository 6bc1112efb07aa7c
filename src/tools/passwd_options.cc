#include "tools/passwd_options.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include <fmt/core.h>

namespace tombo::tools {
namespace {

using auth::HashKind;
using Arguments = std::span<const char* const>;

constexpr size_t kUserBytesMax = 65'535;

/// The switches in front of the file name, as they were given.
struct Switches {
  bool batch = false;
  bool create = false;
  bool remove = false;
  bool update = false;
  bool scram = false;
  std::optional<HashKind> kind;
  std::optional<uint32_t> iterations;
};

std::optional<HashKind> kind_of(std::string_view name, bool is_v2_0) {
  if (name == "sha512") return HashKind::sha512;
  if (name == "sha512-pbkdf2") return HashKind::pbkdf2;
  if (name == "argon2id" && !is_v2_0) return HashKind::argon2id;
  return std::nullopt;
}

Result<uint32_t> iterations_of(std::string_view text) {
  int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || (error == std::errc() && value < 1)) {
    return Error{"Error: Number of iterations must be > 0."};
  }
  if (error != std::errc() || stop != end || value > auth::kIterationsMax) {
    return Error{fmt::format("Error: Number of iterations must be a number from 1 to {}.",
                             auth::kIterationsMax)};
  }
  return static_cast<uint32_t>(value);
}

/// Takes a switch, with its value if it has one, off the front. False: there is no such switch.
Result<bool> take_switch(Arguments& arguments, bool is_v2_0, Switches& given) {
  const std::string_view name = arguments.front();
  arguments = arguments.subspan(1);
  if (name == "-b") {
    given.batch = true;
  } else if (name == "-c") {
    given.create = true;
  } else if (name == "-D") {
    given.remove = true;
  } else if (name == "-U") {
    given.update = true;
  } else if (name == "--scram") {
    given.scram = true;
  } else if (name == "-H" || name == "-I") {
    if (arguments.empty()) {
      return Error{fmt::format("Error: {} argument given but not enough other arguments.", name)};
    }
    const std::string_view value = arguments.front();
    arguments = arguments.subspan(1);
    if (name == "-H") {
      const std::optional<HashKind> kind = kind_of(value, is_v2_0);
      if (!kind) return Error{fmt::format("Error: Unknown hash type '{}'", value)};
      given.kind = *kind;
    } else {
      const Result<uint32_t> iterations = iterations_of(value);
      if (!iterations) return iterations.error();
      given.iterations = *iterations;
    }
  } else {
    return false;
  }
  return true;
}

Result<void> check_together(const Switches& given) {
  const auto clash = [](std::string_view one, std::string_view other) {
    return Error{fmt::format("Error: {} and {} cannot be used together.", one, other)};
  };
  if (given.create && given.remove) return clash("-c", "-D");
  if (given.create && given.update) return clash("-c", "-U");
  if (given.remove && given.update) return clash("-D", "-U");
  if (given.batch && given.remove) return clash("-b", "-D");
  if (given.scram && given.update) return clash("--scram", "-U");
  if (given.scram && given.kind) return clash("--scram", "-H");
  if (given.scram &&
      given.iterations.value_or(auth::kScramIterationsMin) < auth::kScramIterationsMin) {
    return Error{fmt::format("Error: Number of iterations with --scram must be {} to {}.",
                             auth::kScramIterationsMin, auth::kScramIterationsMax)};
  }
  return {};
}

void choose_cost(const Switches& given, PasswdOptions& options) {
  const HashKind usual = options.is_v2_0 ? HashKind::pbkdf2 : HashKind::argon2id;
  options.cost.kind = given.kind.value_or(usual);
  options.salt_bytes = options.is_v2_0 ? 12 : 64;
  // Passes of argon2id; -I is of PBKDF2 alone.
  options.cost.iterations = 1;
  if (options.cost.kind == HashKind::pbkdf2) {
    options.cost.iterations = given.iterations.value_or(options.is_v2_0 ? 101 : 1'000);
  }
  options.scram_iterations = given.iterations.value_or(auth::kScramIterationsDefault);
}

/// Gives the words behind the switches their meaning.
Result<void> read_words(Arguments words, const Switches& given, PasswdOptions& options) {
  if (given.update) {
    if (words.size() != 1) return Error{"Error: -U argument given but password file missing."};
    options.action = PasswdAction::hash_all;
  } else if (given.remove) {
    if (words.size() != 2) {
      return Error{"Error: -D argument given but password file or username missing."};
    }
    options.action = PasswdAction::remove;
  } else {
    const size_t wanted = given.batch ? 3 : 2;
    if (given.create && words.size() < wanted) {
      return Error{given.batch ? "Error: -c argument given but password file, username, or "
                                 "password missing."
                               : "Error: -c argument given but password file or username missing."};
    }
    // Too many words are no file that is created by mistake with a password for its user's name.
    if (words.size() != wanted) return {};
    options.action = PasswdAction::set;
  }
  options.path = words[0];
  if (words.size() > 1) options.user = words[1];
  if (words.size() > 2) options.password = words[2];
  return {};
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto code = static_cast<unsigned char>(c);
    return code < 0x20 || code == 0x7f;
  });
}

}  // namespace

Result<PasswdOptions> parse_passwd_options(Arguments arguments, bool is_v2_0) {
  PasswdOptions options;
  options.is_v2_0 = is_v2_0;
  Switches given;
  while (!arguments.empty() && arguments.front()[0] == '-' && arguments.front()[1] != '\0') {
    const Result<bool> taken = take_switch(arguments, is_v2_0, given);
    if (!taken) return taken.error();
    if (!*taken) return options;
  }
  if (const Result<void> together = check_together(given); !together) return together.error();
  options.is_create = given.create;
  options.has_batch = given.batch;
  options.is_scram = given.scram;
  choose_cost(given, options);
  if (const Result<void> read = read_words(arguments, given, options); !read) return read.error();
  if (options.action == PasswdAction::set || options.action == PasswdAction::remove) {
    if (const Result<void> fine = check_user_name(options.user, given.scram); !fine)
      return fine.error();
  }
  if (options.has_batch && options.action == PasswdAction::set) {
    const Result<void> fine = check_password(options.password, given.scram);
    if (!fine) return fine.error();
  }
  return options;
}

Result<void> check_user_name(std::string_view user, bool is_scram) {
  if (user.size() > kUserBytesMax) {
    return Error{"Error: Username must be less than 65536 characters long."};
  }
  if (user.find(':') != std::string_view::npos) {
    return Error{"Error: Username must not contain the ':' character."};
  }
  if (has_control_characters(user)) {
    return Error{"Error: Username must not contain control characters."};
  }
  if (user.empty()) return Error{"Error: Username must not be empty."};
  // Its line would be a comment.
  if (user.front() == '#') return Error{"Error: Username must not begin with the '#' character."};
  if (is_scram && (user.size() > auth::kScramUserBytesMax || !auth::is_scram_text(user))) {
    return Error{
        fmt::format("Error: Username for SCRAM must have printable ASCII characters alone, "
                    "{} at most.",
                    auth::kScramUserBytesMax)};
  }
  return {};
}

Result<void> check_password(std::string_view password, bool is_scram) {
  if (password.size() > kPasswordBytesMax) {
    return Error{"Error: Password must be less than 65536 characters long."};
  }
  if (is_scram && !auth::is_scram_text(password)) {
    return Error{
        "Error: Password for SCRAM must have printable ASCII characters alone, and at least one."};
  }
  return {};
}

std::string passwd_usage(bool is_v2_0) {
  const std::string_view hashes = is_v2_0 ? "[-H sha512 | -H sha512-pbkdf2]" : "[-H hash]";
  const std::string_view hash_help =
      is_v2_0 ? " -H : specify the hashing algorithm: sha512-pbkdf2 (default) or sha512, which\n"
                "      is for Mosquitto 1.6 and earlier.\n"
              : " -H : specify the hashing algorithm: argon2id (default), sha512-pbkdf2, which\n"
                "      Mosquitto 2.0 reads, or sha512, which is for Mosquitto 1.6 and earlier.\n";
  return fmt::format(
      "tombo_passwd is a tool for managing password files of tombo and mosquitto.\n\n"
      "Usage: tombo_passwd {0} [-c | -D] passwordfile username\n"
      "       tombo_passwd {0} [-c] -b passwordfile username password\n"
      "       tombo_passwd {0} -U passwordfile\n"
      "       tombo_passwd --scram [-I iterations] [-c] [-b] scramfile username [password]\n"
      "       tombo_passwd --scram -D scramfile username\n"
      " -b : run in batch mode: the password is on the command line, where others can see it.\n"
      " -c : create a new password file.{1}\n"
      " -D : delete the username rather than adding or updating its password.\n"
      "{2}"
      " -I : the number of iterations of sha512-pbkdf2, 1 to {3}; {4} if not given.\n"
      " -U : hash the passwords of a file that has them as plain text.\n"
      " --scram : the file is a scram_file of tombo's, for the MQTT 5 authentication method\n"
      "      SCRAM-SHA-256; -I is {5} to {6}, {7} if not given.\n",
      hashes,
      is_v2_0 ? " This overwrites an existing file."
              : " At a terminal it asks before it overwrites one,\n"
                "      else it does not. With - for a file, the line goes to standard output.",
      hash_help, auth::kIterationsMax, is_v2_0 ? 101 : 1'000, auth::kScramIterationsMin,
      auth::kScramIterationsMax, auth::kScramIterationsDefault);
}

}  // namespace tombo::tools
