#pragma once

#include <string>
#include <string_view>
#include <sys/stat.h>

#include "base/result.h"

namespace tombo::tools {

enum class Links : bool { refuse, follow };

/// A file that is changed as a whole: others see the old one or the new one, also after a crash,
/// and of several programs that do so the next waits until this object is gone.
/// The new file has owner, group and mode of the old one. Links are followed to what they name;
/// they stay links. Bound: kBytesMax.
class LockedFile {
 public:
  static constexpr size_t kBytesMax = size_t{64} << 20;

  /// Opens a file that exists, waits for its lock. Errors are Mosquitto's words.
  static Result<LockedFile> open(const std::string& path, Links links);

  LockedFile(LockedFile&& other) noexcept;
  LockedFile& operator=(LockedFile&&) = delete;
  LockedFile(const LockedFile&) = delete;
  LockedFile& operator=(const LockedFile&) = delete;
  ~LockedFile();

  [[nodiscard]] Result<std::string> read() const;
  /// Puts a new file in the place of this one. At most once.
  [[nodiscard]] Result<void> replace(std::string_view text) const;

 private:
  LockedFile(std::string path, int descriptor, const struct stat& about);

  std::string path_;  // Where links lead.
  int descriptor_;
  struct stat about_;
};

/// Makes a file that does not exist yet, with mode 0600. Nobody sees a part of it.
Result<void> create_file(const std::string& path, std::string_view text);

/// Is there something at this path, be it a link to nothing?
bool is_taken(const std::string& path);

}  // namespace tombo::tools
