#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "phasewatt/replay/energy/ticks.h"

namespace phasewatt::replay {
namespace {

using device::SensorRead;
using device::SensorTiming;

/// Reads of a sensor refreshed at phase + k · period with the value k, at the given moments, s.
std::vector<SensorRead> reads_of(
    double phase_s, double period_s, const std::vector<double>& at_s, double cost_s = 26e-6,
    const std::function<double(long)>& value = [](long k) { return 100.0 + 7.0 * static_cast<double>(k); }) {
  std::vector<SensorRead> out;
  for (const double at : at_s)
    out.push_back(
        {from_seconds(at), from_seconds(at + cost_s), value(static_cast<long>(std::floor((at - phase_s) / period_s)))});
  return out;
}

std::vector<double> every(double step_s, double until_s) {
  std::vector<double> out;
  for (int i = 0; i * step_s < until_s; ++i) out.push_back(i * step_s);
  return out;
}

/// Largest distance of a refresh from the true moment at which its value came, s.
double worst_error(const Ticks& ticks, double phase_s, double period_s) {
  double worst = 0;
  for (const auto& refresh : ticks.refreshes) {
    const double k = std::round((refresh.value - 100.0) / 7.0);
    worst = std::max(worst, std::abs(refresh.at_s - (phase_s + period_s * k)));
  }
  return worst;
}

TEST(EnergyTicks, FindsRefreshesToWithinTheReads) {
  const auto ticks = find_ticks(reads_of(0.0337, 0.1, every(0.01, 20)), {.update_s = 0.1}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_TRUE(ticks->located);
  EXPECT_NEAR(ticks->period_s, 0.1, 1e-6);
  EXPECT_GE(ticks->refreshes.size(), 198U);
  EXPECT_LE(worst_error(*ticks, 0.0337, 0.1), ticks->uncertainty_s);
  EXPECT_LE(ticks->uncertainty_s, 0.006);
}

TEST(EnergyTicks, RefinesAPeriodThatWasCalibratedHalfAPercentOff) {
  const auto ticks = find_ticks(reads_of(0.02, 0.1005, every(0.00997, 60)), {.update_s = 0.1}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_NEAR(ticks->period_s, 0.1005, 2e-6);
  EXPECT_LE(worst_error(*ticks, 0.02, 0.1005), 0.0015);
}

TEST(EnergyTicks, RefreshesThatFallTogetherWithReadsAreNotHalfAPeriodOff) {
  // The period is twice the distance of reads and a refresh comes now just before, now just after a read.
  std::vector<SensorRead> reads;
  for (int i = 0; i < 4000; ++i) {
    const double at = 0.01 * i;
    long k = i / 2;
    if (i % 2 == 0 && (i * 7919 / 2) % 3 != 0) --k;  // late by a little: the read still sees the value before
    reads.push_back({from_seconds(at), from_seconds(at + 1e-5), 100.0 + 7.0 * static_cast<double>(k)});
  }
  const auto ticks = find_ticks(reads, {.update_s = 0.02, .jitter_s = 0.0005}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_LE(worst_error(*ticks, 0.0, 0.02), 0.0015);
}

TEST(EnergyTicks, SlowAndLateAndLostReadsDoNotMoveThem) {
  std::vector<double> at;
  for (int i = 0; i < 4000; ++i) {
    if (i % 5 == 3) continue;
    const double late = 0.004 * ((i * 7919) % 97) / 97.0 + (i % 211 == 0 ? 0.08 : 0.0);
    if (at.empty() || 0.01 * i + late > at.back() + 0.0005) at.push_back(0.01 * i + late);
  }
  auto reads = reads_of(0.057, 0.1, at, 0.0038);
  for (std::size_t i = 500; i < reads.size(); i += 700) reads[i].end = reads[i].begin + from_seconds(0.107);
  const auto ticks = find_ticks(reads, {.update_s = 0.1}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_TRUE(ticks->located);
  EXPECT_LE(worst_error(*ticks, 0.057, 0.1), 0.003);
  EXPECT_GE(ticks->refreshes.size(), 390U);
}

TEST(EnergyTicks, ARefreshThatRepeatsItsValueIsOne) {
  const auto twice = [](long k) { return static_cast<double>(k / 2); };
  const auto ticks = find_ticks(reads_of(0.033, 0.1, every(0.01, 10), 1e-5, twice), {.update_s = 0.1}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_NEAR(static_cast<double>(ticks->refreshes.size()), 100, 3);
}

TEST(EnergyTicks, ReadsAsRareAsRefreshesLeaveThemOpen) {
  const auto ticks = find_ticks(reads_of(0.033, 0.1, every(0.25, 30)), {.update_s = 0.1}, Nanos(0));
  ASSERT_TRUE(ticks);
  EXPECT_FALSE(ticks->located);
  EXPECT_EQ(ticks->uncertainty_s, 0.05);
}

TEST(EnergyTicks, NothingFromNothing) {
  EXPECT_FALSE(find_ticks({}, {.update_s = 0.1}, Nanos(0)));
  EXPECT_FALSE(find_ticks(reads_of(0, 0.1, every(0.01, 20)), {.update_s = 0}, Nanos(0)));
  const auto constant = [](long) { return 5.0; };
  EXPECT_FALSE(find_ticks(reads_of(0, 0.1, every(0.01, 20), 1e-5, constant), {.update_s = 0.1}, Nanos(0)));
  EXPECT_FALSE(find_ticks(reads_of(0, 0.137, every(0.01, 40)), {.update_s = 0.1}, Nanos(0))) << "another period";
}

}  // namespace
}  // namespace phasewatt::replay
