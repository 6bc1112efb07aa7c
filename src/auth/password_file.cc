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

Error fault(const std::string& path, size_t line, std::string_view why) {
  return {fmt::format("Error: Invalid line in password file {}:{}: {}.", path, line, why)};
}

std::string_view without_trailing_blanks(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
}

}  // namespace

Result<PasswordFile> PasswordFile::load(const std::string& path) {
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
  return parse(text, path);
}

Result<PasswordFile> PasswordFile::parse(std::string_view text, const std::string& path) {
  PasswordFile file;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&file.seed_), sizeof file.seed_) == 1);
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = without_trailing_blanks(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.front() == '#') continue;
    if (line.size() > kLineBytesMax) return fault(path, number, "too long");
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return fault(path, number, "no ':' behind the user name");
    if (colon == 0) return fault(path, number, "no user name");
    if (colon > kUserBytesMax) return fault(path, number, "the user name is too long");
    Result<PasswordHash> hash = parse_password_hash(line.substr(colon + 1));
    if (!hash) return fault(path, number, hash.error().text);
    const bool first =
        file.users_.emplace(std::string(line.substr(0, colon)), file.hashes_.size()).second;
    if (first) file.hashes_.push_back(std::move(*hash));
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

}  // namespace tombo::auth
