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

  /// Opens a store as it is now, to read it; changes nothing, and somebody else may use it at the
  /// same time and go on. A start ends the log where it is damaged, for what was not synced may
  /// look like anything after a power cut; with `whole_log` only its last record may be cut off.
  /// Error: as of open(), or it changed too often meanwhile.
  static Result<std::unique_ptr<RocksFrameStore>> open_to_read(const std::string& path,
                                                               bool whole_log = false);

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

  /// A copy of the whole store in a new folder at `path`, while it is in use. For any thread.
  Result<void> checkpoint(const std::string& path);

  /// Of a store that was opened to be read: has somebody else begun or ended a file since? Then
  /// what cannot be read may have been deleted in the meantime.
  [[nodiscard]] bool has_changed() const;

  /// Reads all files of RocksDB and checks their checksums; frames have their own.
  Result<void> verify();

 private:
  struct State;

  explicit RocksFrameStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace tombo::store
