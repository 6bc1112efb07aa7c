#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "auth/password_hash.h"
#include "auth/scram_keys.h"
#include "base/result.h"

namespace tombo::tools {

enum class PasswdAction : uint8_t {
  show_usage,  ///< Status 1, as with Mosquitto.
  set,         ///< Adds a user or changes the password of one.
  remove,      ///< `-D`
  hash_all,    ///< `-U`: hashes the plain passwords of a file.
};

/// What a command line of tombo_passwd asks for.
struct PasswdOptions {
  PasswdAction action = PasswdAction::show_usage;
  bool is_v2_0 = false;    ///< Behaves as mosquitto_passwd of Mosquitto 2.0 does.
  bool is_create = false;  ///< `-c`: a new file, with action set alone.
  bool has_batch = false;  ///< `-b`: the password is on the command line.
  bool is_scram = false;   ///< `--scram`: the file is a scram_file.
  auth::HashCost cost;     ///< `-H` and `-I`
  uint32_t scram_iterations = auth::kScramIterationsDefault;  ///< `-I` with `--scram`
  size_t salt_bytes = 64;
  std::string path;
  std::string user;
  std::string password;

  /// `-c -`: the new line goes to standard output, there is no file.
  [[nodiscard]] bool is_to_stdout() const { return is_create && !is_v2_0 && path == "-"; }
};

inline constexpr size_t kPasswordBytesMax = 65'535;

/// Reads the arguments behind the program's name, as mosquitto_passwd 2.0.22 or 2.1.2 would. The
/// error is in Mosquitto's words; its code is the exit status.
Result<PasswdOptions> parse_passwd_options(std::span<const char* const> arguments, bool is_v2_0);

/// Fails for a user name that no line of such a file can begin with.
Result<void> check_user_name(std::string_view user, bool is_scram = false);

/// Fails for a password that no client can log in with.
Result<void> check_password(std::string_view password, bool is_scram = false);

std::string passwd_usage(bool is_v2_0);

}  // namespace tombo::tools
