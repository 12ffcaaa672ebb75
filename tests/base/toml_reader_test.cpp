#include "phasewatt/base/toml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace phasewatt {
namespace {

using testing::HasSubstr;

TEST(TomlReader, ReadsEveryKindOfValue) {
  auto table = TomlTable::parse(
      "n = 1.5\ni = 3\ns = 'x'\nb = true\nl = [1, 2]\nm = [1, 'auto']\nr = [[1,2],[3,4]]\n[t]\nk = 1\n[[a]]\nk = 2\n",
      "f.toml");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->number("n"), 1.5);
  EXPECT_EQ(table->number("i"), 3.0);
  EXPECT_EQ(table->string("s"), "x");
  EXPECT_TRUE(table->boolean("b"));
  EXPECT_EQ(table->integers("l"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(table->scalars("m").at(1).text, "auto");
  EXPECT_EQ(table->number_rows("r").at(1).at(0), 3);
  auto sub = table->table("t");
  EXPECT_EQ(sub.integer("k"), 1);
  EXPECT_TRUE(sub.finish().ok());
  auto rows = table->tables("a");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].integer("k"), 2);
  EXPECT_EQ(table->integer("absent", 7), 7);
  EXPECT_TRUE(table->finish().ok());
}

TEST(TomlReader, UnknownKeyNamesLineAndNearest) {
  auto table = TomlTable::parse("models = 1\nclokcs = 2\n", "f.toml");
  ASSERT_TRUE(table.ok());
  table->integer("models");
  table->integer("clocks", 0);
  const Status status = table->finish();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().what, "f.toml:2: unknown key 'clokcs'");
  EXPECT_THAT(status.error().hint, HasSubstr("did you mean 'clocks'?"));
}

TEST(TomlReader, WrongTypeAndMissingKeyNameTheLine) {
  auto table = TomlTable::parse("\nn = 'x'\n", "f.toml");
  ASSERT_TRUE(table.ok());
  table->number("n");
  EXPECT_EQ(table->finish().error().what, "f.toml:2: 'n' must be a finite number");

  auto other = TomlTable::parse("n = 1\n[sub]\n", "f.toml");
  ASSERT_TRUE(other.ok());
  other->number("n");
  auto sub = other->table("sub");
  sub.string("id");
  EXPECT_EQ(sub.finish().error().what, "f.toml:2: missing key 'sub.id'");
}

TEST(TomlReader, SyntaxErrorsNameTheLineAndNanIsNoNumber) {
  const auto broken = TomlTable::parse("a = 1\nb = [\n", "f.toml");
  ASSERT_FALSE(broken.ok());
  EXPECT_THAT(broken.error().what, HasSubstr("f.toml:"));
  auto nan = TomlTable::parse("a = nan\n", "f.toml");
  ASSERT_TRUE(nan.ok());
  nan->number("a");
  EXPECT_FALSE(nan->finish().ok());
  EXPECT_FALSE(TomlTable::parse("a = '\xFF'\n", "f.toml").ok());
}

}  // namespace
}  // namespace phasewatt
