#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include <fmt/core.h>

#include "mosquitto_db/dump_forms.h"
#include "mosquitto_db/each_chunk.h"

namespace tombo::mosquitto_db {
namespace {

/// What one client has, counted as mosquitto_db_dump does.
struct Share {
  uint64_t subscriptions = 0;
  uint64_t subscription_bytes = 0;
  uint64_t messages = 0;
  uint64_t message_bytes = 0;  ///< Those of the MESSAGE chunks too, each time they are named.
};

}  // namespace

void dump_statistics(const ChunkReader& reader, bool as_v2_0, const TextSink& out) {
  const std::array<std::string_view, 6> labels{
      "DB_CHUNK_CFG:",        as_v2_0 ? "DB_CHUNK_MSG_STORE:" : "DB_CHUNK_BASE_MSG:",
      "DB_CHUNK_CLIENT_MSG:", "DB_CHUNK_RETAIN:",
      "DB_CHUNK_SUB:",        "DB_CHUNK_CLIENT:"};
  std::array<uint64_t, labels.size()> counts{};
  ChunkReader chunks = reader;
  for_each_chunk(chunks, [&counts](const Chunk& chunk) {
    if (chunk.type >= 1 && chunk.type <= counts.size()) ++counts[chunk.type - 1];
  }).value();
  for (size_t i = 0; i < labels.size(); ++i) {
    out(fmt::format("{:<20} {}\n", labels[i], counts[i]));
  }
}

void dump_client_statistics(const ChunkReader& reader, const TextSink& out) {
  std::unordered_map<uint64_t, uint32_t> lengths;
  for_each_body<Message>(reader, [&lengths](const Message& body, const Chunk& chunk) {
    lengths[body.id] = chunk.length;
  });
  std::unordered_map<std::string_view, Share> shares;
  // What stands before its client does not count.
  ChunkReader chunks = reader;
  for_each_chunk(chunks, [&](const Chunk& chunk) {
    if (const auto* client = std::get_if<Client>(&chunk.body)) {
      shares.try_emplace(client->client_id);
    } else if (const auto* subscription = std::get_if<Subscription>(&chunk.body)) {
      const auto share = shares.find(subscription->client_id);
      if (share == shares.end()) return;
      ++share->second.subscriptions;
      share->second.subscription_bytes += chunk.length;
    } else if (const auto* message = std::get_if<ClientMessage>(&chunk.body)) {
      const auto share = shares.find(message->client_id);
      if (share == shares.end()) return;
      ++share->second.messages;
      share->second.message_bytes += chunk.length;
      const auto length = lengths.find(message->message_id);
      if (length != lengths.end()) share->second.message_bytes += length->second;
    }
  }).value();
  for_each_body<Client>(reader, [&](const Client& body, const Chunk& /*chunk*/) {
    const Share& share = shares[body.client_id];
    out(fmt::format("SC: {} SS: {} MC: {} MS: {}   {}\n", share.subscriptions,
                    share.subscription_bytes, share.messages, share.message_bytes, body.client_id));
  });
}

}  // namespace tombo::mosquitto_db
