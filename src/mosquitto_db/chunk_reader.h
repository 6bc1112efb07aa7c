#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "mosquitto_db/chunk.h"
#include "mosquitto_db/layout.h"

namespace tombo::mosquitto_db {

/// Reads a file from front to back. Frames chunks by their length and bounds every field by its
/// chunk; says the offset of what is not right. Whether the values make sense is not its business.
/// Reads files of hosts of either byte order and alignment, and leaves out user names that
/// Mosquitto before 2.0.16 wrote by mistake as far as they show it; a plain repetition of the
/// client before cannot be told, so user names are hints.
/// ```
/// Result<ChunkReader> reader = ChunkReader::open(file);
/// for (;;) {
///   Result<std::optional<Chunk>> chunk = reader->next();
///   if (!chunk) return chunk.error();
///   if (!*chunk) break;
/// }
/// ```
class ChunkReader {
 public:
  /// `file` outlives the reader and its chunks. Error: this is no such file, or of a format that
  /// is not known.
  static Result<ChunkReader> open(Bytes file);

  [[nodiscard]] uint32_t format() const { return layout_.format; }

  /// The next chunk; nullopt at the end. After an error there is no more.
  Result<std::optional<Chunk>> next();

  /// What was passed over so far, a line each. Bound: kWarningsMax, the rest is counted in the
  /// last.
  [[nodiscard]] std::vector<std::string> warnings() const;

  static constexpr size_t kWarningsMax = 20;

 private:
  ChunkReader(Bytes file, Layout layout) : file_(file), layout_(layout) {}

  void warn(std::string text);
  Result<std::optional<Chunk>> read_body(Chunk chunk, Bytes body);

  Bytes file_;
  Layout layout_;
  size_t at_ = 0;
  std::vector<std::string> warnings_;
  size_t unsaid_ = 0;
};

}  // namespace tombo::mosquitto_db
