#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "config/config.h"
#include "config/draft.h"

namespace tombo::server {

/// What a process does with itself before it serves: single-threaded start-up code.

/// Raises the number of descriptors to what the system allows: each client takes one.
void raise_descriptor_limit();

/// Becomes `config.user` for good if the process is root's; "root" keeps root, and "mosquitto"
/// falls back to "nobody" where there is no such user. Appends what is worth a line in the log.
Result<void> drop_privileges(const config::Config& config, std::vector<config::Notice>& notices);

/// Goes on in the background: a child in a session of its own, with /dev/null as standard input,
/// output and error. The parent ends with status 0. Requires: no other thread runs yet.
Result<void> go_to_background();

/// A file that holds the number of this process while it lives.
class PidFile {
 public:
  /// An empty path: no file.
  static Result<PidFile> write(const std::string& path);

  PidFile() = default;
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&& other) noexcept;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  /// Removes the file.
  ~PidFile();

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace tombo::server
