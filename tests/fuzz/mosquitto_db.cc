#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "migration/export.h"
#include "migration/import.h"
#include "mosquitto_db/dump.h"
#include "store/frame_store_in_memory.h"

/// A mosquitto.db in all forms of output: whatever the file is, they agree whether it can be read,
/// and nothing is read outside of it. What can be taken over makes a store, and the file that is
/// written for going back has the same in it.
namespace tombo::fuzz {
namespace {

using mosquitto_db::DumpForm;

bool prints(Bytes file, DumpForm form) {
  std::string text;
  const auto append = [&text](std::string_view piece) { text += piece; };
  const auto done = mosquitto_db::dump(file, {.form = form}, append);
  if (!done) CHECK(!done.error().text.empty());
  return static_cast<bool>(done);
}

constexpr int64_t kNowMs = 1'800'000'000'000;

migration::Summary import_again(Bytes file, store::FrameStore& store) {
  const auto database = migration::read_database(file, {.now_ms = kNowMs});
  CHECK(database, database ? "" : database.error().text);
  const auto no_listener = [](uint16_t /*port*/) { return uint16_t{0}; };
  const auto imported = migration::import_database(*database, no_listener, store);
  CHECK(imported, imported ? "" : imported.error().text);
  return *imported;
}

void migrate(Bytes file) {
  if (!migration::read_database(file, {.now_ms = kNowMs})) return;
  store::FrameStoreInMemory store;
  const migration::Summary there = import_again(file, store);
  std::vector<uint8_t> exported;
  const auto back = migration::export_database(
      store, {.now_ms = kNowMs, .max_inflight_messages = UINT16_MAX}, [&](Bytes piece) {
        exported.insert(exported.end(), piece.begin(), piece.end());
        return Result<void>();
      });
  CHECK(back, back ? "" : back.error().text);
  CHECK(back->text() == there.text(), back->text());
  store::FrameStoreInMemory other;
  CHECK(import_again(exported, other).text() == there.text(), "not the same again");
}

void run(Bytes file) {
  migrate(file);
  const bool whole = prints(file, DumpForm::chunks);
  for (const DumpForm form : {DumpForm::json, DumpForm::statistics, DumpForm::client_statistics}) {
    CHECK(prints(file, form) == whole);
  }
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
