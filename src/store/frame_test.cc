#include "store/frame.h"

#include <string>

#include <gtest/gtest.h>

#include "base/random.h"

namespace tombo::store {
namespace {

mqtt::MessageParts message(std::string_view topic, std::string_view payload) {
  mqtt::MessageParts parts;
  parts.topic = topic;
  parts.payload = as_bytes(payload);
  return parts;
}

/// What is in a frame, a line a record.
// NOLINTNEXTLINE(readability-function-cognitive-complexity): one branch for each kind of record.
std::vector<std::string> records_of(Bytes frame) {
  std::vector<std::string> lines;
  Result<FrameReader> reader = FrameReader::open(frame);
  if (!reader) return {reader.error().text};
  for (;;) {
    const Result<std::optional<FrameRecord>> record = reader->next();
    if (!record) return {record.error().text};
    if (!record->has_value()) return lines;
    if (const auto* message = std::get_if<MessageRecord>(&**record)) {
      std::string line = std::string(message->parts.topic) + "=" +
                         std::string(as_text(message->parts.payload)) + " for";
      QueueReader queues(*message);
      for (QueueEntry entry; queues.next(entry);) {
        line += " " + std::to_string(entry.session) + "/" + std::to_string(entry.sequence) + "q" +
                std::to_string(mqtt::value(entry.qos)) + (entry.retain ? "r" : "");
        for (const uint32_t id : entry.subscription_ids) line += "," + std::to_string(id);
        if (entry.decision != 0) line += "?" + std::to_string(entry.decision);
      }
      lines.push_back(line + (queues.ok() ? "" : " broken"));
    } else if (const auto* done = std::get_if<DoneRecord>(&**record)) {
      lines.push_back("done " + std::to_string(done->session) + "/" +
                      std::to_string(done->sequence));
    } else if (const auto* released = std::get_if<ReleasedRecord>(&**record)) {
      lines.push_back("released " + std::to_string(released->session) + "/" +
                      std::to_string(released->sequence));
    } else if (const auto* received = std::get_if<ReceivedRecord>(&**record)) {
      lines.push_back("received " + std::to_string(received->session) + " " +
                      std::to_string(received->packet_id));
    } else if (const auto* decided = std::get_if<DecidedRecord>(&**record)) {
      lines.push_back("decided " + std::to_string(decided->decision));
    } else if (const auto* received_done = std::get_if<ReceivedDoneRecord>(&**record)) {
      lines.push_back("received done " + std::to_string(received_done->session) + " " +
                      std::to_string(received_done->packet_id));
    }
  }
}

TEST(Frame, gives_back_what_was_written) {
  FrameWriter writer;
  writer.begin();
  QueueList queues;
  const std::vector<uint32_t> ids{7, 268'435'455};
  queues.add({.session = 900, .sequence = 1, .qos = mqtt::Qos::exactly_once, .retain = true});
  queues.add({.session = 3, .sequence = UINT64_MAX, .subscription_ids = ids});
  queues.add({.session = UINT64_MAX, .sequence = 0, .decision = 300});
  EXPECT_EQ(writer.add(message("a/b", "x"), queues), 0U);
  queues.clear();
  queues.add({.session = 1, .sequence = 2});
  EXPECT_EQ(writer.add(message("c", ""), queues), 1U);
  writer.add(DoneRecord{1, 2});
  writer.add(ReleasedRecord{3, 4});
  writer.add(ReceivedRecord{5, 65'535});
  writer.add(ReceivedDoneRecord{5, 1});
  writer.add(DecidedRecord{UINT64_MAX});
  EXPECT_EQ(
      records_of(writer.finish()),
      (std::vector<std::string>{"a/b=x for 900/1q2r 3/18446744073709551615q1,7,268435455 "
                                "18446744073709551615/0q1?300",
                                "c= for 1/2q1", "done 1/2", "released 3/4", "received 5 65535",
                                "received done 5 1", "decided 18446744073709551615"}));
}

TEST(Frame, keeps_all_of_a_message) {
  const mqtt::MessageParts parts{
      .topic = "t",
      .properties = mqtt::Properties(as_bytes(std::string_view("\x03\x00\x01z", 4))),
      .payload = as_bytes("body"),
      .qos = mqtt::Qos::exactly_once,
      .retain = true,
      .origin = 0x1234'5678'9abc'def0U,
      .expires_at_ms = -5,
      .source = mqtt::MessageSource{"client", "user", 3}};
  FrameWriter writer;
  writer.begin();
  writer.add(parts, {});
  Result<FrameReader> reader = FrameReader::open(writer.finish());
  const Result<std::optional<FrameRecord>> record = reader->next();
  const auto& found = std::get<MessageRecord>(**record).parts;
  EXPECT_EQ(found.topic, "t");
  EXPECT_EQ(found.properties.text(mqtt::PropertyId::content_type), "z");
  EXPECT_EQ(as_text(found.payload), "body");
  EXPECT_EQ(found.qos, mqtt::Qos::exactly_once);
  EXPECT_TRUE(found.retain);
  EXPECT_EQ(found.origin, parts.origin);
  EXPECT_EQ(found.expires_at_ms, -5);
  EXPECT_EQ(found.source->client_id, "client");
  EXPECT_EQ(found.source->user_name, "user");
  EXPECT_EQ(found.source->listener, 3);
}

TEST(Frame, refuses_a_newer_version_and_says_so) {
  FrameWriter writer;
  writer.begin();
  const Bytes frame = writer.finish();
  std::vector<uint8_t> newer(frame.begin(), frame.end());
  newer[7] = 2;
  EXPECT_EQ(records_of(newer)[0],
            "a frame of version 2, and only 1 is known: it was written by a newer tombo");
}

TEST(Frame, finds_every_changed_bit_and_every_cut) {
  FrameWriter writer;
  writer.begin();
  QueueList queues;
  queues.add({.session = 5, .sequence = 6});
  writer.add(message("a", "payload"), queues);
  writer.add(DoneRecord{1, 2});
  const Bytes frame = writer.finish();
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::vector<uint8_t> changed(frame.begin(), frame.end());
    changed[bit / 8] ^= static_cast<uint8_t>(1U << bit % 8);
    EXPECT_FALSE(FrameReader::open(changed)) << bit;
  }
  for (size_t size = 0; size < frame.size(); ++size) {
    EXPECT_FALSE(FrameReader::open(frame.first(size))) << size;
  }
}

}  // namespace
}  // namespace tombo::store
