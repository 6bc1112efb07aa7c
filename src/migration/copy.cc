#include "migration/copy.h"

#include <algorithm>
#include <string>

#include "store/durable_state.h"

namespace tombo::migration {
namespace {

using store::Table;

/// Bytes of one commit, about.
constexpr size_t kCommitSize = size_t{1} << 20;

class Copy {
 public:
  Copy(store::FrameStore& from, store::FrameStore& to) : from_(from), to_(to) {}

  Result<void> run() {
    Result<void> done;
    for (const Table table : {Table::sessions, Table::subscriptions, Table::retained}) {
      if (done) done = copy(table);
    }
    if (done) done = copy_frames();
    return done;
  }

 private:
  Result<void> copy(Table table) {
    Result<void> written;
    Result<void> scanned = from_.scan(table, [&](std::string_view key, std::string_view value) {
      commit_.changes.push_back({.kind = store::Change::Kind::put,
                                 .table = table,
                                 .key = std::string(key),
                                 .value = std::string(value)});
      size_ += key.size() + value.size();
      if (size_ >= kCommitSize) written = write();
      return static_cast<bool>(written);
    });
    if (!scanned) return scanned;
    return written ? write() : written;
  }

  Result<void> copy_frames() {
    Result<void> written;
    Result<void> scanned =
        from_.scan_frames([&](store::FrameNumber number, std::string_view frame) {
          commit_.frame = number;
          commit_.frame_bytes = as_bytes(frame);
          written = write();
          return static_cast<bool>(written);
        });
    return scanned ? written : scanned;
  }

  Result<void> write() {
    Result<void> written = commit_.is_empty() ? Result<void>() : to_.commit(commit_);
    commit_.clear();
    size_ = 0;
    return written;
  }

  store::FrameStore& from_;
  store::FrameStore& to_;
  store::Commit commit_;
  size_t size_ = 0;
};

}  // namespace

Result<Summary> count_store(store::FrameStore& store) {
  Summary summary;
  store::DurableState state(store, {.queue_in_memory = 0});
  const Result<void> loaded = state.load(
      [&summary](const broker::RestoredSession& session) {
        ++summary.sessions;
        summary.subscriptions += session.subscriptions.size();
        const size_t all = session.queue.size() + session.rest.count;
        const uint32_t sent = session.record.inflight;
        const size_t in_flight = sent == broker::kAnySent ? 0 : std::min<size_t>(sent, all);
        summary.in_flight += in_flight;
        summary.queued += all - in_flight;
      },
      [&summary](const SharedRef<const mqtt::Message>& /*message*/) { ++summary.retained; });
  if (!loaded) return loaded.error();
  return summary;
}

Result<Summary> copy_store(store::FrameStore& from, store::FrameStore& to) {
  Result<Summary> counted = count_store(from);
  if (!counted) return counted;
  if (const Result<void> done = Copy(from, to).run(); !done) return done.error();
  return counted;
}

}  // namespace tombo::migration
