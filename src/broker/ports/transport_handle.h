#pragma once

namespace tombo::broker {

/// A connection's bytes-in, bytes-out end as the broker sees it: a thing that can be handed to
/// another shard and nothing else. Implemented by server/.
class TransportHandle {
 public:
  virtual ~TransportHandle() = default;
  TransportHandle() = default;
  TransportHandle(const TransportHandle&) = delete;
  TransportHandle& operator=(const TransportHandle&) = delete;
};

}  // namespace tombo::broker
