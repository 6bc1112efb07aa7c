#include "server/passphrases.h"

#include <array>
#include <csignal>
#include <fcntl.h>

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "net/socket.h"

namespace tombo::server {
namespace {

/// What OpenSSL takes at most.
constexpr int kPassphraseBytesMax = 1024;

/// The broker's signals wait for its main loop; who sits before a question must be able to leave.
class StopSignalsPass {
 public:
  StopSignalsPass() {
    sigset_t stop;
    ::sigemptyset(&stop);
    ::sigaddset(&stop, SIGINT);
    ::sigaddset(&stop, SIGTERM);
    ::sigprocmask(SIG_UNBLOCK, &stop, &before_);
  }

  ~StopSignalsPass() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  StopSignalsPass(const StopSignalsPass&) = delete;
  StopSignalsPass& operator=(const StopSignalsPass&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

std::optional<std::string> ask_at_terminal(const std::string& question) {
  // OpenSSL would go on to standard input and wait there.
  if (!net::Socket(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY))) return std::nullopt;
  const StopSignalsPass pass;
  std::array<char, kPassphraseBytesMax> answer{};
  const int failed =
      EVP_read_pw_string(answer.data(), static_cast<int>(answer.size()), question.c_str(), 0);
  std::optional<std::string> given;
  if (failed == 0) given = answer.data();
  OPENSSL_cleanse(answer.data(), answer.size());
  return given;
}

std::optional<std::string> Passphrases::of(const std::string& keyfile) {
  if (const auto found = known_.find(keyfile); found != known_.end()) return found->second;
  if (!may_ask_) return std::nullopt;
  std::optional<std::string> given =
      ask_at_terminal(fmt::format("Enter PEM pass phrase of {}: ", keyfile));
  if (given) known_.emplace(keyfile, *given);
  return given;
}

}  // namespace tombo::server
