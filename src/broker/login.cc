#include <algorithm>
#include <utility>

#include "base/check.h"
#include "broker/core.h"
#include "broker/limits.h"
#include "mqtt/decode.h"

// The question whether a client may come in, and the time until it is answered: the CONNECT is
// kept, nothing more is read, and what was read behind it waits.
namespace tombo::broker {

using mqtt::PropertyId;
using mqtt::Reason;

void Core::log_in(Peer peer, const mqtt::Frame& frame, mqtt::Connect& packet,
                  std::string_view client_id, bool assigned) {
  // Whom an exchange is about is said in it (on_auth.cc).
  const bool has_method = packet.properties.text(PropertyId::authentication_method).has_value();
  Duration delay{0};
  const std::optional<AuthDecision> refusal =
      login_pace(peer, has_method ? "" : packet.user_name.value_or(""), delay);
  if (refusal) return refuse(peer, packet, refusal->reason, refusal->reason_string);
  std::optional<AuthDecision> decision;
  if (delay == Duration(0)) decision = ask_for_login(peer, packet, client_id);
  if (decision && decision->reason != Reason::continue_authentication) {
    // Nobody was asked anything, unless there is a certificate.
    peer.connection.authenticated = listener(peer.connection.listener).user_name_from_certificate();
    return answer_login(peer, packet, *decision, client_id, assigned);
  }
  const uint8_t* begin = frame.body.data() - frame.header_size;
  peer.connection.login = std::make_unique<PendingLogin>(PendingLogin{
      .connect = Buffer(begin, begin + frame.size()),
      .client_id = std::string(client_id),
      .assigned = assigned,
  });
  peer.connection.stage = Connection::Stage::authenticating;
  if (decision) return send_auth(peer, *decision);
  set_reading(peer, Connection::pause_login, true);
  if (delay != Duration(0)) delay_login(peer, delay);
}

/// How long a login has to wait because others failed, in `delay`; or that it is not looked at, for
/// its address is banned or too many wait.
std::optional<AuthDecision> Core::login_pace(Peer peer, std::string_view user_name,
                                             Duration& delay) {
  if (setup_.admission == nullptr ||
      listener(peer.connection.listener).user_name_from_certificate()) {
    return std::nullopt;
  }
  const config::Limits& limits = config().limits;
  const Admission::LoginPace pace = setup_.admission->login_pace(
      peer.connection.address_for_limits(), user_name, limits, now_.time);
  if (pace.banned) {
    count(LimitHit::login_failures_of_address);
    return AuthDecision{Reason::banned,
                        "too many failed logins of this address (max_login_failures_per_address)"};
  }
  if (pace.delay == Duration(0)) return std::nullopt;
  count(LimitHit::login_failures_of_user);
  if (delayed_logins_ >= kDelayedLoginsMax) {
    return AuthDecision{Reason::server_busy, "too many logins wait"};
  }
  LOG_TO(log(), LogType::notice,
         "Login of user '{}' from {} waits {} s: more than {} failed logins in 60 s "
         "(max_login_failures_per_user).",
         user_name, peer.connection.address.get(),
         std::chrono::duration_cast<std::chrono::seconds>(pace.delay).count(),
         limits.max_login_failures_per_user);
  delay = pace.delay;
  return std::nullopt;
}

void Core::delay_login(Peer peer, Duration delay) {
  PendingLogin& login = *peer.connection.login;
  login.answer_by = peer.connection.timer.deadline();
  login.delayed = true;
  ++delayed_logins_;
  timers_.arm(peer.connection.timer, std::min(now_.time + delay, login.answer_by));
}

/// The time that a login had to wait has passed.
void Core::look_at_delayed(Peer peer) {
  PendingLogin& login = *peer.connection.login;
  login.delayed = false;
  --delayed_logins_;
  timers_.arm(peer.connection.timer, login.answer_by);
  if (peer.connection.authentication != nullptr) {
    const Buffer data = std::move(login.authentication_data);
    return look_at_login_data(peer, data);
  }
  const mqtt::Cut cut = mqtt::cut_frame(login.connect, 0);
  mqtt::Connect packet;
  mqtt::Malformed error;
  // It was decoded when it came.
  CHECK(cut.status == mqtt::CutStatus::complete && mqtt::decode(cut.frame, packet, error));
  const auto decision = ask_for_login(peer, packet, login.client_id);
  if (decision) on_login_decided(peer, *decision);
}

/// The limits count who was looked at and found wanting.
void Core::note_failure(const Connection& connection, std::string_view user_name,
                        const AuthDecision& decision) {
  const bool failed = decision.reason == Reason::bad_user_name_or_password ||
                      decision.reason == Reason::not_authorized;
  if (!failed || setup_.admission == nullptr) return;
  setup_.admission->login_failed(connection.address_for_limits(), user_name, config().limits,
                                 now_.time);
}

void Core::refuse_login(Peer peer, const mqtt::Connect& packet, const AuthDecision& decision) {
  const EnhancedAuthentication* enhanced = peer.connection.authentication.get();
  note_failure(
      peer.connection,
      enhanced != nullptr ? enhanced->exchange->user_name() : packet.user_name.value_or(""),
      decision);
  refuse(peer, packet, decision.reason, decision.reason_string, decision.log_text);
}

void Core::leave_pending(Peer peer) {
  if (!peer.connection.pending) return;
  peer.connection.pending = false;
  setup_.admission->leave_pending(peer.connection.address_for_limits(), now_.time);
}

/// nullopt: the answer comes as mail.
std::optional<AuthDecision> Core::ask_for_login(Peer peer, const mqtt::Connect& packet,
                                                std::string_view client_id) {
  const Connection& connection = peer.connection;
  if (packet.properties.text(PropertyId::authentication_method)) {
    return start_login_exchange(peer, packet);
  }
  // As in Mosquitto the certificate is the login, and nothing else is asked.
  if (listener(connection.listener).user_name_from_certificate()) return AuthDecision{};
  if (setup_.authenticator == nullptr) {
    if (config().anonymous_allowed(listener(connection.listener))) return AuthDecision{};
    return refusal_without_password_file(packet.user_name.has_value());
  }
  const ConnectInfo info{
      .client_id = client_id,
      .user_name = packet.user_name,
      .password = packet.password,
      .address = connection.address.get(),
      .listener = connection.listener,
  };
  return setup_.authenticator->authenticate(info, setup_.shard, peer.id);
}

void Core::on_auth_decided(const mail::AuthDecided& decided) {
  Connection* connection = connections_.find(decided.connection);
  if (connection == nullptr || connection->stage != Connection::Stage::authenticating) return;
  on_login_decided({decided.connection, *connection}, decided.decision);
}

void Core::on_login_decided(Peer peer, const AuthDecision& decision) {
  Connection& connection = peer.connection;
  const std::unique_ptr<PendingLogin> login = std::move(connection.login);
  CHECK(login != nullptr);
  const mqtt::Cut cut = mqtt::cut_frame(login->connect, 0);
  mqtt::Connect packet;
  mqtt::Malformed error;
  // It was decoded when it came.
  CHECK(cut.status == mqtt::CutStatus::complete && mqtt::decode(cut.frame, packet, error));
  connection.last_received = now_.time;  // The client could not say anything meanwhile.
  connection.stage = Connection::Stage::connecting;
  if (shutting_down_) {
    return refuse(peer, packet, Reason::server_unavailable, "the server is shutting down");
  }
  connection.authenticated = decision.reason == Reason::success;
  answer_login(peer, packet, decision, login->client_id, login->assigned);
  go_on(peer.id);
}

/// A login is decided: the session follows, or the end.
void Core::answer_login(Peer peer, mqtt::Connect& packet, const AuthDecision& decision,
                        std::string_view client_id, bool assigned) {
  if (decision.reason != Reason::success) return refuse_login(peer, packet, decision);
  if (peer.connection.authentication != nullptr) {
    // A name that is only claimed must not stand beside one that is proved: it may be the client
    // identifier (use_username_as_clientid).
    const std::string proved(peer.connection.authentication->exchange->user_name());
    const std::string_view claimed = packet.user_name.value_or("");
    if (!claimed.empty() && claimed != proved) {
      return refuse(peer, packet, Reason::not_authorized,
                    "the user name in CONNECT is not the one that was authenticated");
    }
    peer.connection.authentication->exchange.reset();
    peer.connection.authenticated = true;
    packet.user_name = proved;
    return accept(peer, packet, client_id, assigned, decision.data);
  }
  accept(peer, packet, client_id, assigned);
}

void Core::on_login_timeout(Peer peer) {
  if (peer.connection.authentication != nullptr) {
    return on_login_decided(
        peer, {Reason::not_authorized, "the client did not finish its authentication in time"});
  }
  on_login_decided(peer, {Reason::server_busy, "the login took too long"});
}

/// Handles what was read behind a CONNECT while its login was decided, behind an AUTH that had to
/// wait, or behind a packet that came too soon (against_abuse.cc), then reads on. With a lot of it
/// others are written in between: the rest follows as mail to ourselves.
void Core::go_on(ConnectionId id) {
  Connection* connection = connections_.find(id);
  const auto is_over = [&connection] {
    return connection == nullptr || connection->stage == Connection::Stage::closing;
  };
  if (is_over()) return;
  if (connection->partial != nullptr) {
    const std::unique_ptr<Buffer> whole = std::move(connection->partial);
    const size_t taken = take_frames(id, *whole);
    connection = connections_.find(id);
    if (is_over()) return;
    if (taken != whole->size()) {
      connection->partial =
          std::make_unique<Buffer>(whole->begin() + static_cast<ptrdiff_t>(taken), whole->end());
      if (!connection->is_slowed() && taken != 0 && output_.wants_flush)
        return send(setup_.shard, mail::GoOn{id});
    }
  }
  if (connection->stage == Connection::Stage::authenticating && connection->rest_waits()) return;
  set_reading({id, *connection}, Connection::pause_login, false);
}

}  // namespace tombo::broker
