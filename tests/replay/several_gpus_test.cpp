#include "phasewatt/replay/several_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replay/sensor_world.h"

namespace phasewatt::replay {
namespace {

using testing::ElementsAre;

TEST(SeveralGpus, TwoThatDoTheSameTakeTwiceTheEnergyOfOne) {
  sensor_world::Options options;
  options.gpu = sensor_world::quick_card();
  const RunRecord one = sensor_world::measure(options);
  options.twins = true;
  const RunRecord two = sensor_world::measure(options);
  ASSERT_TRUE(one.energy && two.energy) << one.detail << two.detail;
  EXPECT_DOUBLE_EQ(two.energy->value(), 2 * one.energy->value());
  EXPECT_DOUBLE_EQ(*two.energy_rel_error, *one.energy_rel_error) << "what is wrong with both does not cancel";
  EXPECT_DOUBLE_EQ(two.idle_energy->value(), 2 * one.idle_energy->value());
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    EXPECT_EQ(two.phases[i].seconds, one.phases[i].seconds);
    if (one.phases[i].energy) {
      EXPECT_DOUBLE_EQ(two.phases[i].energy->value(), 2 * one.phases[i].energy->value());
    }
  }
  ASSERT_EQ(two.requests.size(), one.requests.size());
  for (std::size_t i = 0; i < one.requests.size(); ++i)
    EXPECT_DOUBLE_EQ(two.requests[i].energy->value(), 2 * one.requests[i].energy->value());
  EXPECT_EQ(two.validity, one.validity);
  EXPECT_EQ(two.reasons, one.reasons);
  EXPECT_EQ(two.sampling->reads, 2 * one.sampling->reads);
}

RunRecord record(double joules, double error) {
  RunRecord out;
  out.energy = Joules(joules);
  out.energy_rel_error = error;
  out.method = EnergyMethod::counter_delta;
  out.clock.seen = Mhz(1500);
  out.requests.resize(1);
  out.requests[0].energy = Joules(joules);
  return out;
}

TEST(SeveralGpus, TheWorstOfThemCounts) {
  RunRecord worse = record(300, 0.02);
  worse.clock.seen = Mhz(1200);
  worse.temperature_end = Celsius(80);
  worse.throttle_mask = 4;
  worse.validity = Validity::degraded;
  worse.reasons = {Reason::thermal_drift};
  worse.detail = "hot";
  const RunRecord sum = sum_of_gpus({record(100, 0.10), worse});
  EXPECT_DOUBLE_EQ(sum.energy->value(), 400);
  EXPECT_DOUBLE_EQ(*sum.energy_rel_error, 16.0 / 400);
  EXPECT_EQ(sum.clock.seen, Mhz(1200));
  EXPECT_EQ(sum.temperature_end, Celsius(80));
  EXPECT_EQ(sum.throttle_mask, 4U);
  EXPECT_EQ(sum.validity, Validity::degraded);
  EXPECT_THAT(sum.reasons, ElementsAre(Reason::thermal_drift));
  EXPECT_EQ(sum.detail, "another GPU: hot");
}

TEST(SeveralGpus, WithoutTheEnergyOfOneThereIsNoSum) {
  RunRecord blind = record(1, 0);
  blind.energy.reset();
  blind.energy_rel_error.reset();
  blind.requests[0].energy.reset();
  const RunRecord sum = sum_of_gpus({record(100, 0.10), blind});
  EXPECT_FALSE(sum.energy || sum.energy_rel_error || sum.method || sum.requests[0].energy);
}

TEST(SeveralGpus, TheirCeilingsAreAddedAndOneThatNobodyKnowsHasNoSum) {
  const Ceilings first{4e12, 4.1e12, 7e14, 1e-6, "measured on Monday", Mhz(1500)};
  Ceilings other{3e12, 3.2e12, std::nullopt, 2e-6, "measured on Tuesday", Mhz(1700)};
  const Ceilings sum = sum_of_ceilings({first, other});
  EXPECT_DOUBLE_EQ(*sum.copy_bytes_per_s, 7e12);
  EXPECT_DOUBLE_EQ(*sum.stream_bytes_per_s, 7.3e12);
  EXPECT_FALSE(sum.gemm_flops_per_s);
  EXPECT_EQ(sum.launch_s, 1e-6);
  EXPECT_FALSE(sum.gemm_clock);
  EXPECT_EQ(sum.source, "measured on Monday; measured on Tuesday");
  EXPECT_EQ(sum_of_ceilings({first, first, first}).source, "measured on Monday");
  EXPECT_FALSE(sum_of_ceilings({first, {}}).copy_bytes_per_s) << "a second card that nobody calibrated";
  EXPECT_FALSE(sum_of_ceilings({{}, first}).copy_bytes_per_s) << "or a first";
  EXPECT_EQ(sum_of_ceilings({{}, first}).source, "measured on Monday");
  other.gemm_flops_per_s = 3.5e14;
  other.gemm_clock = Mhz(750);
  EXPECT_NEAR(sum_of_ceilings({first, other}).gemm_clock->value(), 10.5e14 / (7e14 / 1500 + 3.5e14 / 750), 1e-9);
}

}  // namespace
}  // namespace phasewatt::replay
