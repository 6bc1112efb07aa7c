#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "config/files.h"

namespace tombo::config {

/// Files for tests and the fuzzer: path → text. A directory exists when a file lies in it.
class FilesInMemory final : public Files {
 public:
  FilesInMemory() = default;

  explicit FilesInMemory(std::map<std::string, std::string> files) : files_(std::move(files)) {}

  [[nodiscard]] Result<std::string> read(const std::string& path) override {
    const auto found = files_.find(path);
    if (found != files_.end()) return found->second;
    return Error{fmt::format("Error: Unable to open config file {}.", path), 1};
  }

  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& directory) override {
    std::vector<std::string> names;
    for (const auto& [path, text] : files_) {
      if (!path.starts_with(directory + "/")) continue;
      names.push_back(path.substr(directory.size() + 1));
    }
    if (!names.empty()) return names;
    return Error{fmt::format("Error: Unable to open include_dir '{}'.", directory), 3};
  }

 private:
  std::map<std::string, std::string> files_;
};

}  // namespace tombo::config
