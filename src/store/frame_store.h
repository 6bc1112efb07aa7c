#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/frame.h"

namespace tombo::store {

/// What is kept by name, beside the log of frames.
enum class Table : uint8_t {
  sessions,       ///< by session number, 8 bytes, the highest first
  subscriptions,  ///< by session number and filter
  retained,       ///< by topic
};

inline constexpr size_t kTables = 3;

/// A change of a table.
struct Change {
  enum class Kind : uint8_t {
    put,           ///< key, value
    erase,         ///< key
    erase_prefix,  ///< all keys that begin with `key`
  };
  Kind kind{};
  Table table{};
  std::string key;
  std::string value{};
};

/// One step from one durable state to the next: all of it or nothing.
struct Commit {
  FrameNumber frame = 0;  ///< 0: no frame
  Bytes frame_bytes{};
  std::vector<Change> changes;  ///< in their order
  FrameNumber dead_first = 0;   ///< frames to delete: [dead_first, dead_last)
  FrameNumber dead_last = 0;

  [[nodiscard]] bool is_empty() const {
    return frame == 0 && changes.empty() && dead_first == dead_last;
  }

  void clear();
};

/// What a commit promises when it returns.
enum class Durability : uint8_t {
  fsync,  ///< it is on the disk
  os,     ///< the kernel has it; the next catch_up() brings it to the disk
  none,   ///< the process has it; the next catch_up() gives it to the kernel
};

/// Keeps frames and tables. Blocks; for one thread at a time but read() and catch_up(), which are
/// for any.
class FrameStore {
 public:
  FrameStore() = default;
  virtual ~FrameStore() = default;
  FrameStore(const FrameStore&) = delete;
  FrameStore& operator=(const FrameStore&) = delete;

  /// On a full disk it waits until there is room. Error: it is not known what is on the disk.
  virtual Result<void> commit(const Commit& commit) = 0;

  /// Is there room for more than what frees some, and does no commit wait? For any thread.
  [[nodiscard]] virtual bool has_room() { return true; }

  /// From now on a full disk is an error, also for a commit that waits. For any thread.
  virtual void stop_waiting() {}

  /// What `none` and `os` are behind with, see Durability. For any thread, beside commit().
  /// Error: as of commit().
  virtual Result<void> catch_up() { return {}; }

  /// The frame. Error: it is not there, or cannot be read.
  virtual Result<std::string> read(FrameNumber number) = 0;

  /// All frames in their order. `each` returns false to stop.
  virtual Result<void> scan_frames(
      const std::function<bool(FrameNumber, std::string_view)>& each) = 0;
  /// All of a table in the order of keys. `each` returns false to stop.
  virtual Result<void> scan(
      Table table, const std::function<bool(std::string_view, std::string_view)>& each) = 0;
};

}  // namespace tombo::store
