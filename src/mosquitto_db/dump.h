#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace tombo::mosquitto_db {

/// What `mosquitto_db_dump` can print: each chunk, JSON, how many chunks there are, or how much
/// each client has.
enum class DumpForm : uint8_t { chunks, json, statistics, client_statistics };

struct DumpOptions {
  DumpForm form = DumpForm::chunks;
  bool as_v2_0 = false;  ///< The labels of Mosquitto 2.0.
};

/// Takes pieces of the output in order.
using TextSink = std::function<void(std::string_view)>;

/// Prints a file to `out` as `mosquitto_db_dump` does. Gives what was passed over, a line each.
/// When the file is damaged, the chunks before the damage have been printed with DumpForm::chunks,
/// and nothing with the others.
/// Two faults of Mosquitto 2.1.2 are not copied: its JSON has the subscription identifier in place
/// of a client message's `storeid`, and loses all properties of a message when one is empty.
Result<std::vector<std::string>> dump(Bytes file, const DumpOptions& options, const TextSink& out);

}  // namespace tombo::mosquitto_db
