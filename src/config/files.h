#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace tombo::config {

/// What the parser needs of the file system (a port: tests and the fuzzer keep files in memory).
class Files {
 public:
  Files() = default;
  virtual ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  /// The whole file. The error is a line for the user: cannot be opened, or is a directory.
  [[nodiscard]] virtual Result<std::string> read(const std::string& path) = 0;
  /// Names (not paths) of the entries of a directory, in any order.
  [[nodiscard]] virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
};

class DiskFiles final : public Files {
 public:
  [[nodiscard]] Result<std::string> read(const std::string& path) override;
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override;
};

/// Of `names` those that end in `.conf`, in the order in which include_dir reads them:
/// alphabetical, the upper case of a letter before its lower case (00, 01, A, a, B, b).
std::vector<std::string> in_include_order(std::vector<std::string> names);

}  // namespace tombo::config
