#include "mqtt/property.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "mqtt/test_vectors.h"

namespace tombo::mqtt {

namespace {

/// The lists of identifiers in the sections of the packets, written down apart from the table.
struct PlaceRow {
  PropertyPlace place;
  std::vector<uint8_t> ids;
};

const PlaceRow kPlaces[] = {
    {PropertyPlace::connect, {17, 33, 39, 34, 25, 23, 38, 21, 22}},
    {PropertyPlace::will, {24, 1, 2, 3, 8, 9, 38}},
    {PropertyPlace::connack, {17, 33, 36, 37, 39, 18, 34, 31, 38, 40, 41, 42, 19, 26, 28, 21, 22}},
    {PropertyPlace::publish, {1, 2, 35, 8, 9, 38, 11, 3}},
    {PropertyPlace::puback, {31, 38}},
    {PropertyPlace::pubrec, {31, 38}},
    {PropertyPlace::pubrel, {31, 38}},
    {PropertyPlace::pubcomp, {31, 38}},
    {PropertyPlace::subscribe, {11, 38}},
    {PropertyPlace::suback, {31, 38}},
    {PropertyPlace::unsubscribe, {38}},
    {PropertyPlace::unsuback, {31, 38}},
    {PropertyPlace::disconnect, {17, 31, 38, 28}},
    {PropertyPlace::auth, {21, 22, 31, 38}},
};

/// A property with a value that is right in every place, and what it needs in front of it.
Buffer sample(uint8_t id) {
  Buffer out;
  PropertyWriter writer(out);
  const PropertyInfo& info = *property_info(id);
  if (info.id == PropertyId::authentication_data) {
    writer.text(PropertyId::authentication_method, "m");
  }
  if (info.type == PropertyType::pair) {
    writer.pair("k", "v");
  } else if (info.type == PropertyType::text || info.type == PropertyType::binary) {
    writer.text(info.id, "t");
  } else {
    writer.number(info.id, 1);
  }
  return out;
}

Malformed check(Bytes raw, PropertyPlace place) {
  Malformed error{.reason = Reason::success};
  const bool good = check_properties(raw, place, 100, error);
  EXPECT_EQ(good, error.reason == Reason::success);
  return error;
}

TEST(Property, stands_where_the_standard_lets_it) {
  for (const PlaceRow& row : kPlaces) {
    for (uint8_t id = 0; id < 128; ++id) {
      if (property_info(id) == nullptr) continue;
      const bool listed = std::ranges::count(row.ids, id) != 0;
      EXPECT_EQ(check(sample(id), row.place).reason,
                listed ? Reason::success : Reason::protocol_error)
          << int{id} << " in place " << static_cast<int>(row.place);
    }
  }
}

TEST(Property, is_unknown_when_the_table_has_no_row) {
  std::vector<uint8_t> known;
  for (uint32_t id = 0; id < 256; ++id) {
    const PropertyInfo* info = property_info(static_cast<uint8_t>(id));
    if (info == nullptr) continue;
    EXPECT_EQ(static_cast<uint32_t>(info->id), id);
    known.push_back(static_cast<uint8_t>(id));
  }
  EXPECT_EQ(hex(known),
            "0102030809"
            "0b11121315161718191a1c1f2122232425262728292a");
}

TEST(Property, comes_once_unless_the_standard_says_otherwise) {
  for (const PlaceRow& row : kPlaces) {
    for (const uint8_t id : row.ids) {
      Buffer twice = sample(id);
      const Buffer again = sample(id);
      twice.insert(twice.end(), again.begin(), again.end());
      const bool repeats = id == 38 || (id == 11 && row.place == PropertyPlace::publish);
      const Malformed error = check(twice, row.place);
      EXPECT_EQ(error.reason, repeats ? Reason::success : Reason::protocol_error) << int{id};
      if (!repeats) {
        EXPECT_EQ(error.why, "duplicate property");
        EXPECT_EQ(error.offset, 100 + again.size());
      }
    }
  }
}

TEST(Property, is_malformed_when_cut_short) {
  for (const PlaceRow& row : kPlaces) {
    for (const uint8_t id : row.ids) {
      if (id == 22) continue;  // Cut, it may leave the method in front of it, which is whole.
      const Buffer whole = sample(id);
      for (size_t size = 1; size < whole.size(); ++size) {
        const Buffer cut(whole.begin(), whole.begin() + static_cast<long>(size));
        EXPECT_EQ(check(cut, row.place).reason, Reason::malformed_packet) << hex(cut);
      }
    }
  }
}

TEST(Property, is_found_by_its_identifier) {
  Buffer raw;
  PropertyWriter writer(raw);
  writer.pair("a", "b");
  writer.number(PropertyId::topic_alias, 513);
  writer.text(PropertyId::content_type, "json");
  const Properties properties{Bytes(raw)};
  EXPECT_EQ(properties.number(PropertyId::topic_alias), 513);
  EXPECT_EQ(properties.text(PropertyId::content_type), "json");
  EXPECT_FALSE(properties.number(PropertyId::message_expiry_interval));
  EXPECT_FALSE(properties.text(PropertyId::response_topic));
}

TEST(Property, is_copied_as_it_stands) {
  const Buffer raw = from_hex("26 00 01 61 00 01 62 0b 80 01 02 00 00 00 05");
  Buffer copy;
  PropertyWriter writer(copy);
  for (const Property& property : Properties(raw)) writer.copy(property);
  EXPECT_EQ(hex(copy), hex(raw));
}

TEST(Properties, are_empty_by_default) {
  EXPECT_TRUE(Properties().empty());
  EXPECT_EQ(Properties().begin(), Properties().end());
}

TEST(VariableByteInteger, has_one_form_for_each_number) {
  for (const uint32_t number :
       {0U, 1U, 127U, 128U, 16'383U, 16'384U, 2'097'151U, 2'097'152U, 268'435'455U}) {
    Buffer out;
    append_variable(out, number);
    EXPECT_EQ(out.size(), variable_size(number));
    ByteReader reader(out);
    uint32_t back = 0;
    EXPECT_TRUE(read_variable(reader, back));
    EXPECT_EQ(back, number);
    EXPECT_EQ(reader.remaining(), 0);
  }
}

TEST(VariableByteInteger, refuses_long_forms_and_ends) {
  for (const std::string_view text : {"", "80", "ff ff ff", "80 00", "ff 80 00", "ff ff ff 80",
                                      "ff ff ff ff 01", "80 80 80 80 00"}) {
    const Buffer bytes = from_hex(text);
    ByteReader reader(bytes);
    uint32_t number = 0;
    EXPECT_FALSE(read_variable(reader, number)) << text;
  }
}

}  // namespace

}  // namespace tombo::mqtt
