#include "phasewatt/base/text.h"

#include <gtest/gtest.h>

namespace phasewatt {
namespace {

TEST(Text, NearestFindsAMisspelling) {
  const std::vector<std::string> keys{"models", "clocks", "repeats"};
  EXPECT_EQ(nearest("clokcs", keys), "clocks");
  EXPECT_EQ(nearest("Models", keys), "models");
  EXPECT_EQ(nearest("zzzzzzz", keys), "");
}

TEST(Text, InvalidUtf8IsFoundAtItsByte) {
  EXPECT_EQ(find_invalid_utf8("h\xC3\xA9llo \xF0\x9F\x98\x80"), std::string_view::npos);
  EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2U);
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0U) << "a lone surrogate";
  EXPECT_EQ(find_invalid_utf8("\xC0\xAF"), 0U) << "an overlong form";
  EXPECT_EQ(find_invalid_utf8("a\xE2\x82"), 1U) << "cut off";
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0U) << "beyond U+10FFFF";
}

TEST(Text, TrimAndJoin) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim("   "), "");
  EXPECT_EQ(join(std::vector<std::string>{"a", "b"}, ", "), "a, b");
}

}  // namespace
}  // namespace phasewatt
