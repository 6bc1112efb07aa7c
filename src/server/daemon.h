#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "net/socket.h"
#include "server/privileges.h"

namespace tombo::server {

/// What a process does with itself before it serves: single-threaded start-up code.

/// Raises the number of descriptors to what the system allows: each client takes one.
void raise_descriptor_limit();

/// Goes on in the background: a child in a session of its own, with /dev/null as standard input,
/// output and error. The parent ends with status 0. Requires: no other thread runs yet.
Result<void> go_to_background();

/// A file that holds the number of this process while it lives.
class PidFile {
 public:
  PidFile() = default;
  /// Opens the file, for `user` as open_to_write() does. An empty path: no file.
  static Result<PidFile> open(const std::string& path, const std::optional<RunAs>& user = {});

  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  /// Removes the file, or leaves it empty in a folder where this process may not remove it.
  ~PidFile();

  /// Writes the number of this process, once it is the one that stays.
  Result<void> write();

 private:
  PidFile(std::string path, net::Socket file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  net::Socket file_;
};

}  // namespace tombo::server
