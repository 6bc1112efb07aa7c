#include "mosquitto_db/chunk_reader.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include "mosquitto_db/bodies.h"

namespace tombo::mosquitto_db {
namespace {

constexpr size_t kHeaderSize = 23;
constexpr uint32_t kNarrowConfigSize = 12;

/// Formats 5 and 6 have 32-bit types.
constexpr uint32_t kFirstPaddedFormat = 5;

size_t chunk_header_size(uint32_t format) {
  return format >= kFirstPaddedFormat ? 8 : 6;
}

/// Both ways of reading the last id: it is a small number in one of them.
bool is_big_endian(ByteReader at_last_id) {
  const uint64_t little = read_host64(at_last_id, {});
  const uint64_t big = __builtin_bswap64(little);
  return big < little;
}

/// CONFIG comes first and shows how the host lays numbers out; without it: as most hosts do.
Layout find_layout(Bytes chunks, uint32_t format) {
  Layout layout{.format = format};
  ByteReader reader(chunks);
  const bool padded = format >= kFirstPaddedFormat;
  const uint32_t type = padded ? reader.u32() : reader.u16();
  const uint32_t length = reader.u32();
  if (type != static_cast<uint32_t>(ChunkType::config)) return layout;
  layout.narrow = padded && length == kNarrowConfigSize;
  if (!padded) reader.skip(2);
  layout.big_endian_host = reader.remaining() >= sizeof(uint64_t) && is_big_endian(reader);
  return layout;
}

std::string_view name_of(uint32_t type) {
  constexpr std::array<std::string_view, 6> kNames{
      "configuration", "message", "client message", "retained message", "subscription", "client"};
  return type >= 1 && type <= kNames.size() ? kNames[type - 1] : "unknown";
}

}  // namespace

Result<ChunkReader> ChunkReader::open(Bytes file) {
  if (file.size() < kHeaderSize) {
    return Error{fmt::format("not a database of Mosquitto: {} bytes, and the header has {}",
                             file.size(), kHeaderSize)};
  }
  if (!std::ranges::equal(file.first(kMagic.size()), as_bytes(kMagic))) {
    return Error{"not a database of Mosquitto: it does not begin with \"mosquitto db\""};
  }
  ByteReader reader(file.subspan(kHeaderSize - 4));
  const uint32_t format = reader.u32();
  if (format < kOldestFormat || format > kNewestFormat) {
    return Error{fmt::format("format {} of the database is not known, only {} to {} are", format,
                             kOldestFormat, kNewestFormat)};
  }
  const Bytes chunks = file.subspan(kHeaderSize);
  ChunkReader chunk_reader(file, find_layout(chunks, format));
  chunk_reader.at_ = kHeaderSize;
  return chunk_reader;
}

void ChunkReader::warn(std::string text) {
  if (warnings_.size() < kWarningsMax) {
    warnings_.push_back(std::move(text));
  } else {
    ++unsaid_;
  }
}

std::vector<std::string> ChunkReader::warnings() const {
  std::vector<std::string> all = warnings_;
  if (unsaid_ != 0) all.push_back(fmt::format("and {} more of the kind", unsaid_));
  return all;
}

Result<std::optional<Chunk>> ChunkReader::next() {
  const size_t header_size = chunk_header_size(layout_.format);
  const size_t left = file_.size() - at_;
  if (left < header_size) {
    if (left != 0) {
      warn(fmt::format("{} bytes at the end, from byte {} on, are no whole chunk", left, at_));
    }
    at_ = file_.size();
    return std::optional<Chunk>();
  }
  Chunk chunk;
  chunk.offset = at_;
  ByteReader header(file_.subspan(at_, header_size));
  chunk.type = header_size == 8 ? header.u32() : header.u16();
  chunk.length = header.u32();
  const size_t body_at = at_ + header_size;
  const bool known = chunk.type >= static_cast<uint32_t>(ChunkType::config) &&
                     chunk.type <= static_cast<uint32_t>(ChunkType::client);
  if (!known) {
    warn(fmt::format("unsupported chunk {} of length {} at byte {}, passed over", chunk.type,
                     chunk.length, at_));
    at_ = body_at + std::min<size_t>(chunk.length, file_.size() - body_at);
    return std::optional(chunk);
  }
  if (chunk.length > file_.size() - body_at) {
    at_ = file_.size();
    return Error{fmt::format("corrupt: the {} at byte {} ends behind the end of the file",
                             name_of(chunk.type), chunk.offset)};
  }
  at_ = body_at + chunk.length;
  return read_body(chunk, file_.subspan(body_at, chunk.length));
}

Result<std::optional<Chunk>> ChunkReader::read_body(Chunk chunk, Bytes body) {
  ByteReader reader(body);
  const bool is_padded = layout_.format >= kFirstPaddedFormat;
  switch (static_cast<ChunkType>(chunk.type)) {
    case ChunkType::config:
      chunk.body =
          is_padded ? padded::read_config(reader, layout_) : packed::read_config(reader, layout_);
      break;
    case ChunkType::message:
      chunk.body =
          is_padded ? padded::read_message(reader, layout_) : packed::read_message(reader, layout_);
      break;
    case ChunkType::client_message:
      chunk.body = is_padded ? padded::read_client_message(reader, layout_)
                             : packed::read_client_message(reader, layout_);
      break;
    case ChunkType::retained:
      chunk.body = Retained{read_host64(reader, layout_)};
      break;
    case ChunkType::subscription:
      chunk.body =
          is_padded ? padded::read_subscription(reader) : packed::read_subscription(reader);
      break;
    case ChunkType::client:
      chunk.body =
          is_padded ? padded::read_client(reader, layout_) : packed::read_client(reader, layout_);
      break;
  }
  if (!reader.ok()) {
    at_ = file_.size();
    return Error{fmt::format("corrupt: the {} at byte {} is longer than its {} bytes",
                             name_of(chunk.type), chunk.offset, chunk.length)};
  }
  if (reader.remaining() != 0) {
    warn(fmt::format("{} bytes behind the {} at byte {}, passed over", reader.remaining(),
                     name_of(chunk.type), chunk.offset));
  }
  if (const auto* config = std::get_if<Config>(&chunk.body);
      config != nullptr && config->id_size != sizeof(uint64_t)) {
    at_ = file_.size();
    return Error{fmt::format("message ids of {} bytes, at byte {}; only 8 are known",
                             config->id_size, chunk.offset)};
  }
  return std::optional(chunk);
}

}  // namespace tombo::mosquitto_db
