#include "mqtt/utf8.h"

#include <cstdint>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace tombo::mqtt {

namespace {

/// Bytes of a character by its first byte; 0 for a byte that cannot be the first.
uint32_t size_by(uint32_t first) {
  if (first < 0x80) return 1;
  if (first < 0xC0) return 0;
  if (first < 0xE0) return 2;
  if (first < 0xF0) return 3;
  return first < 0xF8 ? 4 : 0;
}

bool acceptable(uint32_t point, bool controls) {
  if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
  if (controls) return true;
  if (point < 0x20 || (point >= 0x7F && point <= 0x9F)) return false;
  return (point < 0xFDD0 || point > 0xFDEF) && (point & 0xFFFE) != 0xFFFE;
}

/// Code point by code point, as the standard's text says it.
bool truth(std::string_view text, bool controls) {
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  while (!text.empty()) {
    const uint32_t first = static_cast<uint8_t>(text[0]);
    const uint32_t size = size_by(first);
    if (size == 0 || size > text.size()) return false;
    uint32_t point = size == 1 ? first : first & (0x7FU >> size);
    for (const char c : text.substr(1, size - 1)) {
      if ((static_cast<uint8_t>(c) & 0xC0) != 0x80) return false;
      point = point << 6 | (static_cast<uint8_t>(c) & 0x3F);
    }
    if (point < kLeast[size] || !acceptable(point, controls)) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// Asks for a copy of exact size, so that AddressSanitizer sees a read beyond it.
template <class Function>
bool ask(Function function, std::string_view text) {
  const auto copy = std::make_unique<char[]>(text.size());
  text.copy(copy.get(), text.size());
  return function(std::string_view(copy.get(), text.size()));
}

void expect_truth(std::string_view text) {
  EXPECT_EQ(ask(valid_utf8, text), truth(text, false)) << ::testing::PrintToString(text);
  EXPECT_EQ(ask(well_formed_utf8, text), truth(text, true)) << ::testing::PrintToString(text);
  const bool wild = text.find_first_of("+#") != std::string_view::npos;
  EXPECT_EQ(ask(valid_utf8_without_wildcards, text), truth(text, false) && !wild)
      << ::testing::PrintToString(text);
}

TEST(Utf8, agrees_with_the_truth_on_every_pair_of_bytes_and_place) {
  for (const size_t place : {size_t{0}, size_t{6}, size_t{7}, size_t{10}}) {
    for (uint32_t pair = 0; pair < 0x10000; ++pair) {
      std::string text(12, 'a');
      text[place] = static_cast<char>(pair >> 8);
      text[place + 1] = static_cast<char>(pair & 0xFF);
      ASSERT_NO_FATAL_FAILURE(expect_truth(text));
      if (HasFailure()) return;
    }
  }
}

TEST(Utf8, agrees_with_the_truth_on_long_forms) {
  const uint8_t thirds[] = {0x7F, 0x80, 0x8F, 0x90, 0xAF, 0xB0, 0xBE, 0xBF, 0xC0};
  const uint8_t fourths[] = {0x7F, 0x80, 0xBD, 0xBE, 0xC0};
  for (uint32_t first = 0xC0; first <= 0xFF; ++first) {
    for (uint32_t second = 0; second <= 0xFF; ++second) {
      for (const uint8_t third : thirds) {
        for (const uint8_t fourth : fourths) {
          const char text[] = {static_cast<char>(first), static_cast<char>(second),
                               static_cast<char>(third), static_cast<char>(fourth)};
          expect_truth({text, 3});
          expect_truth({text, 4});
        }
      }
    }
    if (HasFailure()) return;
  }
}

TEST(Utf8, finds_a_fault_at_every_place_of_every_length) {
  const std::string_view faults[] = {
      std::string_view("\0", 1), "\x1F", "\x7F", "\x80", "\xC2", "\xE2\x82", "+", "#"};
  for (size_t size = 0; size <= 40; ++size) {
    expect_truth(std::string(size, 'z'));
    for (size_t place = 0; place <= size; ++place) {
      for (const std::string_view fault : faults) {
        expect_truth(std::string(size, ' ').insert(place, fault));
      }
      expect_truth(std::string(size, '~').insert(place, "\xF0\x9F\x98\x80"));
      expect_truth(std::string(size, '/').insert(place, "\xC3\xA9"));
    }
  }
}

TEST(Utf8, keeps_a_byte_order_mark_and_takes_an_empty_text) {
  EXPECT_TRUE(valid_utf8("\xEF\xBB\xBFx"));  // [MQTT-1.5.4-3]
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(well_formed_utf8(std::string_view("\0", 1)));
}

TEST(Utf8, cuts_between_characters) {
  EXPECT_EQ(utf8_prefix("abc", 3), "abc");
  EXPECT_EQ(utf8_prefix("abc", 2), "ab");
  EXPECT_EQ(utf8_prefix("a\u20ac", 3), "a");
  EXPECT_EQ(utf8_prefix("a\u20acb", 4), "a\u20ac");
  EXPECT_EQ(utf8_prefix("\u20ac", 2), "");
}

}  // namespace

}  // namespace tombo::mqtt
