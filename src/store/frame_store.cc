#include "store/frame_store.h"

namespace tombo::store {

void Commit::clear() {
  frame = 0;
  frame_bytes = {};
  changes.clear();
  dead_first = 0;
  dead_last = 0;
}

}  // namespace tombo::store
