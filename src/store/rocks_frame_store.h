#pragma once

#include <memory>
#include <string>

#include "store/frame_store.h"

namespace rocksdb {
class Env;
}

namespace tombo::store {

struct RocksOptions {
  std::string path;  ///< The folder; made when it is not there.
  Durability durability = Durability::fsync;
  /// Bytes of the disk that are kept for what frees room (acknowledgements, deletions), as a file
  /// in the folder; and what must be free beside it to take more. 0: none.
  uint64_t reserve = 0;
  rocksdb::Env* environment = nullptr;     ///< For tests; null: the system's.
  size_t write_buffer = size_t{64} << 20;  ///< Of a table, in memory; small ones make many files.
};

/// The FrameStore of one machine: a folder of RocksDB, a column family for the frames and for each
/// table. A commit is one write to its log, with one fsync.
/// On a full disk the reserve is given away, and made again when there is room for it twice; a full
/// disk while it is opened is an error.
class RocksFrameStore final : public FrameStore {
 public:
  /// Error: the folder cannot be opened, is in use, is damaged, or was written by a newer tombo, in
  /// which case nothing in it is touched.
  static Result<std::unique_ptr<RocksFrameStore>> open(const RocksOptions& options);

  RocksFrameStore(const RocksFrameStore&) = delete;
  RocksFrameStore& operator=(const RocksFrameStore&) = delete;
  ~RocksFrameStore() override;

  Result<void> commit(const Commit& commit) override;
  Result<std::string> read(FrameNumber number) override;
  Result<void> scan_frames(const std::function<bool(FrameNumber, std::string_view)>& each) override;
  Result<void> scan(Table table,
                    const std::function<bool(std::string_view, std::string_view)>& each) override;

  [[nodiscard]] bool has_room() override;
  void stop_waiting() override;
  Result<void> catch_up() override;

  /// A copy of the whole store in a new folder at `path`, while it is in use.
  Result<void> checkpoint(const std::string& path);

 private:
  struct State;

  explicit RocksFrameStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tombo::store
