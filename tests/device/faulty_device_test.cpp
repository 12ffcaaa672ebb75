#include "phasewatt/device/sim/faulty_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "phasewatt/device/recorder.h"
#include "phasewatt/device/sim/sim_device.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::device {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Ten seconds of changing load under a fault.
SensorTrace record(const ReadFault& fault) {
  sim::SimGpu gpu(sim::find_gpu("h200-sxm").value());
  gpu.begin_point({21, 0, {}});
  const auto recorder = record_in_virtual_time(gpu, {}, fault);
  recorder->start();
  for (std::uint32_t i = 0; gpu.now() < seconds(110); ++i)
    if (i % 20 < 10)
      gpu.run({.bytes = 4e10, .kernels = 100}, {i, 0});
    else
      gpu.idle(milliseconds(20));
  auto trace = recorder->stop();
  EXPECT_TRUE(trace);
  return std::move(trace).value();
}

const Nanos kBegin = seconds(100);

TEST(FaultyDevice, LosesAShareOfTheReads) {
  const auto clean = record({});
  const auto trace = record({.lost_share = 0.2});
  EXPECT_EQ(trace.reads, clean.reads);
  EXPECT_NEAR(static_cast<double>(trace.power_instant.size()), 0.8 * static_cast<double>(clean.power_instant.size()),
              40);
  // A lost read of power takes two values with it, one of the clock and its reasons likewise; 21 looks for processes
  // leave nothing in the trace that could be counted.
  const auto lost = 2 * (clean.power_instant.size() - trace.power_instant.size()) +
                    2 * (clean.clocks.size() - trace.clocks.size()) + (clean.energy.size() - trace.energy.size()) +
                    (clean.temperature.size() - trace.temperature.size());
  EXPECT_GE(trace.failed, lost);
  EXPECT_LE(trace.failed, lost + 21);
  EXPECT_EQ(clean.failed, 0U);
}

TEST(FaultyDevice, PowerThatIsNoNumberIsLeftOutAndCounted) {
  const auto clean = record({});
  const auto trace = record({.nan_share = 0.1});
  EXPECT_GT(trace.bad, 100U);
  EXPECT_EQ(trace.bad, clean.power_instant.size() + clean.power_average.size() - trace.power_instant.size() -
                           trace.power_average.size());
  EXPECT_EQ(trace.energy.size(), clean.energy.size());
}

TEST(FaultyDevice, PowerSticks) {
  const auto trace = record({.stuck_from = seconds(4)});
  std::set<double> before;
  std::set<double> after;
  for (const auto& read : trace.power_instant) (read.begin < kBegin + seconds(4) ? before : after).insert(read.value);
  EXPECT_GT(before.size(), 20U);
  EXPECT_EQ(after.size(), 1U);
  EXPECT_GT(trace.energy.back().value - trace.energy[trace.energy.size() - 20].value, 10) << "the counter goes on";
}

TEST(FaultyDevice, CounterStartsAgain) {
  const auto trace = record({.reset_at = seconds(5)});
  int falls = 0;
  for (std::size_t i = 1; i < trace.energy.size(); ++i) {
    if (trace.energy[i].value >= trace.energy[i - 1].value) continue;
    ++falls;
    EXPECT_EQ(trace.energy[i].value, 0);
    EXPECT_NEAR(to_seconds(trace.energy[i].begin - kBegin), 5, 0.021);
  }
  EXPECT_EQ(falls, 1);
  EXPECT_GT(trace.energy.back().value, 100);
}

TEST(FaultyDevice, SomebodyElseComes) {
  EXPECT_EQ(record({.foreign_from = seconds(3), .foreign_pid = 77}).other_processes, std::vector<std::uint32_t>{77});
  EXPECT_TRUE(record({.foreign_from = seconds(30)}).other_processes.empty());
}

TEST(FaultyDevice, ReadsAreLate) {
  const auto trace = record({.late = milliseconds(25)});
  EXPECT_GT(trace.missed, 100U);
  EXPECT_EQ(trace.failed + trace.bad, 0U);
  Nanos least = milliseconds(100);
  Nanos most{};
  for (std::size_t i = 1; i < trace.power_instant.size(); ++i) {
    const Nanos between = trace.power_instant[i].begin - trace.power_instant[i - 1].begin;
    least = std::min(least, between);
    most = std::max(most, between);
  }
  EXPECT_LT(least, milliseconds(8));
  EXPECT_GT(most, milliseconds(25));
}

TEST(FaultyDevice, OverAnyDeviceLateReadsAreLongOnes) {
  sim::SimGpu gpu(sim::find_gpu("h200-sxm").value());
  SimDevice device(gpu);
  FaultyDevice faulty(device, {.late = milliseconds(10)});
  Nanos longest{};
  for (int i = 0; i < 50; ++i) {
    const Nanos begin = gpu.now();
    longest = std::max(longest, faulty.read({.clocks = true}).value().at - begin);
  }
  EXPECT_GT(longest, milliseconds(8));
  EXPECT_LT(longest, milliseconds(10));
}

}  // namespace
}  // namespace phasewatt::device
