#include "phasewatt/base/records.h"

#include <gtest/gtest.h>

#include <set>

namespace phasewatt {
namespace {

TEST(Records, EveryReasonHasANameThatReadsBackAndAnExplanation) {
  std::set<std::string_view> names;
  for (const Reason reason : kReasons) {
    names.insert(to_string(reason));
    EXPECT_EQ(parse_reason(to_string(reason)), reason);
    EXPECT_GT(explain(reason).size(), 20U);
  }
  EXPECT_EQ(names.size(), kReasons.size());
  EXPECT_FALSE(parse_reason("nonsense").has_value());
}

TEST(Records, PowerLimitedIsARemarkAndAMissedLockVoids) {
  EXPECT_EQ(severity(Reason::power_limited), Validity::valid);
  EXPECT_EQ(severity(Reason::clock_not_attained), Validity::void_);
}

TEST(Records, ThrottleMaskInWords) {
  EXPECT_EQ(throttle_words(0), "none");
  EXPECT_EQ(throttle_words(throttle_sw_power_cap | throttle_locked_clocks), "locked_clocks+sw_power_cap");
}

}  // namespace
}  // namespace phasewatt
