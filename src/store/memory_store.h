#pragma once

#include "broker/ports/store.h"

namespace tombo::store {

/// The store of a broker without persistence: keeps nothing, so the broker records nothing.
class MemoryStore final : public broker::Store {
 public:
  [[nodiscard]] bool keeps() const override { return false; }

  /// Must not be called: see Store::keeps().
  void submit(broker::StoreBatch batch) override;
};

}  // namespace tombo::store
