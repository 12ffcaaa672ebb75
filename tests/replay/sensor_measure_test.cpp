#include "phasewatt/replay/sensor_measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/replay/conditions.h"

namespace phasewatt::replay {
namespace {

using sensor_world::measure;
using sensor_world::Options;
using testing::IsEmpty;

Options clean(std::uint64_t seed = 1) {
  Options options;
  options.seed = seed;
  options.gpu = sensor_world::quick_card();
  return options;
}

double sum_of_parts(const RunRecord& r) {
  double sum = r.idle_energy ? r.idle_energy->value() : 0;
  for (const PhaseTotals& phase : r.phases)
    if (phase.energy) sum += phase.energy->value();
  return sum;
}

TEST(SensorMeasure, ThePartsSumToTheTotalAndTheRequestsToo) {
  for (const Task task : {Task::generation, Task::classification}) {
    Options options = clean();
    options.task = task;
    options.batch = 4;
    const RunRecord r = measure(options);
    ASSERT_TRUE(r.energy.has_value()) << r.detail;
    EXPECT_NEAR(sum_of_parts(r), r.energy->value(), 1e-9 * r.energy->value());
    double shares = 0;
    for (const auto& request : r.requests) {
      ASSERT_TRUE(request.energy.has_value());
      shares += request.energy->value();
    }
    EXPECT_NEAR(shares, r.energy->value(), 1e-9 * r.energy->value());
    EXPECT_EQ(r.requests.size(), 4U);
  }
}

TEST(SensorMeasure, TimesAndTokensAreThoseOfOnePass) {
  const RunRecord r = measure(clean());
  EXPECT_GT(r.passes, 1) << "four queries do not fill the window";
  const PhaseTotals& decode = r.phases[static_cast<std::size_t>(Phase::decode)];
  EXPECT_EQ(decode.spans, 4 * 60);
  EXPECT_EQ(decode.tokens, 4 * 60);
  double latencies = 0;
  for (const auto& request : r.requests) latencies += request.latency_s;
  EXPECT_NEAR(latencies / r.wall_s, 1, 0.02);
  EXPECT_TRUE(decode.bytes && decode.flops && decode.gpu_busy_s && decode.launch_s);
}

TEST(SensorMeasure, TheTruthStandsBesideWhatTheSensorsGave) {
  const RunRecord r = measure(clean(7));
  EXPECT_THAT(r.reasons, IsEmpty()) << r.detail;
  EXPECT_EQ(r.method, EnergyMethod::counter_delta);
  EXPECT_TRUE(r.cross_energy.has_value());
  for (const Phase which : {Phase::prefill, Phase::decode}) {
    const PhaseTotals& phase = r.phases[static_cast<std::size_t>(which)];
    ASSERT_TRUE(phase.energy && phase.energy_truth && phase.stacked_energy && phase.energy_rel_error);
    EXPECT_EQ(phase.method, EnergyMethod::window_regression);
    EXPECT_NEAR(phase.energy->value() / phase.energy_truth->value(), 1, 0.05) << to_string(which);
    EXPECT_NEAR(phase.stacked_energy->value() / phase.energy_truth->value(), 1, 0.06) << to_string(which);
  }
}

TEST(SensorMeasure, TheWindowThatTheSensorsNeedIsLongEnoughForBothMethods) {
  Options options = clean();
  options.measure = "warmup_s = 12\nreference_every = 0\n";
  const RunRecord r = measure(options);
  EXPECT_EQ(r.validity, Validity::valid) << r.detail;
  for (const Phase which : {Phase::prefill, Phase::decode}) {
    const PhaseTotals& phase = r.phases[static_cast<std::size_t>(which)];
    EXPECT_TRUE(phase.energy && phase.stacked_energy) << to_string(which);
  }
  EXPECT_EQ(r.phases[static_cast<std::size_t>(Phase::decode)].method, EnergyMethod::window_regression);
}

TEST(SensorMeasure, WithoutRepetitionThereIsOneMethod) {
  Options options = clean();
  options.measure = "warmup_s = 12\nwindow_s = 20\nstacked_s = 0\nreference_every = 0\n";
  const RunRecord r = measure(options);
  EXPECT_FALSE(r.phases[0].stacked_energy.has_value());
  EXPECT_TRUE(r.phases[0].energy.has_value());
}

TEST(SensorMeasure, AnAssumedTimingIsARemark) {
  Options options = clean();
  options.assumed = true;
  options.gpu.sensor.power_inst.window_s = 0.025;  // as the card of the assumption
  const RunRecord r = measure(options);
  EXPECT_EQ(r.validity, Validity::valid) << r.detail;
  EXPECT_THAT(r.reasons, testing::Contains(Reason::not_calibrated));
}

TEST(SensorMeasure, ACardThatIsStillWarmingWhenTheWarmUpEndsIsSaidSo) {
  Options options = clean();
  options.gpu.thermal.tau_s = 60;
  options.measure = "warmup_s = 5\nwarmup_max_s = 12\nwindow_s = 10\nreference_every = 0\n";
  EXPECT_TRUE(sensor_world::has(measure(options), Reason::not_settled));
}

TEST(SensorMeasure, TheSameSeedGivesTheSameRecord) {
  const RunRecord a = measure(clean(3));
  const RunRecord b = measure(clean(3));
  EXPECT_EQ(a.energy, b.energy);
  EXPECT_EQ(a.phases[0].energy, b.phases[0].energy);
  EXPECT_EQ(a.phases[1].energy_rel_error, b.phases[1].energy_rel_error);
}

// The rates over 200 seeds: tests/bench/measurement_verdicts.cpp, docs/benchmarks.md.
TEST(SensorMeasure, EveryInjectedConditionIsCaught) {
  for (const auto& condition : sensor_world::conditions()) {
    for (const std::uint64_t seed : {11, 12, 13}) {
      Options options = clean(seed);
      condition.inject(options, sensor_world::kInsideFrom + 3 * static_cast<double>(seed - 10));
      const RunRecord r = measure(options);
      if (condition.any_of.empty()) {
        EXPECT_EQ(r.validity, Validity::valid) << r.detail;
        continue;
      }
      const bool caught = std::any_of(condition.any_of.begin(), condition.any_of.end(),
                                      [&](Reason reason) { return sensor_world::has(r, reason); });
      EXPECT_TRUE(caught && r.validity != Validity::valid) << condition.name << ": " << r.detail;
    }
  }
}

}  // namespace
}  // namespace phasewatt::replay
