#include "phasewatt/sim/sensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "phasewatt/sim/sim_gpu.h"
#include "tests/sim/support.h"

namespace phasewatt::sim::test {
namespace {

constexpr Nanos kStart = std::chrono::seconds(100);

TEST(PowerHistory, IsTheIntegralOfItsSegments) {
  PowerHistory h;
  h.restart(kStart, 100);
  h.push(kStart + from_seconds(0.5), 150);  // 300 W
  h.push(kStart + from_seconds(1.0), 50);   // 100 W
  EXPECT_DOUBLE_EQ(h.mean_w(kStart - from_seconds(2), kStart), 100);
  EXPECT_DOUBLE_EQ(h.mean_w(kStart + from_seconds(0.1), kStart + from_seconds(0.3)), 300);
  EXPECT_DOUBLE_EQ(h.mean_w(kStart + from_seconds(0.4), kStart + from_seconds(0.6)), 200);
  EXPECT_DOUBLE_EQ(h.mean_w(kStart - from_seconds(0.5), kStart + from_seconds(0.5)), 200);
}

TEST(PowerHistory, ForgetsTheOldestButKeepsTheTotal) {
  PowerHistory h;
  h.restart(kStart, 100);
  const int segments = 3 * static_cast<int>(PowerHistory::kCapacity);
  for (int i = 1; i <= segments; ++i) h.push(kStart + std::chrono::milliseconds(i), 0.2);
  EXPECT_NEAR(h.joules_at(h.end()), 0.2 * segments, 1e-6);
  EXPECT_NEAR(h.mean_w(h.end() - from_seconds(1), h.end()), 200, 1e-6);
  EXPECT_NEAR(h.mean_w(kStart, kStart + from_seconds(5)), 200, 1e-6);  // forgotten: the mean stands in
}

/// Mean error in % of the energy of one cold request of `seconds` at 450 W after 100 W, over many sensor phases; the
/// reader polls every 10 ms and integrates. `signal`: 0 average, 1 instant, 2 counter.
double request_error(const GpuSpec::Sensor& spec, int signal, double seconds) {
  constexpr int kPhases = 200;
  double sum = 0;
  for (std::uint64_t key = 0; key < kPhases; ++key) {
    Sensors sensors(spec, "test", true);
    sensors.begin(key, 0, kStart);
    PowerHistory h;
    h.restart(kStart, 100);
    h.push(kStart + from_seconds(seconds), 450 * seconds);
    double joules = 0;
    if (signal == 2) {
      joules = (sensors.energy(h, kStart + from_seconds(seconds)) - sensors.energy(h, kStart)).value();
    } else {
      const int polls = static_cast<int>(std::lround(seconds / 0.01));
      for (int i = 0; i < polls; ++i) {
        const Nanos at = kStart + std::chrono::milliseconds(10 * i + 5);
        joules += 0.01 * (signal == 0 ? sensors.power_avg(h, at) : sensors.power_inst(h, at)).value();
      }
    }
    sum += 100 * (joules / (450 * seconds) - 1);
  }
  return sum / kPhases;
}

// The audit of the paper's sensor protocol, recomputed: within 3 points of its table.
TEST(Sensors, TheErrorOfOneColdRequest) {
  GpuSpec::Sensor spec = rtx().sensor;
  GpuSpec::Sensor part_time = spec;
  part_time.power_inst.window_s = 0.025;
  struct Row {
    double seconds, average, instant, part_time, counter;
  };
  for (const auto& row :
       {Row{0.3, -70, -26, -17, -13}, {1, -43, -8, -5, -4}, {4, -11, -1.9, -1.2, -1.0}, {10, -4.3, -0.8, -0.5, -0.4}}) {
    EXPECT_NEAR(request_error(spec, 0, row.seconds), row.average, 3) << row.seconds;
    EXPECT_NEAR(request_error(spec, 1, row.seconds), row.instant, 3) << row.seconds;
    EXPECT_NEAR(request_error(part_time, 1, row.seconds), row.part_time, 3) << row.seconds;
    EXPECT_NEAR(request_error(spec, 2, row.seconds), row.counter, 3) << row.seconds;
  }
}

TEST(Sensors, ACounterDifferenceOverAShortRequestIsZeroAboutHalfOfTheTime) {
  int zero = 0;
  for (std::uint64_t key = 0; key < 400; ++key) {
    Sensors sensors(rtx().sensor, "test", false);
    sensors.begin(key, 0, kStart);
    PowerHistory h;
    h.restart(kStart, 100);
    h.push(kStart + from_seconds(0.05), 450 * 0.05);
    zero += sensors.energy(h, h.end()) == sensors.energy(h, kStart);
  }
  EXPECT_NEAR(zero / 400.0, 0.5, 0.08);
}

TEST(Sensors, AReadingChangesEvery100Ms) {
  SimGpu gpu(rtx());
  gpu.begin_point({3, 0, Mhz(960)});
  Watts last = gpu.read_power_inst();
  std::vector<Nanos> changes;
  while (changes.size() < 40) {
    const Nanos at = gpu.now();
    const Watts value = gpu.read_power_inst();
    if (value != last) changes.push_back(at);
    last = value;
  }
  for (std::size_t i = 1; i < changes.size(); ++i)
    EXPECT_NEAR(to_seconds(changes[i] - changes[i - 1]), 0.100, 0.00203) << i;  // 2 ms, and one poll of 26 µs
}

TEST(Sensors, TheCounterNeverFallsAndIsTheIntegralTimesTheGain) {
  SimGpu gpu(rtx());
  gpu.begin_point({5, 1, std::nullopt});
  const double gain = 1 + gpu.sensors().gain();
  const Joules start = gpu.read_energy();
  Joules last = start;
  const Load work{.bytes = 2e10, .kernels = 400, .host_s = 0.004};
  for (std::uint32_t i = 0; i < 2000; ++i) {
    gpu.run(work, {0, i});
    if (i % 7 == 0) {
      const Joules now = gpu.read_energy();
      EXPECT_GE(now, last);
      last = now;
    }
  }
  // Each read shows the last tick: up to 0.1 s of idling (10 W·s) before the begin, up to 0.1 s after the work.
  const double before = gpu.true_joules();
  gpu.idle(std::chrono::milliseconds(100));
  const double tick_lag_j = gpu.true_joules() - before;
  EXPECT_NEAR((gpu.read_energy() - start).value(), before * gain, tick_lag_j * gain + 10);
}

TEST(Sensors, ACounterAtATickIsTheIntegralToOneMillijoule) {
  GpuSpec::Sensor spec = rtx().sensor;
  spec.energy.update_s = 1e-4;
  Sensors sensors(spec, "some card", false);
  sensors.begin(1, 0, kStart);
  PowerHistory h;
  h.restart(kStart, 0);
  h.push(kStart + from_seconds(2), 700);
  h.push(kStart + from_seconds(3), 0);  // nothing is used any more: every later tick sees all of it
  EXPECT_NEAR((sensors.energy(h, h.end()) - sensors.energy(h, kStart)).value(), 700 * (1 + sensors.gain()),
              1e-3 + 1e-9);
  EXPECT_NE(sensors.gain(), 0);
}

TEST(Sensors, ACounterThatSumsTheInstantSensorSeesAQuarterOfTheTime) {
  GpuSpec::Sensor spec = rtx().sensor;
  spec.power_inst.window_s = 0.025;
  spec.energy.integrates = EnergySensorSpec::Integrates::sampled;
  Sensors sensors(spec, "test", true);
  sensors.begin(1, 0, kStart);
  PowerHistory h;
  h.restart(kStart, 200);
  const Joules start = sensors.energy(h, kStart);
  for (int i = 1; i <= 20000; ++i) {
    h.push(kStart + std::chrono::milliseconds(i), 0.2);
    sensors.follow(h);
  }
  EXPECT_NEAR((sensors.energy(h, h.end()) - start).value(), 4000, 200 * 0.1 + 1);
}

TEST(Sensors, GainAndOffsetBelongToTheDevice) {
  const Sensors one(rtx().sensor, "card one", false);
  const Sensors again(rtx().sensor, "card one", false);
  const Sensors other(rtx().sensor, "card two", false);
  EXPECT_EQ(one.gain(), again.gain());
  EXPECT_NE(one.gain(), other.gain());
  EXPECT_NE(one.offset_w(), other.offset_w());
  EXPECT_EQ(Sensors(rtx().sensor, "card one", true).gain(), 0);
}

}  // namespace
}  // namespace phasewatt::sim::test
