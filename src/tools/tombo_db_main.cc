#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include <fmt/core.h>

#include "mosquitto_db/dump.h"

// tombo_db looks into the files in which sessions and messages are kept. As mosquitto_db_dump it
// is what Mosquitto calls so.
namespace tombo::tools {
namespace {

using mosquitto_db::DumpForm;
using mosquitto_db::DumpOptions;

/// A file seen as bytes, without reading it as a whole.
class MappedFile {
 public:
  explicit MappedFile(const char* path) {
    const int descriptor = ::open(path, O_RDONLY | O_CLOEXEC);

    struct stat about {};

    if (descriptor >= 0 && ::fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode)) {
      size_ = static_cast<size_t>(about.st_size);
      if (size_ != 0) memory_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
      is_open_ = memory_ != MAP_FAILED;
    }
    if (descriptor >= 0) ::close(descriptor);
  }

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  ~MappedFile() {
    if (is_open_ && size_ != 0) ::munmap(memory_, size_);
  }

  [[nodiscard]] bool is_open() const { return is_open_; }

  [[nodiscard]] Bytes bytes() const { return {static_cast<const uint8_t*>(memory_), size_}; }

 private:
  void* memory_ = nullptr;
  size_t size_ = 0;
  bool is_open_ = false;
};

/// `--json` and its like; false: something else.
bool read_form(std::string_view argument, DumpForm& form) {
  if (argument == "--json") {
    form = DumpForm::json;
  } else if (argument == "--stats") {
    form = DumpForm::statistics;
  } else if (argument == "--client-stats") {
    form = DumpForm::client_statistics;
  } else {
    return false;
  }
  return true;
}

/// Requires: arguments behind `dump`.
int dump(std::span<char* const> arguments, bool as_mosquitto) {
  DumpOptions options;
  const char* wanted = std::getenv("TOMBO_COMPATIBILITY");
  options.as_v2_0 = wanted != nullptr && std::string_view(wanted) == "2.0";
  if (arguments.size() == 2 && read_form(arguments[0], options.form)) {
    arguments = arguments.subspan(1);
  }
  if (arguments.size() != 1 || arguments[0][0] == '-') {
    fmt::print(stderr, "Usage: {} [--stats | --client-stats | --json] <mosquitto db filename>\n",
               as_mosquitto ? "db_dump" : "tombo_db dump");
    return 1;
  }
  const MappedFile file(arguments[0]);
  if (!file.is_open()) {
    fmt::print(stderr, "Error: Unable to open {}\n", arguments[0]);
    return as_mosquitto ? 0 : 1;
  }
  const auto print = [](std::string_view text) {
    if (!text.empty()) std::fwrite(text.data(), 1, text.size(), stdout);
  };
  const Result<std::vector<std::string>> warnings =
      mosquitto_db::dump(file.bytes(), options, print);
  if (std::fflush(stdout) != 0) {
    std::perror("Error: Unable to write the output");
    return 1;
  }
  if (!warnings) {
    fmt::print(stderr, "Error: {}: {}\n", arguments[0], warnings.error().text);
    return 1;
  }
  for (const std::string& warning : *warnings) {
    fmt::print(stderr, "Warning: {}: {}\n", arguments[0], warning);
  }
  return 0;
}

int run(std::span<char* const> arguments) {
  const std::string_view path = arguments.empty() ? "" : arguments[0];
  if (path.substr(path.rfind('/') + 1) == "mosquitto_db_dump")
    return dump(arguments.subspan(1), true);
  if (arguments.size() >= 2 && std::string_view(arguments[1]) == "dump") {
    return dump(arguments.subspan(2), false);
  }
  fmt::print(
      stderr,
      "tombo_db looks into files with sessions and messages.\n\n"
      "Usage: tombo_db dump [--stats | --client-stats | --json] FILE\n\n"
      "FILE is a mosquitto.db of Mosquitto 0.13 to 2.1 (formats 2 to 6).\n"
      "  --stats         how many chunks of each kind there are\n"
      "  --client-stats  subscriptions (SC, SS bytes) and messages (MC, MS bytes) of each client\n"
      "  --json          everything as JSON\n");
  return 1;
}

}  // namespace
}  // namespace tombo::tools

int main(int argc, char** argv) {
  return tombo::tools::run({argv, static_cast<size_t>(argc)});
}
