#include "phasewatt/replay/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace phasewatt::replay {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Nanos at_ms(double ms) { return from_seconds(ms * 1e-3); }

/// Ten seconds in one decode stretch after a second without work, everything as it should be.
struct World {
  TimeSpan window{at_ms(1000), at_ms(11000)};
  std::vector<PhaseStretch> stretches{{Phase::decode, window}};
  device::SensorTrace trace;
  WindowEnergy energy{.counter = Estimate{3000, 10, 0}, .integral = Estimate{3005, 20, 0}};
  device::Calibration calibration = device::assumed_calibration();
  ClockLimits limits{{Mhz(500), Mhz(1000), Mhz(1500)}, Mhz(1500)};
  RunRecord record;

  World() {
    for (int ms = 0; ms < 12000; ms += 20) {
      const bool loaded = ms >= 1000 && ms < 11000;
      trace.clocks.push_back({at_ms(ms), Mhz(loaded ? 1000 : 1500), 0});
      trace.power_instant.push_back({at_ms(ms), at_ms(ms), 300});
      trace.energy.push_back({at_ms(ms), at_ms(ms + 4), 0.3 * ms});
      if (ms % 240 == 0) trace.temperature.push_back({at_ms(ms), at_ms(ms), 60});
    }
    record.clock.asked = record.clock.snapped = Mhz(1000);
  }

  const RunRecord& judged() {
    apply_gates(trace, window, stretches, energy, calibration, limits, record);
    return record;
  }
  void from(int ms, const std::function<void(device::ClockRead&)>& change) {
    for (auto& read : trace.clocks)
      if (read.at >= at_ms(ms)) change(read);
  }
};

TEST(Gates, ACleanPointIsValidWithTheClockSeenUnderLoad) {
  World world;
  const RunRecord& r = world.judged();
  EXPECT_THAT(r.reasons, IsEmpty()) << r.detail;
  EXPECT_EQ(r.clock.seen, Mhz(1000)) << "looks outside the phases do not count";
  EXPECT_EQ(r.temperature_begin, Celsius(60));
}

TEST(Gates, AClockThatIsLostOnTheWayIsNotAttained) {
  World world;
  world.from(10000, [](auto& read) { read.sm_clock = Mhz(700); });
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::clock_not_attained));
  EXPECT_THAT(world.record.detail, HasSubstr("10 % of 500 looks"));
  EXPECT_EQ(world.record.validity, Validity::void_);
}

TEST(Gates, AFewBadLooksDoNotCount) {
  World world;
  world.from(10700, [](auto& read) { read.sm_clock = Mhz(700); });
  EXPECT_THAT(world.judged().reasons, IsEmpty());
}

TEST(Gates, ThePowerCapExcusesTheHighestClockOnlyWhereItWasSeenOften) {
  World world;
  world.record.clock.asked = world.record.clock.snapped = Mhz(1500);
  world.from(0, [](auto& read) { read.throttle_mask = throttle_sw_power_cap; });
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::power_limited));
  EXPECT_EQ(world.record.validity, Validity::valid);

  World once;
  once.record.clock.asked = once.record.clock.snapped = Mhz(1500);
  once.trace.clocks[100].throttle_mask = throttle_sw_power_cap;
  EXPECT_THAT(once.judged().reasons, ElementsAre(Reason::clock_not_attained));
}

TEST(Gates, ThePowerCapIsNoExcuseAtALowerLock) {
  World world;
  world.from(8000, [](auto& read) {
    read.throttle_mask = throttle_sw_power_cap;
    read.sm_clock = Mhz(700);
  });
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::clock_not_attained));
}

TEST(Gates, AFewCappedLooksDoNotExcuseTheRestAtTheHighestClock) {
  World world;
  world.record.clock.asked = world.record.clock.snapped = Mhz(1500);
  world.from(0, [](auto& read) { read.sm_clock = Mhz(1000); });
  for (std::size_t i = 0; i < world.trace.clocks.size(); i += 20)
    world.trace.clocks[i].throttle_mask = throttle_sw_power_cap;
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::clock_not_attained, Reason::power_limited));
}

TEST(Gates, ASensorThatIsFasterThanItsReadsLosesNothing) {
  World world;
  world.calibration.power_instant->update_s = 0.002;
  world.calibration.energy->update_s = 0.002;
  EXPECT_THAT(world.judged().reasons, IsEmpty()) << world.record.detail;
}

TEST(Gates, ThermalSlowdownVoids) {
  World world;
  world.trace.clocks[200].throttle_mask = throttle_hw_thermal;
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::throttled));
}

TEST(Gates, SomebodyElse) {
  World world;
  world.trace.other_processes = {4711};
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::foreign_process));
  EXPECT_THAT(world.record.detail, HasSubstr("4711"));

  World lock;
  lock.record.clock = {};
  lock.from(0, [](auto& read) { read.throttle_mask = throttle_locked_clocks; });
  EXPECT_THAT(lock.judged().reasons, ElementsAre(Reason::foreign_lock));
}

TEST(Gates, RefreshesThatNobodySaw) {
  World world;
  auto& reads = world.trace.power_instant;
  reads.erase(std::remove_if(reads.begin(), reads.end(),
                             [](const auto& r) { return r.begin > at_ms(3000) && r.begin < at_ms(6000); }),
              reads.end());
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::lost_samples));
  EXPECT_THAT(world.record.detail, HasSubstr("29 % of the refreshes of the power reading"));
}

TEST(Gates, HeatIdleTimeAndImpossibleReadings) {
  World world;
  for (auto& read : world.trace.temperature) read.value = 60 + to_seconds(read.begin);
  world.stretches = {{Phase::decode, {at_ms(1000), at_ms(9000)}}};
  world.trace.bad = 3;
  EXPECT_THAT(world.judged().reasons, ElementsAre(Reason::bad_reading, Reason::thermal_drift, Reason::stalled));
  EXPECT_EQ(world.record.validity, Validity::degraded);
}

TEST(Gates, WhatTheWindowSays) {
  World world;
  world.energy = {.counter = Estimate{3000, 10, 0},
                  .integral = Estimate{4000, 10, 0},
                  .disagree = true,
                  .counter_reset = true,
                  .power_stuck = true};
  EXPECT_THAT(world.judged().reasons,
              ElementsAre(Reason::counter_reset, Reason::sensor_stuck, Reason::counter_power_disagree));
  EXPECT_EQ(world.record.validity, Validity::void_);
}

TEST(Gates, UnseenShareCountsWholePeriods) {
  const TimeSpan window{at_ms(0), at_ms(1000)};
  std::vector<device::SensorRead> reads;
  for (int ms = 0; ms < 1000; ms += 100) reads.push_back({at_ms(ms), at_ms(ms), 1});
  EXPECT_NEAR(unseen_share(reads, window, 0.1), 0, 1e-9);
  reads.erase(reads.begin() + 3, reads.begin() + 6);
  EXPECT_NEAR(unseen_share(reads, window, 0.1), 0.3, 1e-9);
  EXPECT_NEAR(unseen_share({}, window, 0.1), 0.9, 1e-9);
}

}  // namespace
}  // namespace phasewatt::replay
