#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <fmt/core.h>

#include "auth/password_hash.h"
#include "auth/scram_keys.h"
#include "tools/ask_password.h"
#include "tools/locked_file.h"
#include "tools/passwd_options.h"
#include "tools/password_lines.h"

// tombo_passwd makes and changes password files, as mosquitto_passwd of Mosquitto 2.0 and 2.1 does,
// and scram_files of tombo's.
namespace tombo::tools {
namespace {

int fail(const Error& error) {
  fmt::print(stderr, "{}\n", error.text);
  return error.code;
}

Links links_of(const PasswdOptions& options) {
  const bool is_allowed =
      options.is_v2_0 || std::getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != nullptr;
  return is_allowed ? Links::follow : Links::refuse;
}

Result<std::string> hash(const PasswdOptions& options, std::string_view password) {
  Result<std::string> hashed =
      options.is_scram ? auth::make_scram_keys(password, options.scram_iterations)
                       : auth::hash_password(password, options.cost, options.salt_bytes);
  if (!hashed) return Error{fmt::format("Error: {}.", hashed.error().text)};
  return hashed;
}

/// The user's hash, after asking for the password if it was not given.
Result<std::string> hash_of_user(const PasswdOptions& options) {
  if (options.has_batch) return hash(options, options.password);
  const Result<std::string> password =
      ask_password(options.is_to_stdout() ? STDERR_FILENO : STDOUT_FILENO);
  if (!password) return password.error();
  if (const Result<void> fine = check_password(*password, options.is_scram); !fine)
    return fine.error();
  return hash(options, *password);
}

void tell(const PasswdOptions& options, std::string_view what) {
  if (!options.is_v2_0) fmt::print("{} password for user {}\n", what, options.user);
}

void tell_corrupt_lines(const ChangedLines& changed) {
  for (const size_t number : changed.corrupt_lines) {
    fmt::print(stderr, "Error: Corrupt password file at line {}.\n", number);
  }
}

/// The text of the file with the user's line changed or added. A scram_file gets a secret if it has
/// none.
Result<ChangedLines> with_user(const PasswdOptions& options, std::string_view text,
                               std::string_view hashed) {
  ChangedLines changed = set_password(text, options.user, hashed);
  const bool has_secret = changed.text.find(auth::kScramSecretPrefix) != std::string::npos;
  if (!options.is_scram || has_secret || options.is_to_stdout()) return changed;
  const Result<std::string> secret = auth::make_scram_secret_line();
  if (!secret) return Error{fmt::format("Error: {}.", secret.error().text)};
  changed.text.insert(0, *secret + "\n");
  return changed;
}

/// The text of a file to which a line is to be added. It fails with lines of the other kind: with
/// both, the broker could not read it.
Result<std::string> read_for_adding(const PasswdOptions& options, const LockedFile& file) {
  Result<std::string> text = file.read();
  if (!text) return text;
  const size_t number = line_of_other_kind(*text, options.is_scram);
  if (number == 0) return text;
  return Error{options.is_scram
                   ? fmt::format("Error: {}:{} is no line of a scram_file.", options.path, number)
                   : fmt::format("Error: {}:{} is a line of a scram_file: use --scram.",
                                 options.path, number)};
}

/// May a file with this name be made?
Result<void> check_overwriting(const PasswdOptions& options) {
  if (options.is_v2_0 || !is_taken(options.path)) return {};
  if (::isatty(STDIN_FILENO) == 1 &&
      ask_yes(fmt::format("File {} exists. Overwrite it? [y/N] ", options.path))) {
    return {};
  }
  return Error{
      fmt::format("Error: Unable to open file {} for writing. File exists.", options.path)};
}

int create(const PasswdOptions& options) {
  if (!options.is_to_stdout()) {
    if (const Result<void> may = check_overwriting(options); !may) return fail(may.error());
  }
  const bool overwrites = !options.is_to_stdout() && is_taken(options.path);
  const Result<std::string> hashed = hash_of_user(options);
  if (!hashed) return fail(hashed.error());
  const Result<ChangedLines> made = with_user(options, {}, *hashed);
  if (!made) return fail(made.error());
  const std::string& text = made->text;
  if (options.is_to_stdout()) {
    fmt::print("{}", text);
    return 0;
  }
  Result<void> written;
  if (overwrites) {
    const Result<LockedFile> file = LockedFile::open(options.path, links_of(options));
    if (!file) return fail(file.error());
    written = file->replace(text);
  } else {
    written = create_file(options.path, text);
  }
  if (!written) return fail(written.error());
  tell(options, "Adding");
  return 0;
}

int set(const PasswdOptions& options) {
  // Before a question is asked in vain.
  if (const auto file = LockedFile::open(options.path, links_of(options)); !file) {
    return fail(file.error());
  } else if (const auto text = read_for_adding(options, *file); !text) {
    return fail(text.error());
  }
  const Result<std::string> hashed = hash_of_user(options);
  if (!hashed) return fail(hashed.error());
  const Result<LockedFile> file = LockedFile::open(options.path, links_of(options));
  if (!file) return fail(file.error());
  const Result<std::string> text = read_for_adding(options, *file);
  if (!text) return fail(text.error());
  const Result<ChangedLines> changed = with_user(options, *text, *hashed);
  if (!changed) return fail(changed.error());
  tell_corrupt_lines(*changed);
  if (const auto written = file->replace(changed->text); !written) return fail(written.error());
  tell(options, changed->has_found ? "Updating" : "Adding");
  return 0;
}

int remove(const PasswdOptions& options) {
  const Result<LockedFile> file = LockedFile::open(options.path, links_of(options));
  if (!file) return fail(file.error());
  const Result<std::string> text = file->read();
  if (!text) return fail(text.error());
  const ChangedLines changed = remove_user(*text, options.user);
  tell_corrupt_lines(changed);
  if (!changed.has_found) {
    fmt::print(stderr, "Warning: User {} not found in password file.\n", options.user);
    return 1;
  }
  if (const auto written = file->replace(changed.text); !written) return fail(written.error());
  return 0;
}

int hash_all(const PasswdOptions& options) {
  const Result<LockedFile> file = LockedFile::open(options.path, links_of(options));
  if (!file) return fail(file.error());
  const Result<std::string> text = file->read();
  if (!text) return fail(text.error());
  const Result<std::string> changed = hash_plain_passwords(
      *text, [&options](std::string_view password) { return hash(options, password); });
  if (!changed) return fail(changed.error());
  if (const auto written = file->replace(*changed); !written) return fail(written.error());
  return 0;
}

int carry_out(const PasswdOptions& options) {
  switch (options.action) {
    case PasswdAction::show_usage:
      fmt::print("{}", passwd_usage(options.is_v2_0));
      return 1;
    case PasswdAction::set:
      return options.is_create ? create(options) : set(options);
    case PasswdAction::remove:
      return remove(options);
    case PasswdAction::hash_all:
      return hash_all(options);
  }
  return 1;
}

int run(std::span<const char* const> arguments) {
  const char* value = std::getenv("TOMBO_COMPATIBILITY");
  const std::string_view compatibility = value == nullptr ? "2.1" : value;
  if (compatibility != "2.0" && compatibility != "2.1") {
    return fail(
        Error{fmt::format("Error: Invalid TOMBO_COMPATIBILITY value ({}).", compatibility)});
  }
  const Result<PasswdOptions> options = parse_passwd_options(arguments, compatibility == "2.0");
  if (!options) return fail(options.error());
  const int status = carry_out(*options);
  if (std::fflush(stdout) != 0) {
    std::perror("Error: Unable to write the output");
    return 1;
  }
  return status;
}

}  // namespace
}  // namespace tombo::tools

int main(int argc, char** argv) {
  const std::span<const char* const> all(argv, static_cast<size_t>(argc));
  return tombo::tools::run(all.subspan(all.empty() ? 0 : 1));
}
