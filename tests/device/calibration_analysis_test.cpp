#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "phasewatt/device/calibration/analysis.h"
#include "tests/device/calibration_world.h"

namespace phasewatt::device {
namespace {

using test::CalibrationWorld;
using test::card_with;
using test::SensorCase;

/// What docs/calibration.md prints: recovered beside true.
void row(const char* what, double found, double truth) {
  std::printf("    %-28s %10.4f  true %10.4f\n", what, found, truth);
}

class Recovered : public testing::TestWithParam<SensorCase> {};

TEST_P(Recovered, TimingsOfEachSensor) {
  const SensorCase truth = GetParam();
  CalibrationWorld world(card_with(truth), 7);
  Calibration c;
  analyse_traces(world.record(30), c);
  ASSERT_TRUE(c.power_instant && c.power_average && c.energy);
  for (const auto& note : c.notes) ADD_FAILURE() << note;
  EXPECT_FALSE(c.assumed);

  const auto near_window = [](double found, double window_s) {
    EXPECT_NEAR(found, window_s, std::max(0.1 * window_s, 0.003));
  };
  for (const auto& sensor : {*c.power_instant, *c.power_average}) {
    EXPECT_NEAR(sensor.update_s, truth.update_s, 0.01 * truth.update_s);
    EXPECT_NEAR(sensor.jitter_s, 0.001 / std::sqrt(3.0), 0.2e-3);
    EXPECT_NEAR(sensor.lag_s, 0, 0.003);
    EXPECT_NEAR(sensor.read_s, 26e-6, 1e-6);
    EXPECT_NEAR(sensor.noise_w, 0.5, 0.15);
  }
  near_window(c.power_instant->window_s, truth.instant_s);
  near_window(c.power_average->window_s, truth.average_s);
  EXPECT_NEAR(c.energy->update_s, 0.1, 0.001);
  EXPECT_LT(c.energy->jitter_s, 0.6e-3);
  EXPECT_NEAR(c.energy->lag_s, 0.0019, 0.003) << "the middle of a call, at whose begin the simulated sensor answers";
  EXPECT_EQ(c.energy->window_s, 0);
  EXPECT_NEAR(c.energy->read_s, 3.8e-3, 1e-6);
  EXPECT_NEAR(c.idle->value(), 84 * (1 + world.gpu().sensors().gain()) + world.gpu().sensors().offset_w(), 1);
  EXPECT_NEAR(c.idle_context->value(), 132, 6);
  row("instant update ms", c.power_instant->update_s * 1e3, truth.update_s * 1e3);
  row("instant window ms", c.power_instant->window_s * 1e3, truth.instant_s * 1e3);
  row("instant lag ms", c.power_instant->lag_s * 1e3, 0);
  row("average update ms", c.power_average->update_s * 1e3, truth.update_s * 1e3);
  row("average window ms", c.power_average->window_s * 1e3, truth.average_s * 1e3);
  row("counter update ms", c.energy->update_s * 1e3, 100);
  row("jitter ms", c.power_instant->jitter_s * 1e3, 1 / std::sqrt(3.0));
}

INSTANTIATE_TEST_SUITE_P(Sensors, Recovered,
                         testing::Values(SensorCase{0.1, 0.025, 1.0}, SensorCase{0.1, 0.1, 1.0},
                                         SensorCase{0.02, 0.01, 1.0}, SensorCase{0.02, 0.02, 0.1}));

TEST(CalibrationAnalysis, ACardThatHasNotComeToRestIsSaid) {
  CalibrationWorld world(card_with({}), 11);
  CalibrationTraces traces = world.record(6);
  Calibration rested;
  analyse_traces(traces, rested);
  std::swap(traces.idle, traces.idle_context);
  Calibration warm;
  analyse_traces(traces, warm);
  const auto says = [](const Calibration& c) {
    return std::any_of(c.notes.begin(), c.notes.end(),
                       [](const std::string& note) { return note.find("not come to rest") != std::string::npos; });
  };
  EXPECT_FALSE(says(rested));
  EXPECT_TRUE(says(warm));
}

TEST(CalibrationAnalysis, GainLiesInItsInterval) {
  int inside = 0;
  constexpr int kCards = 40;
  for (int i = 0; i < kCards; ++i) {
    CalibrationWorld world(card_with({}), 100 + static_cast<std::uint64_t>(i), "card " + std::to_string(i));
    CalibrationTraces traces = world.record(6);
    Calibration c;
    analyse_traces(traces, c);
    ASSERT_TRUE(c.gain);
    // Power and counter share the gain; the offset is the power's alone.
    const double watts = world.steady_w() * (1 + world.gpu().sensors().gain());
    const double truth = (watts + world.gpu().sensors().offset_w()) / watts;
    inside += std::abs(*c.gain - truth) <= c.gain_error ? 1 : 0;
    EXPECT_LT(c.gain_error, 0.003);
  }
  std::printf("    gain inside its interval: %d of %d cards\n", inside, kCards);
  EXPECT_GE(inside, 34);
}

}  // namespace
}  // namespace phasewatt::device
