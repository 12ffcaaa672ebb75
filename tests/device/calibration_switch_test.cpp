#include <gtest/gtest.h>

#include "phasewatt/device/calibration/analysis.h"
#include "phasewatt/device/calibration/ticks.h"

namespace phasewatt::device {
namespace {

using std::chrono::milliseconds;

SwitchTrace trace_of(const std::vector<std::pair<int, double>>& reads) {
  SwitchTrace trace{Mhz(1980), Mhz(1200), milliseconds(10), milliseconds(12), {}};
  for (const auto& [at_ms, mhz] : reads)
    trace.clocks.push_back({milliseconds(at_ms), mhz > 0 ? std::optional(Mhz(mhz)) : std::nullopt, 0});
  return trace;
}

TEST(SwitchLatency, TellsCallFirstEffectAndStableApart) {
  const auto latency = switch_latency(
      trace_of({{5, 345}, {11, 1980}, {14, 1985}, {20, 1600}, {22, 1200}, {24, 1700}, {30, 1195}, {40, 1205}}),
      Mhz(20));
  ASSERT_TRUE(latency);
  EXPECT_DOUBLE_EQ(latency->call_s, 0.002);
  EXPECT_DOUBLE_EQ(latency->first_effect_s, 0.010) << "what was before the call, and a step of noise, is no effect";
  EXPECT_DOUBLE_EQ(latency->stable_s, 0.020) << "a clock that left the target again was not stable";
}

TEST(SwitchLatency, IsAbsentWhenTheTargetWasNotAttained) {
  EXPECT_FALSE(switch_latency(trace_of({{11, 1980}, {20, 1500}, {30, 1500}}), Mhz(20)));
  EXPECT_FALSE(switch_latency(trace_of({{11, 1980}, {20, 1200}, {30, 1500}}), Mhz(20)));
  EXPECT_FALSE(switch_latency(trace_of({{5, 1200}, {20, 0}}), Mhz(20)));
}

/// Polls of a sensor whose n-th refresh latches `value(n)`.
std::vector<SensorRead> polls(double update_s, double poll_s, double seconds, int (*value)(int)) {
  std::vector<SensorRead> reads;
  for (int i = 0; i * poll_s < seconds; ++i) {
    const Nanos at = from_seconds(i * poll_s);
    reads.push_back({at, at, static_cast<double>(value(static_cast<int>(i * poll_s / update_s)))});
  }
  return reads;
}

int counts(int nth) { return nth; }
int repeats_now_and_then(int nth) { return nth % 5 == 3 ? (nth - 1) % 7 : nth % 7; }

TEST(Ticks, CountsRefreshesThatChangedNothing) {
  const auto ticks = find_ticks(polls(0.1, 0.0013, 20, repeats_now_and_then));
  ASSERT_TRUE(ticks);
  EXPECT_NEAR(ticks->update_s, 0.1, 0.0001);
  EXPECT_FALSE(ticks->bounded);
  EXPECT_GT(ticks->ticks.back().nth, 190);
  EXPECT_LT(ticks->ticks.size(), 170U);
}

TEST(Ticks, TakesTwoChangesInOnePeriodForOne) {
  auto reads = polls(0.1, 0.0013, 20, counts);
  for (std::size_t i = 1; i < reads.size(); ++i)
    if (reads[i].value != reads[i - 1].value && static_cast<int>(reads[i].value) % 10 == 0) reads[i].value -= 0.5;
  const auto ticks = find_ticks(reads);
  ASSERT_TRUE(ticks);
  EXPECT_NEAR(ticks->update_s, 0.1, 0.0001);
  EXPECT_EQ(ticks->ticks.size(), 199U);
}

TEST(Ticks, SaysWhenPollingIsTooSlowToTell) {
  const auto ticks = find_ticks(polls(0.001, 0.0103, 5, counts));
  ASSERT_TRUE(ticks);
  EXPECT_TRUE(ticks->bounded);
}

TEST(Ticks, AreAbsentWithoutChanges) {
  EXPECT_FALSE(find_ticks({}));
  EXPECT_FALSE(find_ticks(std::vector<SensorRead>(1000, SensorRead{milliseconds(1), milliseconds(2), 5})));
}

TEST(Boxcar, IsAbsentWhenTheLoadWasNotSeen) {
  std::vector<Tick> ticks;
  for (int i = 0; i < 200; ++i) ticks.push_back({i * 0.1, 100.0 + (i * 7919) % 13, i});
  StepEdges edges;
  for (int i = 1; i < 10; ++i) {
    edges.on.push_back(milliseconds(i * 2000));
    edges.off.push_back(milliseconds(i * 2000 + 900));
  }
  EXPECT_FALSE(fit_boxcar(ticks, edges));
}

TEST(ReadCost, IsMedianAndLongest) {
  const std::vector<SensorRead> reads{{milliseconds(0), milliseconds(1), 0},
                                      {milliseconds(10), milliseconds(12), 0},
                                      {milliseconds(20), milliseconds(29), 0}};
  const auto cost = read_cost(reads);
  ASSERT_TRUE(cost);
  EXPECT_DOUBLE_EQ(cost->median_s, 0.002);
  EXPECT_DOUBLE_EQ(cost->max_s, 0.009);
  EXPECT_FALSE(read_cost({}));
}

TEST(AnalyseTraces, SaysWhatAnIdleCardCannotTell) {
  Calibration c;
  analyse_traces({}, c);
  EXPECT_FALSE(c.power_instant || c.energy || c.gain || c.idle || c.idle_context);
  EXPECT_FALSE(c.assumed);
  CalibrationTraces busy;
  busy.alone = false;
  analyse_traces(busy, c);
  EXPECT_FALSE(c.notes.empty());
}

}  // namespace
}  // namespace phasewatt::device
