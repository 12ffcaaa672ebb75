#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "phasewatt/replay/energy/window.h"
#include "tests/replay/energy_traces.h"

namespace phasewatt::replay {
namespace {

using by_hand::calibration;
using by_hand::constant;
using by_hand::pulse;
using by_hand::see;
using by_hand::span;

device::SensorTrace all_of(const by_hand::Used& used, double until_s, double noise_w = 0.3) {
  device::SensorTrace trace;
  trace.energy = see(used, until_s, {});
  trace.power_instant = see(used, until_s, {.phase_s = 0.061, .window_s = 0.025, .noise_w = noise_w});
  trace.power_average = see(used, until_s, {.phase_s = 0.013, .window_s = 1.0, .noise_w = noise_w});
  return trace;
}

bool inside(const Estimate& estimate, double truth) { return std::abs(estimate.value - truth) <= estimate.half_width; }

TEST(EnergyWindow, ConstantPowerIsExact) {
  const auto energy = window_energy(all_of(constant(250), 12), span(2.03, 8.77), calibration());
  ASSERT_TRUE(energy.counter);
  ASSERT_TRUE(energy.integral);
  EXPECT_NEAR(energy.counter->value, 250 * 6.74, 0.01);
  EXPECT_LT(energy.counter->half_width, 0.01 * 250 * 6.74);
  EXPECT_NEAR(energy.integral->value, 250 * 6.74, 1);
  EXPECT_FALSE(energy.disagree || energy.counter_reset || energy.power_stuck || energy.counter_stuck);
}

TEST(EnergyWindow, AnEdgeWherePowerJumpsIsTakenFromTheSteadySide) {
  // Idle at 80 W, 600 W from 3.0 to 7.5 s: the window is the load. A straight line between refreshes would be 20 J off.
  const auto energy = window_energy(all_of(pulse(80, 600, 3.0, 7.5), 12), span(3.0, 7.5), calibration());
  ASSERT_TRUE(energy.counter);
  EXPECT_NEAR(energy.counter->value, 600 * 4.5, 1.0);
  EXPECT_TRUE(inside(*energy.counter, 600 * 4.5));
  ASSERT_TRUE(energy.integral);
  EXPECT_TRUE(inside(*energy.integral, 600 * 4.5));
  EXPECT_FALSE(energy.disagree);
}

TEST(EnergyWindow, TheAverageStandsInAndKnowsThatItSmears) {
  auto trace = all_of(pulse(80, 600, 3.0, 7.5), 12);
  trace.power_instant.clear();
  const auto energy = window_energy(trace, span(3.0, 7.5), calibration());
  ASSERT_TRUE(energy.integral);
  EXPECT_TRUE(inside(*energy.integral, 600 * 4.5));
  EXPECT_GT(energy.integral->half_width, 0.03 * 600 * 4.5);
}

TEST(EnergyWindow, WithoutReadsBeyondTheEdgesTheIntervalIsWide) {
  const auto trace = all_of(constant(250), 8);
  const auto inner = window_energy(trace, span(1.0, 6.0), calibration());
  const auto outer = window_energy(trace, span(-1.0, 9.0), calibration());
  ASSERT_TRUE(inner.counter && outer.counter);
  EXPECT_GT(outer.counter->half_width, 20 * inner.counter->half_width);
  EXPECT_TRUE(inside(*outer.counter, 2500));
}

TEST(EnergyWindow, TheCommonGainIsInTheIntervalAndSetApart) {
  auto c = calibration();
  c.common_gain_sigma = 0.01;
  const auto energy = window_energy(all_of(constant(250), 12), span(2, 8), c);
  ASSERT_TRUE(energy.counter);
  EXPECT_NEAR(energy.counter->common, 0.0196 * 1500, 0.01);
  EXPECT_GE(energy.counter->half_width, energy.counter->common);
  EXPECT_FALSE(energy.disagree);
}

TEST(EnergyWindow, CounterAndPowerThatDifferDisagree) {
  auto trace = all_of(constant(250), 12);
  for (auto& read : trace.power_instant) read.value *= 1.3;
  EXPECT_TRUE(window_energy(trace, span(2, 8), calibration()).disagree);
  auto c = calibration();
  c.gain = 1.3;
  EXPECT_FALSE(window_energy(trace, span(2, 8), c).disagree) << "a calibrated gain explains it";
}

TEST(EnergyWindow, AResetIsSeenAndTheCounterIsNotBelieved) {
  auto trace = all_of(constant(250), 12);
  for (auto& read : trace.energy)
    if (read.begin > from_seconds(5)) read.value -= 2000;
  const auto energy = window_energy(trace, span(2, 8), calibration());
  EXPECT_TRUE(energy.counter_reset);
  EXPECT_FALSE(energy.counter);
  EXPECT_TRUE(energy.integral);
  EXPECT_FALSE(window_energy(trace, span(6, 8), calibration()).counter_reset) << "before the window";
}

TEST(EnergyWindow, ACounterThatStandsStillIsStuck) {
  auto trace = all_of(constant(250), 12);
  const double held = trace.energy[400].value;
  for (std::size_t i = 400; i < trace.energy.size(); ++i) trace.energy[i].value = held;
  const auto energy = window_energy(trace, span(2, 8), calibration());
  EXPECT_TRUE(energy.counter_stuck);
  EXPECT_FALSE(energy.counter);
}

TEST(EnergyWindow, PowerThatRepeatsItselfWhileTheCounterMovesIsStuck) {
  const auto used = [](double t) { return 300 * t + 40 * std::sin(t); };
  auto trace = all_of(used, 12);
  EXPECT_FALSE(window_energy(trace, span(2, 10), calibration()).power_stuck);
  const double held = trace.power_instant[300].value;
  for (std::size_t i = 300; i < 800; ++i) trace.power_instant[i].value = held;
  EXPECT_TRUE(window_energy(trace, span(2, 10), calibration()).power_stuck);
  EXPECT_FALSE(window_energy(trace, span(9, 11), calibration()).power_stuck) << "after it";
}

TEST(EnergyWindow, PowerThatRightlyRepeatsItselfIsNot) {
  // A card at constant power whose readings have no noise.
  const auto energy = window_energy(all_of(constant(84), 12, 0.0), span(2, 8), calibration());
  EXPECT_FALSE(energy.power_stuck);
  ASSERT_TRUE(energy.counter);
  EXPECT_FALSE(energy.integral) << "no refresh can be told from another";
}

TEST(EnergyWindow, NothingFromNothing) {
  const auto energy = window_energy({}, span(0, 10), calibration());
  EXPECT_FALSE(energy.counter || energy.integral || energy.disagree || energy.counter_stuck);
  EXPECT_FALSE(window_energy(all_of(constant(100), 5), span(3, 3), calibration()).counter) << "no time";
  EXPECT_FALSE(window_energy(all_of(constant(100), 5), span(1, 3), {}).counter) << "no timing";
}

RC_GTEST_PROP(EnergyWindow, PulsesAreCoveredAndNumbersFinite, ()) {
  const auto between = [](double low, double high) { return low + (high - low) * *rc::gen::inRange(0, 10001) / 1e4; };
  const double low = between(50, 150);
  const double high = between(150, 700);
  const double from = between(2, 4);
  const double to = from + between(2, 6);
  const double begin = from + between(-0.5, 0.5);
  const double end = to + between(-0.5, 0.5);
  const auto used = pulse(low, high, from, to);
  const auto energy = window_energy(all_of(used, 14), span(begin, end), calibration());
  RC_ASSERT(energy.counter && energy.integral);
  const double truth = used(end) - used(begin);
  // A jump inside the period of a refresh may be missed at either edge, and no more than that.
  RC_ASSERT(std::abs(energy.counter->value - truth) <= 2 * 0.1 * (high - low) + 0.01);
  RC_ASSERT(std::isfinite(energy.counter->half_width) && std::isfinite(energy.integral->half_width));
  RC_ASSERT(energy.counter->half_width > 0);
}

}  // namespace
}  // namespace phasewatt::replay
