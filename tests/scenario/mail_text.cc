#include "scenario/mail_text.h"

#include <fmt/core.h>

#include "mqtt/describe.h"

namespace tombo::scenario {
namespace {

namespace mail = broker::mail;
using broker::StoreOp;

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

std::string text_of(const mqtt::Message& message) {
  return fmt::format("q{} r{} topic={} payload={}", mqtt::value(message.qos()),
                     message.retain() ? 1 : 0, mqtt::quoted(message.topic(), true),
                     mqtt::quoted(as_text(message.payload()), true));
}

std::string_view waits(const broker::AckToken& token) {
  return token ? ", to be settled" : "";
}

std::string_view kind_of(const mail::GroupUpdate& update) {
  using Kind = mail::GroupUpdate::Kind;
  switch (update.kind) {
    case Kind::join:
      return "joins";
    case Kind::leave:
      return "leaves";
    case Kind::online:
      return "is online in";
    case Kind::offline:
      return "is offline in";
  }
  return "";
}

std::string_view name_of(StoreOp::Kind kind) {
  switch (kind) {
    case StoreOp::Kind::session_put:
      return "session_put";
    case StoreOp::Kind::session_delete:
      return "session_delete";
    case StoreOp::Kind::subscription_put:
      return "subscription_put";
    case StoreOp::Kind::subscription_delete:
      return "subscription_delete";
    case StoreOp::Kind::queue_add:
      return "queue_add";
    case StoreOp::Kind::decide:
      return "decide";
    case StoreOp::Kind::queue_released:
      return "queue_released";
    case StoreOp::Kind::queue_done:
      return "queue_done";
    case StoreOp::Kind::received_add:
      return "received_add";
    case StoreOp::Kind::received_delete:
      return "received_delete";
    case StoreOp::Kind::retained_set:
      return "retained_set";
    case StoreOp::Kind::retained_delete:
      return "retained_delete";
  }
  return "";
}

}  // namespace

std::string describe(const broker::Mail& mail) {
  return std::visit(
      Overloaded{
          [](const mail::Publish& m) {
            return fmt::format("Publish {}{}", text_of(*m.message), waits(m.token));
          },
          [](const mail::Settled& m) {
            return fmt::format("Settled, {}", m.matched ? "matched" : "nobody");
          },
          [](const mail::Decided&) { return std::string("Decided"); },
          [](const mail::Credit& m) { return fmt::format("Credit {} bytes", m.bytes); },
          [](const mail::Retain& m) {
            return fmt::format("Retain {}{}", text_of(*m.message), waits(m.token));
          },
          [](const mail::ReplayNext& m) {
            return std::string(m.stop ? "ReplayNext, stop" : "ReplayNext");
          },
          [](const mail::GroupJoined&) { return std::string("GroupJoined"); },
          [](const mail::GroupDeliver& m) {
            return fmt::format("GroupDeliver {}{}", text_of(*m.message), waits(m.token));
          },
          [](const std::unique_ptr<mail::ReplayStart>& m) {
            return fmt::format("ReplayStart \"{}\"", m->filter);
          },
          [](const std::unique_ptr<mail::ReplayPage>& m) {
            return fmt::format("ReplayPage, {} messages{}", m->messages.size(),
                               m->more ? ", more to come" : ", the last");
          },
          [](const std::unique_ptr<mail::GroupUpdate>& m) {
            return fmt::format("GroupUpdate, a member {} \"{}\"", kind_of(*m), m->name);
          },
          [](const std::unique_ptr<mail::GroupReturn>& m) {
            return fmt::format("GroupReturn, {} messages", m->messages.size());
          },
          [](const std::unique_ptr<mail::Adopt>&) { return std::string("Adopt"); },
          [](const std::unique_ptr<mail::AuthDecided>&) { return std::string("AuthDecided"); },
          [](const mail::GoOn&) { return std::string("GoOn"); },
          [](const mail::Committed& m) { return fmt::format("Committed {}", m.number); },
          [](const mail::ReadQueue&) { return std::string("ReadQueue"); },
          [](const std::unique_ptr<broker::QueuePage>& m) {
            return fmt::format("QueuePage, {} messages", m->entries.size());
          },
          [](const mail::DiskFull& m) {
            return std::string(m.is_full ? "DiskFull" : "DiskFull no more");
          },
          [](const std::unique_ptr<mail::RestoreSession>& m) {
            return fmt::format("RestoreSession \"{}\"", m->session.record.client_id);
          },
          [](const mail::RestoreRetained& m) {
            return fmt::format("RestoreRetained {}", text_of(*m.message));
          },
          [](const mail::RestoreDone&) { return std::string("RestoreDone"); },
          [](const mail::Inject& m) { return fmt::format("Inject {}", text_of(*m.message)); },
          [](const mail::Reconfigure&) { return std::string("Reconfigure"); },
          [](const mail::Shutdown&) { return std::string("Shutdown"); },
      },
      mail);
}

std::string describe(const broker::StoreBatch& batch) {
  std::string out = fmt::format("store {}: batch {}:", batch.shard.value(), batch.number);
  std::string_view before = " ";
  for (const StoreOp& op : batch.ops) {
    out += before;
    out += name_of(op.kind);
    before = ", ";
    if (!op.text.empty()) out += " " + mqtt::quoted(op.text, true);
    switch (op.kind) {
      case StoreOp::Kind::session_put:
        out += fmt::format(" {} expiry={}{}", mqtt::quoted(op.session->client_id, true),
                           op.session->expiry_interval_s,
                           op.session->disconnected_at_ms != 0 ? " disconnected" : "");
        if (op.session->will) {
          out += fmt::format(" will={}", mqtt::quoted(op.session->will->topic(), true));
        }
        break;
      case StoreOp::Kind::subscription_put:
        out += fmt::format(" options={:#04x} id={}", op.bits, op.number);
        break;
      case StoreOp::Kind::queue_add:
        out += fmt::format(" #{} q{} r{}", op.sequence, op.bits & 3, op.bits >> 2 & 1);
        if (op.decision != 0) out += " undecided";
        break;
      case StoreOp::Kind::queue_released:
      case StoreOp::Kind::queue_done:
      case StoreOp::Kind::received_add:
      case StoreOp::Kind::received_delete:
        out += fmt::format(" m{}", op.packet_id);
        break;
      case StoreOp::Kind::decide:
      case StoreOp::Kind::session_delete:
      case StoreOp::Kind::subscription_delete:
      case StoreOp::Kind::retained_set:
      case StoreOp::Kind::retained_delete:
        break;
    }
    if (op.message) out += " " + mqtt::quoted(op.message->topic(), true);
  }
  for (const broker::QueueRead& read : batch.reads) {
    out += fmt::format("{}queue_read from #{}", before, read.from);
    before = ", ";
  }
  return out;
}

}  // namespace tombo::scenario
