#include "auth/password_file.h"

#include <array>
#include <fstream>
#include <utility>

#include <fmt/core.h>
#include <openssl/rand.h>

#include "base/check.h"
#include "base/hash.h"

namespace tombo::auth {
namespace {

/// Mosquitto's exit status when it cannot open a password file.
constexpr int kCannotOpen = 13;
/// And for a file with a line that is not right, since 2.1.
constexpr int kInvalidLine = 3;

std::string_view without_trailing_blanks(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
}

struct Place {
  const std::string& path;
  size_t line;
};

struct Entry {
  std::string_view user;
  PasswordHash hash;
};

/// A line that is neither empty nor a comment. The words of errors are those of Mosquitto 2.1.
Result<Entry> read_entry(std::string_view line, const Place& place) {
  const auto fault = [&place](std::string_view what, std::string_view why) {
    return Error{fmt::format("{} in password file {}:{}: {}.", what, place.path, place.line, why),
                 kInvalidLine};
  };
  constexpr std::string_view kInvalid = "Invalid line";
  if (line.size() > PasswordFile::kLineBytesMax) return fault(kInvalid, "too long");
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return fault(kInvalid, "no ':' behind the user name");
  if (colon == 0) return fault(kInvalid, "no user name");
  if (colon > PasswordFile::kUserBytesMax) return fault(kInvalid, "the user name is too long");
  Result<PasswordHash> hash = parse_password_hash(line.substr(colon + 1));
  if (!hash) return fault("Unable to decode line", hash.error().text);
  return Entry{line.substr(0, colon), std::move(*hash)};
}

}  // namespace

Result<PasswordFile> PasswordFile::load(const std::string& path, BadLines bad_lines) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::array<char, size_t{64} * 1024> part{};
  while (file && text.size() <= kFileBytesMax) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<size_t>(file.gcount()));
  }
  if (!file.is_open() || file.bad()) {
    return Error{fmt::format("Error: Unable to open pwfile \"{}\".\n"
                             "Error opening password file \"{}\".",
                             path, path),
                 kCannotOpen};
  }
  if (text.size() > kFileBytesMax) {
    return Error{
        fmt::format("Error: The password file {} has more than {} bytes.", path, kFileBytesMax)};
  }
  return parse(text, path, bad_lines);
}

Result<PasswordFile> PasswordFile::parse(std::string_view text, const std::string& path,
                                         BadLines bad_lines) {
  PasswordFile file;
  file.path_ = path;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&file.seed_), sizeof file.seed_) == 1);
  size_t skipped = 0;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = without_trailing_blanks(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    Result<Entry> entry = read_entry(line, {path, number});
    if (!entry && bad_lines == BadLines::refuse) {
      return Error{"Error: " + entry.error().text, entry.error().code};
    }
    if (!entry) {
      if (++skipped <= kSkippedToldMax) file.warnings_.push_back("Warning: " + entry.error().text);
      continue;
    }
    const bool first = file.users_.emplace(entry->user, file.hashes_.size()).second;
    if (first) file.hashes_.push_back(std::move(entry->hash));
  }
  if (skipped > kSkippedToldMax) {
    file.warnings_.push_back(fmt::format("Warning: {} more lines of that kind in password file {}.",
                                         skipped - kSkippedToldMax, path));
  }
  return file;
}

bool PasswordFile::check(std::string_view user, std::string_view password) const {
  if (hashes_.empty()) return false;
  const auto found = users_.find(user);
  const bool known = found != users_.end();
  const size_t index = known ? found->second : hash64(user, seed_) % hashes_.size();
  const bool equal = matches(hashes_[index], password);
  return known && equal;
}

std::string PasswordFile::why_refused(std::string_view user) const {
  return fmt::format("password_file {}: {} user '{}'", path_,
                     users_.contains(user) ? "wrong password of" : "there is no", user);
}

}  // namespace tombo::auth
