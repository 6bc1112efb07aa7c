#include "net/proxy_transport.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"

namespace tombo::net {
namespace {

/// recv(), of which no bytes at all is the end.
IoResult receive(const Socket& socket, std::span<uint8_t> into, int flags) {
  const ssize_t count = ::recv(socket.descriptor(), into.data(), into.size(), flags);
  if (count > 0) return {.count = static_cast<size_t>(count)};
  if (count == 0) return {.kind = IoResult::Kind::ended};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {.kind = IoResult::Kind::blocked};
  }
  return {.kind = IoResult::Kind::failed, .error = errno};
}

}  // namespace

ProxyTransport::ProxyTransport(Socket socket, std::string peer, ProxySettings settings,
                               MakeNext make_next)
    : socket_(std::move(socket)),
      settings_(settings),
      make_next_(std::move(make_next)),
      address_(std::move(peer)) {
  DCHECK(static_cast<bool>(socket_));
}

int ProxyTransport::descriptor() const {
  return next_ ? next_->descriptor() : socket_.descriptor();
}

IoResult ProxyTransport::read(std::span<uint8_t> into) {
  if (next_ == nullptr) {
    if (!failure_.empty()) return {.kind = IoResult::Kind::failed, .error = EPROTO};
    if (!refusal_.empty()) return read_after_refusal(into);
    if (const IoResult result = read_header(into); result.kind != IoResult::Kind::done) {
      return result;
    }
  }
  return next_->read(into);
}

/// `done`: it is whole, and there is a `next_`.
IoResult ProxyTransport::read_header(std::span<uint8_t> into) {
  DCHECK(into.size() >= kProxyV2BytesMax);
  // A look first: who reads the rest reads it from the socket, too. What belongs to the header is
  // taken at once, also when it is not whole, or the loop would tell of it for ever.
  const size_t before = bytes_.size();
  const IoResult seen = receive(socket_, into.first(kProxyV2BytesMax - before), MSG_PEEK);
  if (seen.kind == IoResult::Kind::ended && before != 0) {
    return fail_with("the connection ended within the PROXY header");
  }
  if (seen.kind != IoResult::Kind::done) return seen;
  bytes_.insert(bytes_.end(), into.begin(), into.begin() + static_cast<ptrdiff_t>(seen.count));
  ProxyParse parsed = parse_proxy_header(bytes_, settings_.version);
  if (parsed.status == ProxyParse::Status::bad) return fail_with(std::move(parsed.fault));
  const bool complete = parsed.status == ProxyParse::Status::complete;
  const size_t end = complete ? parsed.size : bytes_.size();
  const IoResult taken = receive(socket_, into.first(end - before), 0);
  if (taken.kind != IoResult::Kind::done) return taken;
  bytes_.resize(before + taken.count);
  if (bytes_.size() < end || !complete) return {.kind = IoResult::Kind::blocked};

  bytes_ = {};
  has_news_ = true;
  if (!parsed.header.address.empty()) address_ = std::move(parsed.header.address);
  if (const std::string_view fault = find_fault(parsed.header); !fault.empty()) {
    if (!parsed.header.is_local) return fail_with(std::string(fault));
    refusal_ = fault;
    return {.kind = IoResult::Kind::blocked};
  }
  if (parsed.header.is_verified) common_name_ = std::move(parsed.header.common_name);
  next_ = std::exchange(make_next_, {})(std::move(socket_));
  return {};
}

/// A proxy that looks whether we are alive goes away again, and nothing is wrong with that.
IoResult ProxyTransport::read_after_refusal(std::span<uint8_t> into) {
  const IoResult seen = receive(socket_, into.first(1), MSG_PEEK);
  return seen.kind == IoResult::Kind::done ? fail_with(refusal_) : seen;
}

std::string_view ProxyTransport::find_fault(const ProxyHeader& header) const {
  if (settings_.require_certificate && !header.is_verified) {
    return "the proxy has not verified a certificate of the client";
  }
  if (settings_.require_tls && !header.has_tls) return "the PROXY header has no TLS information";
  return {};
}

IoResult ProxyTransport::write(std::span<const iovec> slices) {
  // Whoever talks to a client waits for its first packet.
  return next_ ? next_->write(slices) : fail_with("bytes for the client before its PROXY header");
}

Socket ProxyTransport::finish() {
  if (next_ != nullptr) return next_->finish();
  // Fails when the peer is gone already; then there is nothing to tell.
  ::shutdown(socket_.descriptor(), SHUT_WR);
  return std::exchange(socket_, Socket());
}

bool ProxyTransport::wants_write() const {
  return next_ != nullptr && next_->wants_write();
}

IoResult ProxyTransport::flush() {
  return next_ ? next_->flush() : IoResult();
}

bool ProxyTransport::is_opening() const {
  return next_ == nullptr || next_->is_opening();
}

std::string_view ProxyTransport::why_failed() const {
  return next_ ? next_->why_failed() : failure_;
}

std::optional<std::string> ProxyTransport::take_client_address() {
  if (!std::exchange(has_news_, false)) return std::nullopt;
  return std::move(address_);
}

std::optional<std::string> ProxyTransport::peer_name(PeerName which) const {
  if (which == PeerName::common_name && !common_name_.empty()) return common_name_;
  return next_ ? next_->peer_name(which) : std::nullopt;
}

IoResult ProxyTransport::fail_with(std::string text) {
  failure_ = std::move(text);
  return {.kind = IoResult::Kind::failed, .error = EPROTO};
}

}  // namespace tombo::net
