#include "auth/scram_file.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/core.h>
#include <openssl/rand.h>

#include "base/base64.h"
#include "base/check.h"

namespace tombo::auth {
namespace {

// Exit statuses, those of a password file.
constexpr int kCannotOpen = 13;
constexpr int kInvalidLine = 3;

Error fault(const std::string& path, size_t line, std::string_view why) {
  return {fmt::format("Error: Invalid line in scram file {}:{}: {}.", path, line, why),
          kInvalidLine};
}

/// Takes the text in front of `end` off `rest`; all of it when `end` does not come.
std::string_view take(std::string_view& rest, char end) {
  const size_t at = rest.find(end);
  const std::string_view part = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

/// For files without a secret: one for the life of the process: were it new with every reload, the
/// salts of unknown users would change with a SIGHUP, and those of known ones would not.
const std::string& process_secret() {
  static const std::string kSecret = [] {
    std::string bytes(kScramSecretBytes, '\0');
    CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                     static_cast<int>(bytes.size())) == 1);
    return bytes;
  }();
  return kSecret;
}

}  // namespace

Result<ScramFile> ScramFile::load(const std::string& path) {
  const Error cannot_open{fmt::format("Error: Unable to open scram file \"{}\".", path),
                          kCannotOpen};
  std::error_code ignored;
  // A directory, a device or a pipe would have no end, or none of any use.
  if (!std::filesystem::is_regular_file(path, ignored)) return cannot_open;
  if (std::filesystem::file_size(path, ignored) > kFileBytesMax) {
    return Error{
        fmt::format("Error: The scram file {} has more than {} bytes.", path, kFileBytesMax),
        kInvalidLine};
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return cannot_open;
  return parse(text, path, process_secret());
}

Result<ScramFile> ScramFile::parse(std::string_view text, const std::string& path,
                                   std::string_view secret) {
  ScramFile file;
  file.path_ = path;
  file.secret_ = secret;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take(text, '\n');
    line = line.substr(0, line.find_last_not_of(" \t\r\v\f") + 1);
    if (line.starts_with(kScramSecretPrefix)) {
      const auto own = from_base64(line.substr(kScramSecretPrefix.size()), Padding::equals_signs);
      if (!own || own->size() != kScramSecretBytes) {
        return fault(path, number, "the secret is not 32 bytes of base64");
      }
      file.secret_ = *own;
    }
    if (line.empty() || line.front() == '#') continue;
    if (line.find(':') == std::string_view::npos) {
      return fault(path, number, "no ':' behind the user name");
    }
    const std::string_view user = take(line, ':');
    if (user.empty()) return fault(path, number, "no user name");
    if (user.size() > kScramUserBytesMax) return fault(path, number, "the user name is too long");
    if (!is_scram_text(user)) {
      return fault(path, number, "the user name has characters that are not printable ASCII");
    }
    Result<ScramKeys> keys = parse_scram_keys(line);
    if (!keys) return fault(path, number, keys.error().text);
    const bool first = file.users_.emplace(std::string(user), file.keys_.size()).second;
    if (first) file.keys_.push_back(std::move(*keys));
  }
  return file;
}

ScramKeys ScramFile::find(std::string_view user) const {
  // Made for known users too: the time does not tell.
  ScramKeys keys = invented(user);
  const auto found = users_.find(user);
  return found == users_.end() ? keys : keys_[found->second];
}

std::string ScramFile::why_refused(std::string_view user) const {
  return fmt::format("scram_file {}: {} user '{}'", path_,
                     users_.contains(user) ? "wrong password of" : "there is no", user);
}

ScramKeys ScramFile::invented(std::string_view user) const {
  const auto derived = [&](std::string_view what) {
    return hmac_sha256(secret_, fmt::format("{} of {}", what, user));
  };
  ScramKeys keys{kScramIterationsDefault, derived("salt"), derived("stored key"),
                 derived("server key")};
  keys.salt += derived("more salt");
  size_t salt_bytes = kScramNewSaltBytes;
  if (!keys_.empty()) {
    // Iterations and size of the salt are those of some line, always the same for the same name.
    uint64_t number = 0;
    std::memcpy(&number, keys.stored_key.data(), sizeof number);
    const ScramKeys& model = keys_[number % keys_.size()];
    keys.iterations = model.iterations;
    salt_bytes = model.salt.size();
  }
  keys.salt.resize(salt_bytes);
  return keys;
}

}  // namespace tombo::auth
