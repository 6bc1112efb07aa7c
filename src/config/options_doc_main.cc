// Prints docs/MOSQUITTO.md; with `--check FILE` tells whether FILE is what it would print.
#include <cstdio>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/files.h"
#include "config/options_doc.h"

int main(int argc, char** argv) {
  const std::string text = tombo::config::options_doc();
  if (argc == 1) return std::fputs(text.c_str(), stdout) == EOF ? 1 : 0;
  if (argc != 3 || std::string_view(argv[1]) != "--check") {
    std::fputs("Usage: tombo_options_doc [--check FILE]\n", stderr);
    return 1;
  }
  tombo::config::DiskFiles files;
  const tombo::Result<std::string> written = files.read(argv[2]);
  if (written && *written == text) return 0;
  std::fprintf(stderr, "%s is stale: run tombo_options_doc > %s\n", argv[2], argv[2]);
  return 1;
}
