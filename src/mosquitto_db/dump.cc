#include "mosquitto_db/dump.h"

#include "mosquitto_db/chunk_reader.h"
#include "mosquitto_db/dump_forms.h"
#include "mosquitto_db/each_chunk.h"

namespace tombo::mosquitto_db {

Result<std::vector<std::string>> dump(Bytes file, const DumpOptions& options, const TextSink& out) {
  Result<ChunkReader> reader = ChunkReader::open(file);
  if (!reader) return reader.error();
  if (options.form == DumpForm::chunks) {
    const Result<void> printed = dump_chunks(*reader, options.as_v2_0, out);
    if (!printed) return printed.error();
    return reader->warnings();
  }
  const ChunkReader from_start = *reader;
  const Result<void> whole = for_each_chunk(*reader, [](const Chunk&) {});
  if (!whole) return whole.error();
  switch (options.form) {
    case DumpForm::chunks:
      break;
    case DumpForm::json:
      dump_json(from_start, out);
      break;
    case DumpForm::statistics:
      dump_statistics(from_start, options.as_v2_0, out);
      break;
    case DumpForm::client_statistics:
      dump_client_statistics(from_start, out);
      break;
  }
  return reader->warnings();
}

}  // namespace tombo::mosquitto_db
