#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include <rocksdb/file_system.h>

#include "base/sync/failure_gate.h"
#include "base/sync/patience.h"

namespace tombo::store {

/// Where writes wait for room, and what they may use up first.
struct Room {
  Patience patience;
  std::filesystem::path reserve;  ///< a file that is deleted when the disk is full
  /// For syncs of the log: closed when a write to it or a sync has failed, for RocksDB does not
  /// survive a sync behind that.
  FailureGate syncs;
};

/// The same file system, but writing to a full disk (or beyond a quota) waits until there is room,
/// as long as there is patience: RocksDB does not learn of it, for not all of it survives that.
/// `room` outlives it.
std::shared_ptr<rocksdb::FileSystem> with_patience(
    const std::shared_ptr<rocksdb::FileSystem>& files, Room& room);

/// How often a write is tried again.
inline constexpr std::chrono::milliseconds kRoomInterval{100};

}  // namespace tombo::store
