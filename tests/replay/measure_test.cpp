#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replay/fakes.h"

/// A point of a run: its clock, what is seen of it, and its verdict.
namespace phasewatt::replay {
namespace {

using fake::FakeSink;
using fake::measure;
using fake::Script;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Measure, OverlappingPhasesAreNotMeasured) {
  Script script;
  script.overlap = true;
  const RunRecord r = measure(script, "[400]");
  EXPECT_EQ(r.validity, Validity::void_);
  EXPECT_THAT(r.detail, HasSubstr("phases overlap"));
}

TEST(Measure, SettlingWaitsUntilTheClockIsSeen) {
  Script script;
  script.switch_delay = std::chrono::milliseconds(48);
  EXPECT_EQ(measure(script, "[400]").clock.seen, Mhz(400));
  EXPECT_EQ(script.waited_ns, 50'000'000);
}

TEST(Measure, SettlingGivesUpAfterTwoSecondsAndTheLoadDecides) {
  Script script;
  script.stuck = Mhz(800);
  const RunRecord r = measure(script, "[400]");
  EXPECT_EQ(script.waited_ns, 2'000'000'000);
  EXPECT_EQ(r.validity, Validity::void_);
  EXPECT_THAT(r.reasons, ElementsAre(Reason::clock_not_attained));
  EXPECT_EQ(r.detail, "asked for 400 MHz, seen 800.0 MHz");
  EXPECT_EQ(r.requests.size(), 5U) << "the numbers are kept beside the verdict";
}

TEST(Measure, StockIsAReset) {
  Script script;
  const RunRecord r = measure(script, "\"stock\"");
  EXPECT_EQ(script.resets, 2);
  EXPECT_EQ(r.clock.snapped, std::nullopt);
  EXPECT_EQ(r.clock.seen, Mhz(1000));
  EXPECT_EQ(r.validity, Validity::valid);
}

TEST(Measure, WithoutClockControlStockStillRuns) {
  Script script;
  const Study study = fake::one_point("\"stock\"");
  FakeSink sink;
  Observer observer;
  const std::atomic<bool> never = false;
  const auto ran = run_study(fake::plan(study), study, fake::factory(script, false), 1, sink, observer, never);
  ASSERT_TRUE(ran.ok());
  EXPECT_EQ(sink.records.at(0).validity, Validity::valid);
  EXPECT_EQ(script.resets, 0);
}

TEST(Measure, WithoutTruthTheClockIsReadAndTheEnergyIsAbsent) {
  Script script;
  script.truth = false;
  const RunRecord r = measure(script, "[400]");
  EXPECT_EQ(r.clock.seen, Mhz(400));
  EXPECT_EQ(r.energy, std::nullopt);
  EXPECT_EQ(r.method, std::nullopt);
  EXPECT_EQ(r.energy_rel_error, std::nullopt);
  EXPECT_EQ(r.phases[0].energy, std::nullopt);
  EXPECT_EQ(r.requests[0].energy, std::nullopt);
  EXPECT_EQ(r.validity, Validity::valid);

  script.clock_readable = false;
  const RunRecord blind = measure(script, "[400]");
  EXPECT_EQ(blind.clock.seen, std::nullopt);
  EXPECT_THAT(blind.reasons, ElementsAre(Reason::clock_not_attained)) << "a clock nobody saw did not hold";
}

TEST(Measure, IdleTimeHasNoKnownEnergy) {
  Script script;
  script.gap = Nanos(1000);
  const RunRecord r = measure(script, "[400]");
  EXPECT_NEAR(r.idle_s, 6e-6, 1e-12);  // between the four spans of two batches
  EXPECT_EQ(r.idle_energy, std::nullopt);
  EXPECT_EQ(r.energy, std::nullopt);
  EXPECT_EQ(r.requests[0].energy, std::nullopt);
  EXPECT_TRUE(r.phases[0].energy.has_value());
}

TEST(Measure, ExtrapolatedSpansDegradeThePoint) {
  Script script;
  script.extrapolated = true;
  const RunRecord r = measure(script, "[400]");
  EXPECT_EQ(r.validity, Validity::degraded);
  EXPECT_THAT(r.reasons, ElementsAre(Reason::extrapolated));
}

TEST(Measure, ThrottlingVoidsAndThePowerCapOnlyRemarks) {
  Script script;
  script.throttle = throttle_sw_thermal | throttle_locked_clocks;
  const RunRecord hot = measure(script, "[400]");
  EXPECT_THAT(hot.reasons, ElementsAre(Reason::throttled));
  EXPECT_EQ(hot.detail, "throttle reasons: sw_thermal");
  EXPECT_EQ(hot.throttle_mask, script.throttle);

  script.throttle = throttle_sw_power_cap;
  script.stuck = Mhz(700);
  const RunRecord highest = measure(script, "[1000]");
  EXPECT_THAT(highest.reasons, ElementsAre(Reason::power_limited));
  EXPECT_EQ(highest.validity, Validity::valid);
  EXPECT_EQ(highest.clock.seen, Mhz(700));
}

}  // namespace
}  // namespace phasewatt::replay
