#pragma once

#include <array>
#include <map>
#include <string>

#include "store/frame_store.h"

namespace tombo::store {

/// For tests: a FrameStore that fails when it is told to.
class FrameStoreInMemory final : public FrameStore {
 public:
  /// The next commit fails, and nothing of it is kept.
  bool fails = false;

  Result<void> commit(const Commit& commit) override {
    if (fails) return Error{"told to fail"};
    for (const Change& change : commit.changes) {
      auto& table = tables_[static_cast<size_t>(change.table)];
      switch (change.kind) {
        case Change::Kind::put:
          table[change.key] = change.value;
          break;
        case Change::Kind::erase:
          table.erase(change.key);
          break;
        case Change::Kind::erase_prefix:
          std::erase_if(table,
                        [&](const auto& entry) { return entry.first.starts_with(change.key); });
          break;
      }
    }
    if (commit.frame != 0) frames_[commit.frame] = as_text(commit.frame_bytes);
    for (FrameNumber dead = commit.dead_first; dead < commit.dead_last; ++dead) {
      frames_.erase(dead);
    }
    return {};
  }

  Result<std::string> read(FrameNumber number) override {
    const auto frame = frames_.find(number);
    if (frame == frames_.end()) return Error{"no such frame"};
    return frame->second;
  }

  Result<void> scan_frames(
      const std::function<bool(FrameNumber, std::string_view)>& each) override {
    for (const auto& [number, frame] : frames_) {
      if (!each(number, frame)) break;
    }
    return {};
  }

  Result<void> scan(Table table,
                    const std::function<bool(std::string_view, std::string_view)>& each) override {
    for (const auto& [key, value] : tables_[static_cast<size_t>(table)]) {
      if (!each(key, value)) break;
    }
    return {};
  }

  [[nodiscard]] size_t frames() const { return frames_.size(); }

 private:
  std::map<FrameNumber, std::string> frames_;
  std::array<std::map<std::string, std::string>, kTables> tables_;
};

}  // namespace tombo::store
