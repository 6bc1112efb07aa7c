#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/tls_context.h"
#include "net/transport.h"

struct ssl_st;

namespace tombo::net {

/// TLS over a stream socket, the broker's end. OpenSSL never touches the socket while it reads:
/// bytes come in through the buffer that read() is given, so an idle connection holds none.
/// Home: as any Transport, one shard at a time.
/// Bound: about 14 KB while idle (OpenSSL's own), TlsContext::kClientChainBytesMax more during the
/// handshake, kWaitingBytesMax of bytes that the socket has not taken. The time of the handshake is
/// bounded by whoever waits for the first packet.
class TlsTransport final : public Transport {
 public:
  /// What the socket has not taken: one record of the application, or a flight of the handshake.
  static constexpr size_t kWaitingBytesMax = size_t{128} * 1024;
  /// The largest record on the wire, rounded up.
  static constexpr size_t kRecordBytesMax = size_t{20} * 1024;
  /// What read() needs at least.
  static constexpr size_t kReadBytesMin = 2 * kRecordBytesMax;

  /// Requires: a connected socket that does not block; the client speaks first.
  TlsTransport(Socket socket, std::shared_ptr<const TlsContext> context);
  ~TlsTransport() override;
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  [[nodiscard]] int descriptor() const override { return wire_.socket.descriptor(); }

  /// Goes on with the handshake first. Requires: room for kReadBytesMin.
  [[nodiscard]] IoResult read(std::span<uint8_t> into) override;
  [[nodiscard]] IoResult write(std::span<const iovec> slices) override;
  [[nodiscard]] Socket finish() override;

  [[nodiscard]] bool wants_write() const override { return !wire_.waiting.empty(); }

  [[nodiscard]] IoResult flush() override;

  [[nodiscard]] bool is_opening() const override { return stage_ == Stage::handshake; }

  [[nodiscard]] std::string_view why_failed() const override { return failure_; }

  /// "TLSv1.3 cipher TLS_AES_256_GCM_SHA384"
  [[nodiscard]] std::string agreement() const override;
  [[nodiscard]] std::optional<std::string> peer_name(PeerName which) const override;

  /// What OpenSSL reads from and writes to.
  struct Wire {
    Socket socket;
    std::span<const uint8_t> input;  ///< Of the read() under way.
    std::vector<uint8_t> waiting;    ///< For the socket to have room.
    int error = 0;                   ///< An errno of the socket.

    /// False: the connection is lost.
    bool send(std::span<const uint8_t> bytes);
  };

 private:
  enum class Stage : uint8_t { handshake, open, ended, failed };

  IoResult refuse_first_bytes(std::span<const uint8_t> bytes);
  IoResult shake_hands();
  IoResult decrypt(std::span<uint8_t> into);
  IoResult fail(std::string_view doing);
  IoResult fail_with(std::string text);

  std::shared_ptr<const TlsContext> context_;
  Wire wire_;
  ssl_st* ssl_ = nullptr;
  Stage stage_ = Stage::handshake;
  bool began_ = false;  // A byte has come.
  std::string failure_;
  // Set by TlsContext's callbacks: why the peer is not who it should be.
  std::string refusal_;
};

}  // namespace tombo::net
