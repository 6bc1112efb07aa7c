#include "sim/disk.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/core.h>

#include "base/bytes.h"
#include "store/frame.h"

namespace tombo::sim {

using store::Change;
using store::Commit;
using store::FrameNumber;
using store::FrameStoreInMemory;
using store::Table;

namespace {

/// One in so many crashes in the middle of a write leaves it whole, and as many lose it.
constexpr uint64_t kOutcomes = 3;

/// What stands there when only a part of a value was written.
std::string tear(std::string value, Random& random) {
  const size_t at = random.below(value.size());
  switch (random.below(3)) {
    case 0:
      value.resize(at);
      break;
    case 1:
      // A block that was never written reads as zeros.
      std::fill(value.begin() + static_cast<ptrdiff_t>(at), value.end(), '\0');
      break;
    default:
      value[at] = static_cast<char>(value[at] ^ static_cast<char>(1U << random.below(8)));
      break;
  }
  return value;
}

void copy(FrameStoreInMemory& from, FrameStoreInMemory& to) {
  Commit tables;
  for (size_t i = 0; i < store::kTables; ++i) {
    const auto table = static_cast<Table>(i);
    static_cast<void>(from.scan(table, [&](std::string_view key, std::string_view value) {
      tables.changes.push_back({Change::Kind::put, table, std::string(key), std::string(value)});
      return true;
    }));
  }
  static_cast<void>(to.commit(tables));
  static_cast<void>(from.scan_frames([&](FrameNumber number, std::string_view bytes) {
    Commit frame;
    frame.frame = number;
    frame.frame_bytes = as_bytes(bytes);
    static_cast<void>(to.commit(frame));
    return true;
  }));
}

}  // namespace

/// What the process sees, and what a crash would leave. A commit is atomic as RocksDB's are: a
/// batch of which a part is missing is found by its checksum. Here that of the frame has to do.
class Disk::Frames final : public store::FrameStore {
 public:
  Result<void> commit(const Commit& commit) override {
    written_ = commit;
    bytes_ = as_text(commit.frame_bytes);
    written_.frame_bytes = as_bytes(bytes_);
    if (commit.frame != 0 && seen_->read(commit.frame)) {
      return Error{fmt::format("frame {} is written a second time", commit.frame)};
    }
    return seen_->commit(written_);
  }

  Result<std::string> read(FrameNumber number) override { return seen_->read(number); }

  Result<void> scan_frames(
      const std::function<bool(FrameNumber, std::string_view)>& each) override {
    return seen_->scan_frames(each);
  }

  Result<void> scan(Table table,
                    const std::function<bool(std::string_view, std::string_view)>& each) override {
    return seen_->scan(table, each);
  }

  /// A commit of nothing is not written.
  void sync() {
    static_cast<void>(safe_.commit(written_));
    written_.clear();
    bytes_.clear();
  }

  /// `written`: the last commit is not synced.
  void crash(bool written, Random& random) {
    if (written) {
      switch (random.below(kOutcomes)) {
        case 0:
          sync();
          break;
        case 1:
          break;
        default:
          keep_part(random);
          break;
      }
    }
    written_.clear();
    bytes_.clear();
    seen_ = std::make_unique<FrameStoreInMemory>();
    copy(safe_, *seen_);
  }

  /// A copy with a frame that is damaged; null: there is no frame.
  std::unique_ptr<FrameStoreInMemory> damaged(Random& random) {
    if (safe_.frames() == 0) return nullptr;
    auto damaged = std::make_unique<FrameStoreInMemory>();
    copy(safe_, *damaged);
    uint64_t left = random.below(safe_.frames());
    static_cast<void>(safe_.scan_frames([&](FrameNumber number, std::string_view bytes) {
      if (left-- != 0) return true;
      std::string value = tear(std::string(bytes), random);
      // Zeros where there were zeros are no damage.
      if (value == bytes) value.front() = '\0';
      Commit commit;
      commit.frame = number;
      commit.frame_bytes = as_bytes(value);
      static_cast<void>(damaged->commit(commit));
      return false;
    }));
    return damaged;
  }

  [[nodiscard]] size_t count() const { return safe_.frames(); }

 private:
  void keep_part(Random& random) {
    if (bytes_.empty() || written_.frame == 0) return;
    const std::string torn = tear(bytes_, random);
    if (torn == bytes_ || !store::FrameReader::open(as_bytes(torn))) return;
    written_.frame_bytes = as_bytes(torn);
    sync();
  }

  std::unique_ptr<FrameStoreInMemory> seen_ = std::make_unique<FrameStoreInMemory>();
  FrameStoreInMemory safe_;
  Commit written_;     // The last one.
  std::string bytes_;  // Of its frame.
};

Disk::Disk(bool keeps, uint64_t small_log, size_t queue_in_memory)
    : keeps_(keeps),
      small_log_(small_log),
      queue_in_memory_(queue_in_memory),
      frames_(std::make_unique<Frames>()) {}

Disk::~Disk() = default;

void Disk::submit(broker::StoreBatch batch) {
  // In the process the batch goes to another thread, while the shard has references yet.
  for (const broker::StoreOp& op : batch.ops) {
    const bool will = op.session && op.session->will;
    if ((op.message && !op.message->crosses_shards()) ||
        (will && !op.session->will->crosses_shards())) {
      nonsense_ = "a message goes to the store with a plain count";
    }
  }
  const unsigned shard = batch.shard.value();
  if (taken_.size() <= shard) taken_.resize(shard + 1);
  if (batch.number != ++taken_[shard]) {
    nonsense_ =
        fmt::format("shard {} gives batch {} after {}", shard, batch.number, taken_[shard] - 1);
  }
  waiting_.push_back(std::move(batch));
}

Disk::Mails Disk::step(Random& random) {
  if (written_) return sync();
  Mails mails;
  if (waiting_.empty()) {
    read_pages(mails);
  } else {
    gather(random);
  }
  return mails;
}

void Disk::read_pages(Mails& mails) {
  const Result<void> done =
      state_->read_pages([&](broker::ShardId shard, std::unique_ptr<broker::QueuePage> page) {
        mails.emplace_back(shard.value(), std::move(page));
      });
  if (!done) nonsense_ = done.error().text;
}

/// What waits, or a part of it, goes into a commit, which is written.
void Disk::gather(Random& random) {
  for (uint64_t count = 1 + random.below(waiting_.size()); count > 0 && !state_->is_full();
       --count) {
    broker::StoreBatch batch = std::move(waiting_.front());
    waiting_.pop_front();
    const unsigned shard = batch.shard.value();
    if (newest_.size() <= shard) newest_.resize(shard + 1);
    newest_[shard] = batch.number;
    state_->add(std::move(batch));
  }
  if (const Result<void> done = state_->commit(); !done) {
    nonsense_ = done.error().text;
    is_down_ = true;
    return;
  }
  written_ = true;
}

Disk::Mails Disk::sync() {
  ++syncs_;
  if (syncs_left_ != 0 && --syncs_left_ == 0) {
    // Nobody knows what is there now.
    is_down_ = true;
    return {};
  }
  frames_->sync();
  written_ = false;
  Mails mails;
  for (unsigned shard = 0; shard < newest_.size(); ++shard) {
    const uint64_t number = std::exchange(newest_[shard], 0);
    if (number != 0) mails.emplace_back(shard, broker::mail::Committed{number});
  }
  read_pages(mails);
  if (const Result<void> done = state_->clean(); !done) nonsense_ = done.error().text;
  return mails;
}

void Disk::crash(Random& random) {
  frames_->crash(written_, random);
  written_ = false;
  is_down_ = false;
  syncs_left_ = 0;
  waiting_.clear();
  taken_.clear();
  newest_.clear();
}

namespace {

Result<Found> found_by(store::DurableState& state) {
  Found found;
  const Result<void> loaded = state.load(
      [&found](broker::RestoredSession session) { found.sessions.push_back(std::move(session)); },
      [&found](SharedRef<const mqtt::Message> message) {
        found.retained.push_back(std::move(message));
      });
  if (!loaded) return loaded.error();
  found.next_session_key = state.next_session_key();
  found.next_decision = state.next_decision();
  return found;
}

}  // namespace

Result<Found> Disk::load() {
  state_ = std::make_unique<store::DurableState>(
      *frames_,
      store::DurableState::Limits{.queue_in_memory = queue_in_memory_, .small_log = small_log_});
  return found_by(*state_);
}

Result<Found> Disk::look() {
  store::DurableState state(*frames_);
  return found_by(state);
}

std::string Disk::read_damaged(Random& random) {
  const std::unique_ptr<FrameStoreInMemory> damaged = frames_->damaged(random);
  if (damaged == nullptr) return {};
  store::DurableState state(*damaged);
  const Result<void> loaded = state.load([](const broker::RestoredSession&) {},
                                         [](const SharedRef<const mqtt::Message>&) {});
  return loaded ? "a damaged frame is read as if it were good" : std::string();
}

std::string Disk::leftovers() {
  constexpr std::array kNames = {"session", "subscription", "retained message"};
  std::string first;
  for (size_t i = 0; i < store::kTables; ++i) {
    static_cast<void>(
        frames_->scan(static_cast<Table>(i), [&](std::string_view key, std::string_view /*value*/) {
          // Which numbers of sessions were used stays.
          const bool is_number = i == 0 && key == std::string_view("\0\0\0\0\0\0\0\0", 8);
          if (!is_number) first = fmt::format("a {} is left on the disk", kNames.at(i));
          return first.empty();
        }));
  }
  if (first.empty() && state_->index().front()) {
    first = fmt::format("frame {} is still needed", *state_->index().front());
  }
  return first;
}

}  // namespace tombo::sim
