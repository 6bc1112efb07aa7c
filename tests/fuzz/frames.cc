#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "fuzz/input.h"
#include "store/durable_state.h"
#include "store/frame_cleaning.h"
#include "store/frame_store_in_memory.h"
#include "store/message_coding.h"
#include "store/records.h"

/// What the store reads back. Whatever stands there: nothing is read outside of it, an error says
/// why, and what can be read is written to the same. A whole store of such values is loaded or
/// refused; one that is loaded can be written to, cleaned and loaded again.
namespace tombo::fuzz {
namespace {

using store::FrameNumber;
using store::FrameReader;
using store::FrameRecord;
using store::Table;

/// The records in a frame whose checksum is right.
std::string frame_of(Bytes records) {
  std::vector<uint8_t> bytes;
  ByteWriter writer(bytes);
  writer.text("tombo.F");
  bytes.push_back(store::kFrameVersion);
  writer.bytes(records);
  const uint64_t sum = hash64(as_text(bytes), 0);
  writer.u32(static_cast<uint32_t>(sum >> 32));
  writer.u32(static_cast<uint32_t>(sum));
  return std::string(as_text(bytes));
}

/// Reads a frame and writes what it says. Nullopt: it is not one.
std::optional<std::string> copy_of(Bytes frame) {
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) {
    CHECK(!reader.error().text.empty());
    return std::nullopt;
  }
  store::FrameWriter writer;
  writer.begin();
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) {
      CHECK(!record.error().text.empty());
      return std::nullopt;
    }
    if (!record->has_value()) return std::string(as_text(writer.finish()));
    bool good = true;
    std::visit(
        [&](const auto& each) {
          if constexpr (std::is_same_v<std::decay_t<decltype(each)>, store::MessageRecord>) {
            store::QueueReader queues(each);
            store::QueueList list;
            for (store::QueueEntry entry; queues.next(entry);) list.add(entry);
            good = queues.ok();
            writer.add(each.parts, list);
          } else {
            writer.add(each);
          }
        },
        **record);
    if (!good) return std::nullopt;
  }
}

void run_frame(const std::string& frame) {
  const std::optional<std::string> copy = copy_of(as_bytes(frame));
  if (copy) CHECK(copy_of(as_bytes(*copy)) == copy);
}

void run_records(Bytes bytes) {
  const std::string value(as_text(bytes));
  if (const auto session = store::decode_session(value)) {
    const std::string coded = store::encode_session(*session);
    CHECK(store::encode_session(store::decode_session(coded).value()) == coded);
  }
  uint8_t options = 0;
  uint32_t identifier = 0;
  if (store::decode_subscription(value, options, identifier)) {
    const std::string coded = store::encode_subscription(options, identifier);
    CHECK(store::decode_subscription(coded, options, identifier));
    CHECK(store::encode_subscription(options, identifier) == coded);
  }
  if (const auto end = store::decode_used_keys(value)) {
    CHECK(store::decode_used_keys(store::encode_used_keys(*end)) == end);
  }
  if (const auto message = store::decode_retained(value)) {
    const std::string coded = store::encode_retained(*message);
    const auto again = store::decode_retained(coded);
    CHECK(again && store::encode_retained(*again) == coded);
  }
  if (const auto key = store::session_of(value)) {
    CHECK(value == store::subscription_key(*key, store::filter_of(value)));
  }
}

/// Session numbers are small as a rule, so that they meet.
std::string key_of(Input& input, Table table) {
  if (table == Table::retained) return std::string(as_text(input.take(input.below(8))));
  if (input.below(8) == 0) return std::string(as_text(input.take(input.below(12))));
  std::string key = store::session_key(input.below(6));
  if (table == Table::subscriptions) key += as_text(input.take(input.below(6)));
  return key;
}

void fill(Input& input, store::FrameStoreInMemory& store) {
  while (!input.empty()) {
    store::Commit commit;
    std::string frame;
    const uint8_t kind = input.below(store::kTables + 1);
    if (kind == store::kTables) {
      commit.frame = 1 + FrameNumber{input.u8()};
      const Bytes bytes = input.take(input.u8());
      frame = input.below(8) == 0 ? std::string(as_text(bytes)) : frame_of(bytes);
      commit.frame_bytes = as_bytes(frame);
    } else {
      const auto table = static_cast<Table>(kind);
      std::string key = key_of(input, table);
      std::string value(as_text(input.take(input.u8())));
      commit.changes.push_back({store::Change::Kind::put, table, std::move(key), std::move(value)});
    }
    CHECK(store.commit(commit));
  }
}

/// Numbers of a queue may be far apart, which takes memory and shows nothing.
bool is_narrow(store::FrameStoreInMemory& store) {
  constexpr uint64_t kMax = 100'000;
  bool narrow = true;
  const auto scanned = store.scan_frames([&](FrameNumber, std::string_view frame) {
    Result<FrameReader> reader = FrameReader::open(as_bytes(frame));
    while (reader && narrow) {
      const Result<std::optional<FrameRecord>> record = reader->next();
      if (!record || !record->has_value()) break;
      if (const auto* message = std::get_if<store::MessageRecord>(&**record)) {
        store::QueueReader queues(*message);
        for (store::QueueEntry entry; queues.next(entry);) narrow &= entry.sequence < kMax;
      } else if (const auto* released = std::get_if<store::ReleasedRecord>(&**record)) {
        narrow &= released->sequence < kMax;
      }
    }
    return narrow;
  });
  CHECK(scanned);
  return narrow;
}

struct Loaded {
  size_t sessions = 0;
  size_t queued = 0;
  size_t received = 0;
  size_t retained = 0;

  bool operator==(const Loaded&) const = default;
};

Result<Loaded> load(store::DurableState& state) {
  Loaded loaded;
  const Result<void> done = state.load(
      [&loaded](const broker::RestoredSession& session) {
        ++loaded.sessions;
        loaded.queued += session.queue.size();
        loaded.received += session.received.size();
      },
      [&loaded](const SharedRef<const mqtt::Message>& message) {
        CHECK(message);
        ++loaded.retained;
      });
  if (!done) return done.error();
  return loaded;
}

void run_store(Input input) {
  store::FrameStoreInMemory store;
  fill(input, store);
  if (!is_narrow(store)) return;
  store::DurableState state(store, store::DurableState::Limits{.small_log = 0});
  const Result<Loaded> before = load(state);
  if (!before) return CHECK(!before.error().text.empty());
  // Each commit may clean the frame in front.
  for (int i = 0; i < 4; ++i) {
    CHECK(state.commit());
    CHECK(state.clean());
  }
  store::DurableState again(store);
  const Result<Loaded> after = load(again);
  CHECK(after && *after == *before);
}

void run(Input input) {
  switch (input.below(4)) {
    case 0:
      return run_frame(std::string(as_text(input.rest())));
    case 1:
      return run_frame(frame_of(input.rest()));
    case 2:
      return run_records(input.rest());
    default:
      return run_store(input);
  }
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run(tombo::fuzz::Input(data, size));
  return 0;
}
