#pragma once

#include "mosquitto_db/chunk_reader.h"
#include "mosquitto_db/dump.h"

/// The forms of dump.h. `reader` stands before the first chunk.
namespace tombo::mosquitto_db {

/// Prints as far as the file is whole.
Result<void> dump_chunks(ChunkReader& reader, bool as_v2_0, const TextSink& out);

// Require: the file is whole.
void dump_json(const ChunkReader& reader, const TextSink& out);
void dump_statistics(const ChunkReader& reader, bool as_v2_0, const TextSink& out);
void dump_client_statistics(const ChunkReader& reader, const TextSink& out);

}  // namespace tombo::mosquitto_db
