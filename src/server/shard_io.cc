#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <sys/uio.h>
#include <utility>

#include <fmt/core.h>

#include "base/check.h"
#include "net/endpoint.h"
#include "server/clock.h"
#include "server/shard.h"

// What a turn does with sockets: accept, read, write, close.
namespace tombo::server {
namespace {

using broker::CloseCause;
using broker::ConnectionId;
using net::IoResult;

/// Connections taken from one listening socket in a turn.
constexpr int kAcceptsPerTurn = 64;
/// Writes to one socket in one go, each up to a FlushBuffer.
constexpr int kWritesPerTurn = 16;
/// Time for handshakes in a turn, after which none is gone on with: one alone may take several
/// times as long, and others are not to wait for more than one.
constexpr std::chrono::microseconds kHandshakeTime{200};
/// A listener that is out of descriptors is tried again after this.
constexpr Duration kGateRest{200};

/// Mosquitto's view: a peer that is gone has closed its connection, whether politely or not.
CloseCause cause_of(int error) {
  return error == ECONNRESET || error == EPIPE ? CloseCause::by_peer : CloseCause::error;
}

/// "ADDR" of "ADDR:PORT".
std::string_view without_port(std::string_view peer) {
  return peer.substr(0, peer.rfind(':'));
}

}  // namespace

void Shard::add_listener(ListeningSocket listening) {
  const auto number = static_cast<uint32_t>(gates_.size());
  Gate& gate = gates_.emplace_back(
      Gate{net::Listener(std::move(listening.socket)), listening.listener, listening.address});
  gate.listener.set_no_delay(config_->set_tcp_nodelay);
  CHECK(loop_.add(gate.listener.descriptor(), gate_tag(number), net::Interest::read),
        "cannot watch a listening socket");
}

void Shard::move_address(uint32_t address, uint16_t listener) {
  for (Gate& gate : gates_) {
    if (gate.address == address) gate.index = listener;
  }
}

void Shard::close_unused_listeners() {
  // The others may have another number then; an event of this turn that still has the old one makes
  // accept() look in vain.
  std::erase_if(gates_, [this](const Gate& gate) {
    const bool closed = config_->listeners[gate.index].closed;
    if (closed) forget(gate);
    return closed;
  });
  watch_gates();
}

void Shard::forget(const Gate& gate) {
  // Closing does it only for sockets that nobody else has: not for one that was passed to us.
  loop_.remove(gate.listener.descriptor());
}

void Shard::watch_gates() {
  for (uint32_t number = 0; number < gates_.size(); ++number) {
    const Gate& gate = gates_[number];
    loop_.change(gate.listener.descriptor(), gate_tag(number),
                 gate.resting ? net::Interest::none : net::Interest::read);
  }
}

void Shard::on_event(const net::Event& event) {
  const auto upper = static_cast<uint32_t>(event.tag >> 32);
  if (upper == kGateTag) {
    const auto number = static_cast<uint32_t>(event.tag);
    if (number < gates_.size()) accept(gates_[number], number);
  } else if (upper == kLingerTag) {
    lingering_.on_event(event.tag);
  } else {
    on_connection_event(ConnectionId::from_packed(event.tag), event);
  }
}

void Shard::on_connection_event(ConnectionId id, const net::Event& event) {
  Link* link = links_.find(id);
  if (link == nullptr) return;  // Closed earlier in this turn.
  if (event.writable && link->blocked && flush_transport(id, *link)) write(id);
  link = links_.find(id);
  if (link == nullptr) return;
  if (link->reading && (event.readable || event.broken)) {
    read(id, *link);
  } else if (event.broken) {
    // Nobody reads, but the loop would tell it again and again.
    drop(id, *link, CloseCause::by_peer, 0);
  }
}

/// The socket takes bytes again, first those of the transport's own. True: it takes others, too.
bool Shard::flush_transport(ConnectionId id, Link& link) {
  const IoResult flushed = link.transport->flush();
  if (flushed.kind == IoResult::Kind::blocked) return false;
  if (flushed.kind == IoResult::Kind::failed) {
    drop(id, link, cause_of(flushed.error), flushed.error);
    return false;
  }
  link.blocked = false;
  loop_.change(link.transport->descriptor(), id.packed(), link.interest());
  return true;
}

void Shard::accept(Gate& gate, uint32_t number) {
  using Kind = net::Listener::Accepted::Kind;
  // Between the two steps of a reload: those who wait belong to the listener that follows.
  if (config_->listeners[gate.index].closed) return;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    net::Listener::Accepted accepted = gate.listener.accept();
    switch (accepted.kind) {
      case Kind::connection:
        gate.complained = false;
        open(std::move(accepted), gate);
        break;
      case Kind::lost:
        break;
      case Kind::refused:
        complain(gate, accepted.error);
        break;
      case Kind::none:
        return;
      case Kind::exhausted:
        complain(gate, accepted.error);
        gate.resting = true;
        loop_.change(gate.listener.descriptor(), gate_tag(number), net::Interest::none);
        retry_gates_at_ = now_.time + kGateRest;
        return;
    }
  }
}

void Shard::complain(Gate& gate, int error) {
  if (std::exchange(gate.complained, true)) return;
  if (error == EMFILE || error == ENFILE) {
    log_.log(LogType::warning,
             "Unable to accept new connection, system socket count has been exceeded. Try "
             "increasing \"ulimit -n\" or equivalent.");
  } else {
    LOG_TO(log_, LogType::warning, "Unable to accept new connection: {}.", std::strerror(error));
  }
}

void Shard::retry_gates() {
  if (!retry_gates_at_ || now_.time < *retry_gates_at_) return;
  retry_gates_at_.reset();
  for (Gate& gate : gates_) gate.resting = false;
  watch_gates();
}

void Shard::open(net::Listener::Accepted accepted, const Gate& gate) {
  const config::ListenerConfig& listener = config_->listeners[gate.index];
  // Behind a proxy it is the client that counts, who is known when its header has come.
  const bool is_proxied = listener.enable_proxy_protocol != 0;
  const bool pending = !is_proxied && config_->limits.any_pending();
  if (!is_proxied && !welcome(accepted.peer)) return;
  if (!commons_.admission.listener(gate.index).enter()) {
    if (config_->connection_messages) {
      LOG_TO(log_, LogType::notice, "Client connection from {} denied: max_connections exceeded.",
             without_port(accepted.peer));
    }
    if (pending) commons_.admission.leave_pending(accepted.peer, now_.time);
    return;
  }
  if (!is_proxied) announce(accepted.peer, listener);
  const ConnectionId id = broker_.on_open({.address = accepted.peer,
                                           .listener = gate.index,
                                           .is_proxied = is_proxied,
                                           .pending = pending},
                                          now_);
  tie(id,
      make_transport(std::move(accepted), listener, {tls_[gate.index], websockets_[gate.index]}),
      gate.index);
}

void Shard::announce(std::string_view peer, const config::ListenerConfig& listener) {
  if (!config_->connection_messages) return;
  LOG_TO(log_, LogType::notice, "New connection from {} on port {}.", peer, listener.port);
}

/// May this peer connect at all? What it has done before decides. Said in the log once an address
/// and minute.
bool Shard::welcome(std::string_view peer) {
  using Verdict = AbuseGuard::Verdict;
  const config::Limits& limits = config_->limits;
  const AbuseGuard::Answer answer = commons_.admission.guard().open(peer, limits, now_.time);
  std::string why;
  switch (answer.verdict) {
    case Verdict::welcome:
      return true;
    case Verdict::pending:
      denied_.count(broker::LimitHit::pending);
      why = fmt::format("{} have not logged in yet (max_pending_connections)",
                        limits.max_pending_connections);
      break;
    case Verdict::pending_of_address:
      denied_.count(broker::LimitHit::pending);
      why = fmt::format("{} of it have not logged in yet (max_pending_connections_per_address)",
                        limits.max_pending_connections_per_address);
      break;
    case Verdict::connection_rate:
      denied_.count(broker::LimitHit::connection_rate);
      why = fmt::format("{} connections in 60 s (max_connection_rate_per_address)",
                        limits.max_connection_rate_per_address);
      break;
    case Verdict::banned:
      denied_.count(broker::LimitHit::login_failures_of_address);
      why = fmt::format("{} failed logins in 60 s (max_login_failures_per_address)",
                        limits.max_login_failures_per_address);
      break;
  }
  if (answer.say) {
    LOG_TO(log_, LogType::notice, "Client connection from {} denied: {}.", without_port(peer), why);
  }
  return false;
}

/// Null: it could not be watched, and is gone.
Link* Shard::tie(ConnectionId id, std::unique_ptr<net::Transport> transport, uint16_t listener) {
  Link& link = links_.tie(id, std::move(transport), listener);
  link.blocked = link.transport->wants_write();
  if (loop_.add(link.transport->descriptor(), id.packed(), link.interest())) return &link;
  drop(id, link, CloseCause::error, errno);
  return nullptr;
}

void Shard::read(ConnectionId id, Link& link) {
  net::Transport& transport = *link.transport;
  // The loop tells it again in the next turn.
  const bool was_opening = transport.is_opening();
  if (was_opening && handshake_time_ >= kHandshakeTime) return;
  const std::chrono::nanoseconds began =
      was_opening ? read_stopwatch() : std::chrono::nanoseconds();
  const IoResult result = transport.read(*scratch_);
  if (was_opening) handshake_time_ += read_stopwatch() - began;
  if (was_opening && !transport.is_opening()) tell_agreement(transport);
  if (transport.wants_write() && !link.blocked) {
    link.blocked = true;
    loop_.change(transport.descriptor(), id.packed(), link.interest());
  }
  if (!link.introduced && !introduce(id, link, result.kind == IoResult::Kind::done)) return;
  switch (result.kind) {
    case IoResult::Kind::done:
      return feed(id, Bytes(scratch_->data(), result.count));
    case IoResult::Kind::blocked:
      return;
    case IoResult::Kind::ended:
      return drop(id, link, CloseCause::by_peer, 0);
    case IoResult::Kind::failed:
      return drop(id, link, cause_of(result.error), result.error);
  }
}

void Shard::tell_agreement(const net::Transport& transport) {
  const std::string agreement = transport.agreement();
  if (config_->is_v2_0() || !transport.why_failed().empty() || agreement.empty()) return;
  LOG_TO(log_, LogType::debug, "Connection from {} negotiated {}",
         net::peer_text(transport.descriptor()), agreement);
}

/// Tells the broker whom the connection is of, as soon as it is known, and before its first packet,
/// when it is `opened`, who the peer has proved to be. False: it may not connect, and is gone.
bool Shard::introduce(ConnectionId id, Link& link, bool opened) {
  const config::ListenerConfig& listener = config_->listeners[link.listener];
  if (const std::optional<std::string> address = link.transport->take_client_address()) {
    if (!welcome(*address)) {
      drop(id, link, CloseCause::by_broker, 0);
      return false;
    }
    announce(*address, listener);
    broker_.on_client_address(id, *address, config_->limits.any_pending());
  }
  if (!opened) return true;
  link.introduced = true;
  tell_address(id, link);
  if (!listener.user_name_from_certificate()) return true;
  const net::PeerName which =
      listener.use_identity_as_username ? net::PeerName::common_name : net::PeerName::subject;
  std::optional<std::string> name = link.transport->peer_name(which);
  if (name) broker_.on_peer_name(id, std::move(*name));
  return true;
}

void Shard::tell_address(ConnectionId id, const Link& link) {
  const std::string_view address = link.transport->forwarded_for();
  if (!address.empty()) broker_.on_peer_address(id, address);
}

/// Gives the broker what was read. Mail that was there before comes first: a client that has seen
/// the acknowledgement of another's PUBLISH must not overtake it with its own. A burst for
/// subscribers of this shard must not pile up in their queues until the turn ends.
void Shard::feed(ConnectionId id, Bytes bytes) {
  if (mailbox_.has_mail()) take_mail();
  do {
    bytes = bytes.subspan(broker_.on_bytes(id, bytes, now_));
    deliver_own();
    if (broker_.output().wants_flush) flush();
  } while (!bytes.empty());
}

/// Writes for all connections that the broker has something for.
void Shard::write_dirty() {
  broker::Output& output = broker_.output();
  output.wants_flush = false;
  if (output.dirty.empty()) return;
  ids_.swap(output.dirty);
  for (const ConnectionId id : ids_) write(id);
  ids_.clear();
}

void Shard::resume_writes() {
  if (again_.empty()) return;
  std::vector<ConnectionId> again;
  again.swap(again_);
  for (const ConnectionId id : again) write(id);
}

void Shard::write(ConnectionId id) {
  Link* link = links_.find(id);
  if (link == nullptr || link->blocked) return;
  for (int i = 0; i < kWritesPerTurn; ++i) {
    const Written written = write_once(id, *link);
    if (written == Written::more) continue;
    if (written == Written::blocked) {
      link->blocked = true;
      loop_.change(link->transport->descriptor(), id.packed(), link->interest());
    } else if (written == Written::failed) {
      drop(id, *link, cause_of(errno), errno);
    }
    return;
  }
  again_.push_back(id);
}

Shard::Written Shard::write_once(ConnectionId id, Link& link) {
  flush_buffer_.clear();
  if (!broker_.gather(id, flush_buffer_, now_)) return Written::all;
  // 1 KiB, of which mostly one entry is used.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init)
  std::array<iovec, broker::FlushBuffer::kSlices> slices;
  size_t count = 0;
  for (const broker::Slice& slice : flush_buffer_.slices()) {
    DCHECK(count < slices.size());
    // The type is older than const; nobody writes there.
    slices[count++] = {const_cast<uint8_t*>(slice.data), slice.size};
  }
  const IoResult result = link.transport->write({slices.data(), count});
  if (result.kind == IoResult::Kind::failed) {
    flush_buffer_.clear();
    errno = result.error;
    return Written::failed;
  }
  const bool complete = result.count == flush_buffer_.size() && !link.transport->wants_write();
  const bool more = broker_.wrote(id, flush_buffer_, result.count);
  if (!complete) return Written::blocked;
  return more ? Written::more : Written::all;
}

/// Closes what the broker has ended. Its last words have been written by now, or never will be.
void Shard::close_ended() {
  broker::Output& output = broker_.output();
  if (output.close.empty()) return;
  ids_.swap(output.close);
  for (const ConnectionId id : ids_) {
    Link* link = links_.find(id);
    if (link == nullptr) continue;
    loop_.remove(link->transport->descriptor());
    commons_.admission.listener(link->listener).leave();
    lingering_.add(links_.untie(*link)->finish(), now_.time);
    broker_.on_closed(id, CloseCause::by_broker, {}, now_);
  }
  ids_.clear();
}

void Shard::apply_reading() {
  broker::Output& output = broker_.output();
  for (const auto& [id, reading] : output.reading) {
    Link* link = links_.find(id);
    if (link == nullptr || link->reading == reading) continue;
    link->reading = reading;
    loop_.change(link->transport->descriptor(), id.packed(), link->interest());
  }
  output.reading.clear();
}

/// Ends a connection whose socket has ended.
void Shard::drop(ConnectionId id, Link& link, CloseCause cause, int error) {
  commons_.admission.listener(link.listener).leave();
  if (!link.introduced) tell_address(id, link);
  const std::unique_ptr<net::Transport> transport = links_.untie(link);
  if (error == EPROTO) {
    // The peer has been told why, and must be able to read it.
    loop_.remove(transport->descriptor());
    lingering_.add(transport->finish(), now_.time);
    return broker_.on_closed(id, CloseCause::by_protocol, transport->why_failed(), now_);
  }
  broker_.on_closed(id, cause, error == 0 ? "" : std::strerror(error), now_);
}

}  // namespace tombo::server
