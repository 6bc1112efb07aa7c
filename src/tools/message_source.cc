#include "tools/message_source.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include <fmt/core.h>

#include "net/socket.h"

namespace tombo::tools {
namespace {

/// A message of MQTT is smaller.
constexpr size_t kMost = size_t{256} << 20;

std::optional<std::string> refuse(const ClientOptions& options, const std::string& why) {
  if (!options.quiet) fmt::print(stderr, "Error: {}\n", why);
  return std::nullopt;
}

std::optional<std::string> read_all(const ClientOptions& options, int descriptor,
                                    std::string_view what) {
  std::string payload;
  std::array<char, 65536> piece{};
  for (;;) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(options, fmt::format("{}: {}.", what, std::strerror(errno)));
    if (count == 0) return payload;
    payload.append(piece.data(), static_cast<size_t>(count));
    if (payload.size() >= kMost) {
      return refuse(options, fmt::format("{} must be less than 256 MB.", what));
    }
  }
}

}  // namespace

std::optional<std::string> read_payload(const ClientOptions& options) {
  switch (options.source) {
    case MessageSource::argument:
      return options.payload;
    case MessageSource::file: {
      const net::Socket file(::open(options.payload.c_str(), O_RDONLY | O_CLOEXEC));
      if (file) return read_all(options, file.descriptor(), "File");
      return refuse(options, fmt::format("Unable to read file \"{}\": {}.", options.payload,
                                         std::strerror(errno)));
    }
    case MessageSource::stdin_whole:
      return read_all(options, STDIN_FILENO, "Input");
    default:
      return std::string();
  }
}

}  // namespace tombo::tools
