#include "phasewatt/replay/validity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace phasewatt::replay {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const ClockLimits kLimits{{Mhz(200), Mhz(400), Mhz(600), Mhz(1965), Mhz(1980), Mhz(1995), Mhz(2010)}, Mhz(1995)};

RunRecord judged(std::optional<Mhz> lock, std::optional<Mhz> seen, std::uint64_t mask = 0) {
  RunRecord record;
  record.clock = {lock, lock, seen};
  record.throttle_mask = mask;
  judge(record, kLimits);
  return record;
}

TEST(Validity, ToleranceIsOnePercentOrHalfAStep) {
  EXPECT_EQ(clock_tolerance(kLimits, Mhz(1995)), Mhz(19.95));
  EXPECT_EQ(clock_tolerance(kLimits, Mhz(200)), Mhz(100));
  EXPECT_EQ(judged(Mhz(1980), Mhz(1961)).validity, Validity::valid);
  EXPECT_THAT(judged(Mhz(1980), Mhz(1180)).reasons, ElementsAre(Reason::clock_not_attained));
  EXPECT_EQ(judged(Mhz(200), Mhz(299)).validity, Validity::valid);
  EXPECT_THAT(judged(Mhz(200), Mhz(301)).reasons, ElementsAre(Reason::clock_not_attained));
}

TEST(Validity, PowerCapExcusesOnlyTheHighestClocksAndStock) {
  const auto cap = throttle_sw_power_cap;
  EXPECT_THAT(judged(Mhz(2010), Mhz(1500), cap).reasons, ElementsAre(Reason::power_limited));
  EXPECT_THAT(judged(Mhz(1995), Mhz(1500), cap).reasons, ElementsAre(Reason::power_limited)) << "highest planned";
  EXPECT_THAT(judged(std::nullopt, Mhz(1500), cap).reasons, ElementsAre(Reason::power_limited));
  EXPECT_EQ(judged(std::nullopt, Mhz(1500), cap).validity, Validity::valid);
  EXPECT_THAT(judged(Mhz(400), Mhz(290), cap).reasons, ElementsAre(Reason::clock_not_attained));
  EXPECT_THAT(judged(Mhz(400), Mhz(400), cap).reasons, IsEmpty());
  // A clock above the lock is no doing of the cap.
  EXPECT_THAT(judged(Mhz(1995), Mhz(2500), cap).reasons,
              ElementsAre(Reason::power_limited, Reason::clock_not_attained));
}

TEST(Validity, SlowdownsVoidStockToo) {
  for (const auto bit : {throttle_hw_slowdown, throttle_sw_thermal, throttle_hw_thermal}) {
    EXPECT_EQ(judged(std::nullopt, Mhz(1500), bit).validity, Validity::void_);
    EXPECT_THAT(judged(Mhz(400), Mhz(400), bit).reasons, ElementsAre(Reason::throttled));
  }
  EXPECT_THAT(judged(Mhz(400), Mhz(400), throttle_locked_clocks | throttle_idle).reasons, IsEmpty());
}

TEST(Validity, TheWorstReasonDecides) {
  RunRecord record;
  record.reasons = {Reason::extrapolated};
  judge(record, kLimits);
  EXPECT_EQ(record.validity, Validity::degraded);
  record.throttle_mask = throttle_hw_thermal;
  judge(record, kLimits);
  EXPECT_EQ(record.validity, Validity::void_);
}

}  // namespace
}  // namespace phasewatt::replay
