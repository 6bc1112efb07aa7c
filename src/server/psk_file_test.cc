#include "server/psk_file.h"

#include <string>

#include <gtest/gtest.h>

namespace tombo::server {
namespace {

TEST(PskFile, has_identities_with_their_keys) {
  const auto keys =
      parse_psk_file("# sensors\n\nsensor-7:00fFa0\r\nodd:abc\ntwice:01\ntwice:02 \nlast:7A", "f");
  ASSERT_TRUE(keys) << keys.error().text;
  const PskKeys expected = {{"sensor-7", std::string("\0\xff\xa0", 3)},
                            {"odd", "\x0a\xbc"},
                            {"twice", "\x02"},
                            {"last", "z"}};
  EXPECT_EQ(*keys, expected);
}

TEST(PskFile, names_the_line_that_is_not_right_but_does_not_show_it) {
  for (const std::string line : {"nocolon", ":ff", "a:", "a:xy", "a:f f"}) {
    const auto keys = parse_psk_file("ok:ff\n" + line + "\n", "/etc/psk");
    ASSERT_FALSE(keys) << line;
    EXPECT_EQ(keys.error().text,
              "Error: Invalid line in psk_file, not identity:hexkey.\n"
              "Error found at /etc/psk:2.");
  }
  EXPECT_FALSE(parse_psk_file(std::string(129, 'i') + ":ff", "f"));
  EXPECT_FALSE(parse_psk_file("i:" + std::string(514, 'f'), "f"));
}

TEST(PskFile, is_named_when_it_is_not_there) {
  const auto keys = read_psk_file("/no/such/file");
  ASSERT_FALSE(keys);
  EXPECT_EQ(keys.error().text,
            "Error: Unable to open psk_file \"/no/such/file\": No such file or directory.");
}

}  // namespace
}  // namespace tombo::server
