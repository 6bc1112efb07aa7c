#pragma once

#include <cstdint>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "base/result.h"

struct ssl_st;
struct ssl_ctx_st;

namespace tombo::net {

/// The answer of an authority to "has this certificate been revoked?" (OCSP, RFC 6960), which the
/// broker sends along in the handshake to clients that ask for it, so that they need not ask the
/// authority. Immutable, used by all threads.  Bound: kBytesMax.
class OcspStaple {
 public:
  static constexpr size_t kBytesMax = size_t{16} * 1024;

  /// Reads a response in DER for the certificate of `context`. It is an error when it is none, or
  /// is for another certificate. The signature is for clients to check.
  static Result<OcspStaple> load(const std::string& path, ssl_ctx_st& context);

  OcspStaple() = default;

  /// Why the response is not sent, in a line for the log; empty: it is.
  [[nodiscard]] const std::string& warning() const { return warning_; }

  /// Gives the response to a connection that is asked for it; false: there is none that is valid.
  [[nodiscard]] bool give_to(ssl_st& connection) const;

 private:
  std::vector<uint8_t> response_;  // Empty: nothing to send.
  std::time_t ends_at_ = std::numeric_limits<std::time_t>::max();
  std::string warning_;
};

}  // namespace tombo::net
