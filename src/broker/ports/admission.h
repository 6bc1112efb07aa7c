#pragma once

namespace tombo::broker {

/// Broker-wide counts that no shard can know alone: global_max_connections, global_max_clients.
/// Implemented over atomics by the server; without one there is no limit.
class Admission {
 public:
  virtual ~Admission() = default;
  /// Takes a place; false when all are taken. Given back with the matching leave_*().
  virtual bool enter_connection() = 0;
  virtual void leave_connection() = 0;
  virtual bool enter_session() = 0;
  virtual void leave_session() = 0;
};

}  // namespace tombo::broker
