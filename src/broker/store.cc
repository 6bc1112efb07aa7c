#include "base/hash.h"
#include "broker/core.h"

// What goes to the store. With a store that keeps nothing, nothing is recorded.
namespace tombo::broker {

/// A new operation of this turn's batch. Requires: keeps().
StoreOp& Core::record(StoreOp::Kind kind, const Session& session) {
  StoreOp& op = batch_ops_.emplace_back();
  op.kind = kind;
  op.key = session.client_hash;
  return op;
}

/// The session itself, when it outlives its connection.
void Core::record_session(Session& session) {
  if (!keeps()) return;
  if (session.clean) {
    if (session.stored) record(StoreOp::Kind::session_delete, session);
    session.stored = false;
    return;
  }
  StoreOp& op = record(StoreOp::Kind::session_put, session);
  op.text = session.client_id;
  op.number = session.expiry_interval_s;
  session.stored = true;
}

}  // namespace tombo::broker
