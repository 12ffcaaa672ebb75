#include "phasewatt/report/format.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

namespace phasewatt::report {
namespace {

TEST(FormatNumber, HasTheColumnsDigitsAndNoNegativeZero) {
  EXPECT_EQ(format_number(12.345, 2), "12.35");
  EXPECT_EQ(format_number(-12.0, 0), "-12");
  EXPECT_EQ(format_number(-0.0, 1), "0.0");
  EXPECT_EQ(format_number(-0.04, 1), "0.0");
  EXPECT_EQ(format_number(-0.06, 1), "-0.1");
}

TEST(FormatNumber, IsEmptyWhenNotFinite) {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    EXPECT_EQ(format_number(bad, 1), "");
    EXPECT_EQ(exact_number(bad), "");
  }
}

RC_GTEST_PROP(ExactNumber, ReadsBackAsTheSameDouble, (double value)) {
  RC_ASSERT(std::stod(exact_number(value)) == value);
}

RC_GTEST_PROP(Printable, LeavesNoControlCharacter, (const std::string& text)) {
  const std::string clean = printable(text + "\x1b[31m\xc2\x9b" + "2J\n");
  for (const char c : clean) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20U && c != 0x7F);
  RC_ASSERT(clean.find("\xc2\x9b") == std::string::npos);
}

TEST(Wrap, KeepsEveryWordAndTheWidth) {
  EXPECT_EQ(wrap("one two  three\nfour", 9), (std::vector<std::string>{"one two", "three", "four"}));
  EXPECT_EQ(wrap("extraordinarily long", 5), (std::vector<std::string>{"extraordinarily", "long"}));
  EXPECT_EQ(wrap("Δ Δ Δ", 5), (std::vector<std::string>{"Δ Δ Δ"}));
  EXPECT_TRUE(wrap("  ", 5).empty());
}

TEST(Heading, NamesThePaperOnce) {
  EXPECT_EQ(heading({"a", "Saving (%)", 1, true}), "Saving (%) (paper)");
  EXPECT_EQ(heading({"a", "Paper J", 1, true}), "Paper J");
  EXPECT_EQ(heading({"a", "Saving (%)", 1, false}), "Saving (%)");
}

}  // namespace
}  // namespace phasewatt::report
