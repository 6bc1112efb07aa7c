#include "config/files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/core.h>

namespace tombo::config {
namespace {

/// Letters in pairs, so that A sorts before a and both before B.
int rank(char c) {
  if (c >= 'A' && c <= 'Z') return 2 * (c - 'A') + 'A';
  if (c >= 'a' && c <= 'z') return 2 * (c - 'a') + 'A' + 1;
  // What is above the letters in ASCII stays above them.
  const int code = static_cast<unsigned char>(c);
  return code > 'Z' ? code + 26 : code;
}

bool before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, rank, rank);
}

}  // namespace

Files::~Files() = default;

Result<std::string> DiskFiles::read(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Error{fmt::format("Error: Config file {} is a directory.", path), 1};
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return Error{fmt::format("Error: Unable to open config file {}.", path), 1};
  return text;
}

Result<std::vector<std::string>> DiskFiles::list(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(directory, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) return Error{fmt::format("Error: Unable to open include_dir '{}'.", directory), 3};
  return names;
}

std::vector<std::string> in_include_order(std::vector<std::string> names) {
  std::erase_if(
      names, [](const std::string& name) { return name.size() <= 5 || !name.ends_with(".conf"); });
  std::ranges::sort(names, before);
  return names;
}

}  // namespace tombo::config
