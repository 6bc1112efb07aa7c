#pragma once

#include <cstdint>
#include <filesystem>

#include "base/bytes.h"
#include "base/result.h"

namespace tombo::migration {

/// A file seen as bytes, without reading it as a whole.
class MappedFile {
 public:
  /// Error: it cannot be opened, or is not a regular file.
  static Result<MappedFile> open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  [[nodiscard]] Bytes bytes() const { return {static_cast<const uint8_t*>(memory_), size_}; }

 private:
  MappedFile() = default;

  void* memory_ = nullptr;
  size_t size_ = 0;
};

/// A file that appears under its name when it is whole and on the disk, in place of one that was
/// there. Mode 0600; what root makes is for the owner of the folder.
class NewFile {
 public:
  /// Under the name with ".new" behind it.
  static Result<NewFile> make(std::filesystem::path path);

  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&& other) = delete;
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  /// Removes it, unless it was finished.
  ~NewFile();

  Result<void> write(Bytes bytes);

  /// On the disk, but not under its name yet.
  Result<void> sync();

  /// Where it is up to finish().
  [[nodiscard]] std::filesystem::path temporary() const;

  Result<void> finish();

 private:
  explicit NewFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The same for a folder, at a place where nothing is.
class NewFolder {
 public:
  /// Removes what an earlier one left.
  static Result<NewFolder> make(std::filesystem::path path);

  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&& other) = delete;
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder();

  /// Where it is up to finish().
  [[nodiscard]] std::filesystem::path temporary() const;

  /// Requires: what is in it is on the disk, and nobody uses it.
  Result<void> finish();

 private:
  explicit NewFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace tombo::migration
