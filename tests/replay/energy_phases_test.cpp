#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "phasewatt/replay/energy/phases.h"
#include "tests/replay/energy_traces.h"

namespace phasewatt::replay {
namespace {

using by_hand::calibration;
using by_hand::Load;
using by_hand::see;
using by_hand::span;

/// Batches of a prefill of 30 to 50 ms at `prefill_w` and a decode of 200 to 400 ms at `decode_w`.
Load batches(int count, double prefill_w, double decode_w) {
  Load load;
  for (int i = 0; i < count; ++i) {
    load.add(Phase::prefill, 0.030 + 0.020 * ((i * 37) % 101) / 101.0, prefill_w);
    load.add(Phase::decode, 0.2 + 0.2 * ((i * 53) % 97) / 97.0, decode_w);
  }
  return load;
}

enum Sensors : unsigned { instant = 1, average = 2, counter = 4 };

device::SensorTrace seen(const Load& load, unsigned which, double noise_w = 0.5) {
  const auto used = [&](double t) {
    return t <= load.end_s ? load.used(t) : load.used(load.end_s) + 90 * (t - load.end_s);
  };
  const double until = load.end_s + 1.5;
  device::SensorTrace trace;
  if ((which & counter) != 0) trace.energy = see(used, until, {.poll_s = 0.0097});
  if ((which & instant) != 0)
    trace.power_instant = see(used, until, {.poll_s = 0.0097, .phase_s = 0.061, .window_s = 0.025, .noise_w = noise_w});
  if ((which & average) != 0)
    trace.power_average = see(used, until, {.poll_s = 0.0097, .phase_s = 0.013, .window_s = 1.0, .noise_w = noise_w});
  return trace;
}

double sum_of(const PhaseEnergies& energies) {
  double sum = energies.idle ? energies.idle->value : 0;
  for (const auto& phase : energies.phases) sum += phase ? phase->value : 0;
  return sum;
}

class EnergyPhasesBySensor : public testing::TestWithParam<unsigned> {};

TEST_P(EnergyPhasesBySensor, PhasesShorterThanARefreshAreRecovered) {
  const auto load = batches(120, 900, 300);
  const auto out = phases_in_place(seen(load, GetParam()), span(0, load.end_s), load.stretches, calibration());
  ASSERT_TRUE(out);
  const auto& prefill = out->phases[0];
  const auto& decode = out->phases[1];
  ASSERT_TRUE(prefill && decode);
  EXPECT_FALSE(out->phases[2]) << "nothing was scored";
  EXPECT_FALSE(out->idle) << "no gap";
  EXPECT_NEAR(prefill->value / load.joules(Phase::prefill), 1, 0.02);
  EXPECT_NEAR(decode->value / load.joules(Phase::decode), 1, 0.01);
  EXPECT_GT(prefill->half_width, 0);
  EXPECT_LT(prefill->half_width, 0.1 * prefill->value);
  EXPECT_NEAR(sum_of(*out), out->total, 1e-9 * out->total);
  EXPECT_NEAR(out->total / load.used(load.end_s), 1, 0.01);
}

INSTANTIATE_TEST_SUITE_P(Sensors, EnergyPhasesBySensor,
                         testing::Values(instant, average, counter, instant | counter, instant | average | counter));

TEST(EnergyPhases, WithACounterTheTotalIsTheCounters) {
  const auto load = batches(120, 900, 300);
  const auto trace = seen(load, instant | counter);
  const auto out = phases_in_place(trace, span(0, load.end_s), load.stretches, calibration());
  const auto window = window_energy(trace, span(0, load.end_s), calibration());
  ASSERT_TRUE(out && window.counter);
  EXPECT_EQ(out->total, window.counter->value);
  EXPECT_EQ(out->total_method, EnergyMethod::counter_delta);
  EXPECT_NEAR(out->closure, 0, 0.01);
  const auto without = phases_in_place(seen(load, instant), span(0, load.end_s), load.stretches, calibration());
  ASSERT_TRUE(without);
  EXPECT_EQ(without->total_method, EnergyMethod::window_regression);
}

TEST(EnergyPhases, AnOffsetOfThePowerReadingsIsFoundBesideTheCounter) {
  const auto load = batches(120, 900, 300);
  auto trace = seen(load, instant | counter);
  for (auto& read : trace.power_instant) read.value += 25;
  const auto out = phases_in_place(trace, span(0, load.end_s), load.stretches, calibration());
  ASSERT_TRUE(out && out->phases[0]);
  EXPECT_NEAR(out->phases[0]->value / load.joules(Phase::prefill), 1, 0.01);
  EXPECT_NEAR(out->phases[1]->value / load.joules(Phase::decode), 1, 0.005);
}

TEST(EnergyPhases, PriorsOfTheCardAreInTheIntervalAndSetApart) {
  const auto load = batches(120, 900, 300);
  auto c = calibration();
  c.common_gain_sigma = 0.01;
  c.common_offset_sigma_w = 2;
  const auto power = phases_in_place(seen(load, instant), span(0, load.end_s), load.stretches, c);
  const auto counted = phases_in_place(seen(load, counter), span(0, load.end_s), load.stretches, c);
  ASSERT_TRUE(power && counted);
  const auto& decode = *power->phases[1];
  double decode_s = 0;
  for (const auto& s : load.stretches) decode_s += s.phase == Phase::decode ? s.time.seconds() : 0;
  EXPECT_NEAR(decode.common, 1.96 * std::hypot(0.01 * decode.value, 2 * decode_s), 1e-6 * decode.value);
  EXPECT_NEAR(counted->phases[1]->common, 1.96 * 0.01 * counted->phases[1]->value, 1e-9 * decode.value);
  EXPECT_GE(decode.half_width, decode.common);
}

TEST(EnergyPhases, ALagOfTheSensorIsFollowed) {
  const auto load = batches(150, 900, 300);
  auto trace = seen(load, instant);
  for (auto& read : trace.power_instant) {
    read.begin += from_seconds(0.04);
    read.end += from_seconds(0.04);
  }
  auto c = calibration();
  c.power_instant->lag_s = 0.04;
  const auto out = phases_in_place(trace, span(0, load.end_s), load.stretches, c);
  ASSERT_TRUE(out && out->phases[0]);
  EXPECT_NEAR(out->phases[0]->value / load.joules(Phase::prefill), 1, 0.02);
}

TEST(EnergyPhases, AbsentWhereSensorsCannotTellPhasesApart) {
  // In step with the counter: every refresh sees the same share of both.
  Load load;
  for (int i = 0; i < 300; ++i) {
    load.add(Phase::prefill, 0.03, 900);
    load.add(Phase::decode, 0.07, 300);
  }
  EXPECT_FALSE(phases_in_place(seen(load, counter), span(0, load.end_s), load.stretches, calibration()));
}

TEST(EnergyPhases, AbsentWithoutEnoughToGoBy) {
  const auto load = batches(120, 900, 300);
  const auto window = span(0, load.end_s);
  EXPECT_FALSE(phases_in_place({}, window, load.stretches, calibration())) << "no reads";
  EXPECT_FALSE(phases_in_place(seen(load, counter), window, load.stretches, {})) << "no timing";
  EXPECT_FALSE(phases_in_place(seen(load, counter), span(1, 1), load.stretches, calibration())) << "no time";
  EXPECT_FALSE(phases_in_place(seen(load, counter), span(1, 3), load.stretches, calibration())) << "too few refreshes";
  auto slow = seen(load, counter);
  std::erase_if(slow.energy, [n = 0](const auto&) mutable { return n++ % 25 != 0; });
  EXPECT_FALSE(phases_in_place(slow, window, load.stretches, calibration())) << "refreshes nobody saw";
}

TEST(EnergyPhases, StackedIsTheCountersMeanBetweenRefreshes) {
  Load load;
  load.add(Phase::prefill, 8, 640);
  const auto c = calibration();
  const auto out = stacked_power(seen(load, instant | counter), span(0, 8), c);
  ASSERT_TRUE(out);
  EXPECT_NEAR(out->value, 640, 0.01);
  EXPECT_LT(out->half_width, 1);
}

TEST(EnergyPhases, StackedWithoutACounterTakesReadingsThatSawNothingElse) {
  Load load;
  load.add(Phase::decode, 2, 100);
  load.add(Phase::prefill, 4, 640);
  load.add(Phase::decode, 2, 100);
  for (const unsigned which : {instant, average}) {
    const auto out = stacked_power(seen(load, which), span(2, 6), calibration());
    ASSERT_TRUE(out);
    EXPECT_NEAR(out->value, 640, 0.5) << "a ramp of the average would pull it down";
  }
  EXPECT_FALSE(stacked_power(seen(load, average), span(2, 2.9), calibration())) << "shorter than the average";
  EXPECT_FALSE(stacked_power({}, span(2, 6), calibration()));
}

TEST(EnergyPhases, SlicingByHand) {
  // Power 100 W, then 200 W from the poll at 30 ms on; prefill until 25 ms, decode until 60 ms.
  device::SensorTrace trace;
  for (int i = 0; i < 10; ++i)
    trace.power_instant.push_back({from_seconds(0.01 * i), from_seconds(0.01 * i), i < 3 ? 100.0 : 200.0});
  const std::vector<PhaseStretch> stretches{{Phase::prefill, span(0, 0.025)}, {Phase::decode, span(0.025, 0.06)}};
  const auto out = phases_by_slicing(trace, stretches, 0.01);
  EXPECT_NEAR(out[0], 2.5, 1e-9);
  EXPECT_NEAR(out[1], 0.5 + 6.0, 1e-9);
  EXPECT_EQ(phases_by_slicing({}, stretches, 0.01)[0], 0);
}

RC_GTEST_PROP(EnergyPhases, PartsSumToTheTotalAndAreNumbers, ()) {
  const double prefill_w = *rc::gen::inRange(150, 1200);
  const double decode_w = *rc::gen::inRange(100, 700);
  const auto which = *rc::gen::inRange(1U, 8U);
  const auto load = batches(60, prefill_w, decode_w);
  const auto out = phases_in_place(seen(load, which), span(0, load.end_s), load.stretches, calibration());
  RC_PRE(out.has_value());
  RC_ASSERT(std::abs(sum_of(*out) - out->total) <= 1e-9 * out->total);
  for (const auto& phase : out->phases) {
    if (!phase) continue;
    RC_ASSERT(std::isfinite(phase->value) && std::isfinite(phase->half_width));
    RC_ASSERT(phase->value >= 0 && phase->half_width >= phase->common);
  }
}

}  // namespace
}  // namespace phasewatt::replay
