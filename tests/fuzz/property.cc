#include "mqtt/property.h"

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/check.h"
#include "fuzz/input.h"
#include "mqtt/topic.h"
#include "mqtt/utf8.h"

/// The property table: what check_properties() takes keeps the rules of section 2.2.2 one by one,
/// reads back as it was written, and what it refuses has a reason and a place.
/// Input: the place, then the properties.
namespace tombo::fuzz {
namespace {

using mqtt::Properties;
using mqtt::Property;
using mqtt::PropertyId;
using mqtt::PropertyPlace;
using mqtt::PropertyType;

constexpr uint8_t kPlaces = static_cast<uint8_t>(PropertyPlace::auth) + 1;

void check_one(const Property& property, PropertyPlace place) {
  const mqtt::PropertyInfo* info = mqtt::property_info(static_cast<uint8_t>(property.id));
  CHECK(info != nullptr && (info->places >> static_cast<unsigned>(place) & 1) != 0);
  CHECK(!property.raw.empty() && property.raw[0] == static_cast<uint8_t>(property.id));
  if (info->type == PropertyType::text || info->type == PropertyType::pair) {
    CHECK(mqtt::valid_utf8(property.text) && mqtt::valid_utf8(property.value));
  }
  switch (property.id) {
    case PropertyId::receive_maximum:
    case PropertyId::maximum_packet_size:
    case PropertyId::subscription_identifier:
    case PropertyId::topic_alias:
      CHECK(property.number != 0 && property.number <= UINT32_MAX);
      break;
    case PropertyId::response_topic:
      CHECK(!mqtt::has_wildcard(property.text));
      break;
    default:
      if (info->type == PropertyType::byte) CHECK(property.number <= 1);
      break;
  }
}

/// Writes it again by its value.
void write(mqtt::PropertyWriter& writer, const Property& property) {
  switch (mqtt::property_info(static_cast<uint8_t>(property.id))->type) {
    case PropertyType::byte:
    case PropertyType::two_byte:
    case PropertyType::four_byte:
    case PropertyType::variable:
      return writer.number(property.id, property.number);
    case PropertyType::text:
    case PropertyType::binary:
      return writer.text(property.id, property.text);
    case PropertyType::pair:
      return writer.pair(property.text, property.value);
  }
}

void check_taken(Bytes raw, PropertyPlace place) {
  const Properties properties(raw);
  std::vector<uint8_t> written;
  mqtt::PropertyWriter writer(written);
  std::map<PropertyId, int> counts;
  for (const Property& property : properties) {
    check_one(property, place);
    write(writer, property);
    // Those that look one up find the first.
    if (++counts[property.id] == 1 && property.id != PropertyId::user_property) {
      CHECK(properties.number(property.id) == property.number);
      CHECK(properties.text(property.id) == property.text);
    }
  }
  CHECK(std::ranges::equal(written, raw), "written again they differ");
  for (const auto& [id, count] : counts) {
    const bool repeats =
        id == PropertyId::user_property ||
        (id == PropertyId::subscription_identifier && place == PropertyPlace::publish);
    CHECK(count == 1 || repeats);
  }
  CHECK(!counts.contains(PropertyId::authentication_data) ||
        counts.contains(PropertyId::authentication_method));
  CHECK(!properties.number(static_cast<PropertyId>(0)) && properties.empty() == raw.empty());
}

/// A Variable Byte Integer that can be read is the one that is written.
void check_variable(Bytes raw) {
  ByteReader reader(raw);
  uint32_t value = 0;
  if (!mqtt::read_variable(reader, value)) return;
  std::vector<uint8_t> written;
  mqtt::append_variable(written, value);
  CHECK(written.size() == reader.position() && written.size() == mqtt::variable_size(value));
  CHECK(std::ranges::equal(written, raw.first(written.size())));
}

void run(Input input) {
  const auto place = static_cast<PropertyPlace>(input.below(kPlaces));
  const Bytes given = input.rest();
  const auto copy = std::make_unique<uint8_t[]>(given.size());
  std::ranges::copy(given, copy.get());
  const Bytes raw(copy.get(), given.size());
  constexpr uint32_t kBase = 7;
  mqtt::Malformed error;
  if (mqtt::check_properties(raw, place, kBase, error)) {
    check_taken(raw, place);
  } else {
    CHECK(mqtt::is_error(error.reason) && !error.why.empty());
    CHECK(error.offset >= kBase && error.offset < kBase + raw.size());
  }
  check_variable(raw);
}

}  // namespace
}  // namespace tombo::fuzz

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tombo::fuzz::run({data, size});
  return 0;
}
