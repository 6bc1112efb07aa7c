#include "net/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include <fmt/core.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/check.h"
#include "base/proxy_signature.h"
#include "net/openssl_text.h"

namespace tombo::net {
namespace {

using Wire = TlsTransport::Wire;

/// What one record carries at most.
constexpr size_t kPlainBytesMax = SSL3_RT_MAX_PLAIN_LENGTH;
// First bytes of a TLS record with a ClientHello, and of an MQTT CONNECT.
constexpr uint8_t kTlsHandshake = 0x16;
constexpr uint8_t kMqttConnect = 0x10;

Wire& wire_of(BIO* bio) {
  return *static_cast<Wire*>(BIO_get_data(bio));
}

int read_wire(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  Wire& wire = wire_of(bio);
  if (wire.input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = std::min(static_cast<size_t>(size), wire.input.size());
  std::ranges::copy(wire.input.first(count), into);
  wire.input = wire.input.subspan(count);
  return static_cast<int>(count);
}

int write_wire(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const auto* first = reinterpret_cast<const uint8_t*>(bytes);
  return wire_of(bio).send({first, static_cast<size_t>(size)}) ? size : -1;
}

long control_wire(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* wire_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "tombo");
    CHECK(method != nullptr, "no memory for TLS");
    BIO_meth_set_read(method, &read_wire);
    BIO_meth_set_write(method, &write_wire);
    BIO_meth_set_ctrl(method, &control_wire);
    return method;
  }();
  return kMethod;
}

/// Cuts the bytes of many slices into pieces of a record each. Only what is small is copied.
class Pieces {
 public:
  // NOLINTNEXTLINE(*-member-init): buffer_ is written before it is read, and has 16 KiB.
  explicit Pieces(std::span<const iovec> slices) : slices_(slices) {}

  /// The next piece, valid until the one after it; empty: that was all.
  std::span<const uint8_t> next() {
    skip_empty();
    if (slices_.empty()) return {};
    if (slices_.size() == 1 || slices_.front().iov_len - used_ >= kPlainBytesMax) {
      return take(kPlainBytesMax);
    }
    size_t size = 0;
    while (!slices_.empty() && size < kPlainBytesMax) {
      const std::span<const uint8_t> part = take(kPlainBytesMax - size);
      std::ranges::copy(part, buffer_.begin() + static_cast<ptrdiff_t>(size));
      size += part.size();
      skip_empty();
    }
    return std::span(buffer_).first(size);
  }

 private:
  void skip_empty() {
    while (!slices_.empty() && slices_.front().iov_len == used_) {
      slices_ = slices_.subspan(1);
      used_ = 0;
    }
  }

  std::span<const uint8_t> take(size_t most) {
    const iovec& slice = slices_.front();
    const size_t count = std::min(most, slice.iov_len - used_);
    const auto* first = static_cast<const uint8_t*>(slice.iov_base) + used_;
    used_ += count;
    return {first, count};
  }

  std::span<const iovec> slices_;
  size_t used_ = 0;  // Of the first slice.
  std::array<uint8_t, kPlainBytesMax> buffer_;
};

}  // namespace

bool TlsTransport::Wire::send(std::span<const uint8_t> bytes) {
  if (waiting.empty()) {
    const ssize_t count = ::send(socket.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(count));
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      error = errno;
      return false;
    }
  }
  if (waiting.size() + bytes.size() > kWaitingBytesMax) {
    error = ENOBUFS;
    return false;
  }
  waiting.insert(waiting.end(), bytes.begin(), bytes.end());
  return true;
}

TlsTransport::TlsTransport(Socket socket, std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->get())) {
  wire_.socket = std::move(socket);
  BIO* bio = BIO_new(wire_method());
  CHECK(ssl_ != nullptr && bio != nullptr, "no memory for TLS");
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
  SSL_set_app_data(ssl_, &refusal_);
}

TlsTransport::~TlsTransport() {
  SSL_free(ssl_);
}

IoResult TlsTransport::read(std::span<uint8_t> into) {
  DCHECK(into.size() >= kReadBytesMin);
  if (stage_ == Stage::ended) return {.kind = IoResult::Kind::ended};
  if (stage_ == Stage::failed) return {.kind = IoResult::Kind::failed, .error = EPROTO};
  // Ciphertext goes behind the room for one record, plaintext to the front. OpenSSL takes one whole
  // record out before it gives any of it, and holds at most the beginning of one from earlier
  // reads, so what it gives never reaches what it has not taken.
  const std::span<uint8_t> encrypted = into.subspan(kRecordBytesMax);
  const ssize_t count = ::recv(descriptor(), encrypted.data(), encrypted.size(), 0);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      return {.kind = IoResult::Kind::blocked};
    }
    return {.kind = IoResult::Kind::failed, .error = errno};
  }
  if (count == 0) return {.kind = IoResult::Kind::ended};
  if (!std::exchange(began_, true) && encrypted.front() != kTlsHandshake) {
    return refuse_first_bytes(encrypted.first(static_cast<size_t>(count)));
  }
  wire_.input = encrypted.first(static_cast<size_t>(count));
  IoResult result = stage_ == Stage::handshake ? shake_hands() : IoResult();
  if (stage_ == Stage::open) result = decrypt(into);
  wire_.input = {};
  return result;
}

IoResult TlsTransport::refuse_first_bytes(std::span<const uint8_t> bytes) {
  const uint8_t first = bytes.front();
  if (first == kMqttConnect) return fail_with("looks like plain MQTT on a TLS listener");
  if (looks_like_proxy_header(bytes)) {
    return fail_with("looks like a PROXY header on a TLS listener without enable_proxy_protocol");
  }
  return fail_with(fmt::format("looks like no TLS on a TLS listener (first byte {:02X})", first));
}

IoResult TlsTransport::shake_hands() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_);
  if (done == 1) {
    stage_ = Stage::open;
    return {};
  }
  if (SSL_get_error(ssl_, done) == SSL_ERROR_WANT_READ) return {.kind = IoResult::Kind::blocked};
  return fail("TLS handshake failed");
}

/// Decrypts all of the input.
IoResult TlsTransport::decrypt(std::span<uint8_t> into) {
  size_t total = 0;
  for (;;) {
    ERR_clear_error();
    size_t count = 0;
    if (SSL_read_ex(ssl_, into.data() + total, into.size() - total, &count) == 1) {
      total += count;
      continue;
    }
    IoResult end{.kind = IoResult::Kind::blocked};
    switch (SSL_get_error(ssl_, 0)) {
      case SSL_ERROR_WANT_READ:
        break;
      case SSL_ERROR_ZERO_RETURN:
        stage_ = Stage::ended;
        end = {.kind = IoResult::Kind::ended};
        break;
      default:
        end = fail("TLS failed");
        break;
    }
    if (total == 0) return end;
    // The end is told by the next read. The socket may stay silent until then, and the loop must
    // find it readable all the same.
    if (end.kind != IoResult::Kind::blocked) ::shutdown(descriptor(), SHUT_RD);
    return {.count = total};
  }
}

IoResult TlsTransport::write(std::span<const iovec> slices) {
  if (stage_ == Stage::failed) return {.kind = IoResult::Kind::failed, .error = EPROTO};
  // Whoever talks to a client waits for its first packet.
  if (stage_ == Stage::handshake) return fail_with("bytes for the client during the handshake");
  if (const IoResult flushed = flush(); flushed.kind != IoResult::Kind::done) return flushed;
  size_t taken = 0;
  Pieces pieces(slices);
  for (std::span<const uint8_t> piece = pieces.next(); !piece.empty(); piece = pieces.next()) {
    ERR_clear_error();
    size_t count = 0;
    if (SSL_write_ex(ssl_, piece.data(), piece.size(), &count) != 1) return fail("TLS failed");
    taken += count;
    if (wants_write()) break;
  }
  return {.count = taken};
}

IoResult TlsTransport::flush() {
  if (wire_.waiting.empty()) return {};
  const std::vector<uint8_t> waiting = std::exchange(wire_.waiting, {});
  if (!wire_.send(waiting)) return {.kind = IoResult::Kind::failed, .error = wire_.error};
  return {.kind = wire_.waiting.empty() ? IoResult::Kind::done : IoResult::Kind::blocked};
}

Socket TlsTransport::finish() {
  if (stage_ == Stage::open || stage_ == Stage::ended) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  // Fails when the peer is gone already; then there is nothing to tell.
  ::shutdown(descriptor(), SHUT_WR);
  return std::exchange(wire_.socket, Socket());
}

std::string TlsTransport::agreement() const {
  return fmt::format("{} cipher {}", SSL_get_version(ssl_), SSL_get_cipher_name(ssl_));
}

std::optional<std::string> TlsTransport::peer_name(PeerName which) const {
  if (const char* identity = SSL_get_psk_identity(ssl_)) return identity;
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(SSL_get1_peer_certificate(ssl_),
                                                                &X509_free);
  if (certificate == nullptr) return std::nullopt;
  if (which == PeerName::common_name) return common_name_of(*certificate);
  std::string subject = subject_of(*certificate);
  if (subject.empty()) return std::nullopt;
  return subject;
}

/// OpenSSL gave an error; it has sent the alert that goes with it.
IoResult TlsTransport::fail(std::string_view doing) {
  if (wire_.error != 0) {
    stage_ = Stage::failed;
    failure_ = std::strerror(wire_.error);
    return {.kind = IoResult::Kind::failed, .error = wire_.error};
  }
  const char* identity = SSL_get_psk_identity(ssl_);
  if (stage_ == Stage::handshake && identity != nullptr && openssl_could_not_decrypt()) {
    refusal_ = fmt::format("the client has another key than psk_file for identity {}",
                           printable(identity));
  }
  const std::string reason = take_openssl_reason();
  return fail_with(fmt::format("{}: {}", doing, refusal_.empty() ? reason : refusal_));
}

IoResult TlsTransport::fail_with(std::string text) {
  stage_ = Stage::failed;
  failure_ = std::move(text);
  return {.kind = IoResult::Kind::failed, .error = EPROTO};
}

}  // namespace tombo::net
