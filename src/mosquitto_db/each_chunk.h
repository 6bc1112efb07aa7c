#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/result.h"
#include "mosquitto_db/chunk.h"
#include "mosquitto_db/chunk_reader.h"

namespace tombo::mosquitto_db {

/// Calls `f` with each chunk that is left in `reader`.
template <class F>
Result<void> for_each_chunk(ChunkReader& reader, F&& f) {
  for (;;) {
    const Result<std::optional<Chunk>> chunk = reader.next();
    if (!chunk) return chunk.error();
    if (!chunk->has_value()) return {};
    f(**chunk);
  }
}

/// Calls `f` with each body of one kind, in a file that has been read without an error before.
template <class Body, class F>
void for_each_body(ChunkReader reader, F&& f) {
  for_each_chunk(reader, [&f](const Chunk& chunk) {
    if (const auto* body = std::get_if<Body>(&chunk.body)) f(*body, chunk);
  }).value();
}

}  // namespace tombo::mosquitto_db
