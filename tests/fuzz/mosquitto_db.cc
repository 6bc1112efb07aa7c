#include <string>

#include "base/check.h"
#include "fuzz/input.h"
#include "mosquitto_db/dump.h"

/// A mosquitto.db in all forms of output: whatever the file is, they agree whether it can be read,
/// and nothing is read outside of it.
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

void run(Bytes file) {
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
