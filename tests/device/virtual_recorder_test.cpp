#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "phasewatt/device/recorder.h"
#include "phasewatt/device/sim/sim_device.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::device {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

sim::GpuSpec card() { return sim::find_gpu("h200-sxm").value(); }

/// Passes of about 20 ms at half the card's bandwidth, until `span` is over.
void work(sim::SimGpu& gpu, Nanos span) {
  std::uint32_t request = 0;
  for (const Nanos until = gpu.now() + span; gpu.now() < until;)
    gpu.run({.bytes = 4e10, .kernels = 100}, {request++, 0});
}

struct Recorded {
  SensorTrace trace;
  Nanos begin{};
  Nanos end{};
};

Recorded record(sim::SimGpu& gpu, const std::function<void()>& load, Recorder::Rates rates = {},
                ReadFault faults = {}) {
  const auto recorder = record_in_virtual_time(gpu, rates, faults);
  const Nanos begin = gpu.now();
  recorder->start();
  load();
  auto trace = recorder->stop();
  EXPECT_TRUE(trace);
  return {std::move(trace).value(), begin, gpu.now()};
}

TEST(VirtualRecorder, ReadsEachSignalAtItsRateFromTheStart) {
  sim::SimGpu gpu(card());
  gpu.begin_point({7, 0, {}});
  const auto [trace, begin, end] = record(gpu, [&] { work(gpu, seconds(10)); });
  const auto deadlines = [run = end - begin](Nanos interval) { return static_cast<std::size_t>(run / interval) + 1; };
  // What is not over at the end is left out.
  EXPECT_GE(trace.power_instant.size() + 1, deadlines(Recorder::Rates().power));
  EXPECT_EQ(trace.power_average.size(), trace.power_instant.size());
  EXPECT_GE(trace.energy.size() + 1, deadlines(Recorder::Rates().energy));
  EXPECT_GE(trace.clocks.size() + 1, deadlines(milliseconds(20)));
  EXPECT_GE(trace.temperature.size() + 1, deadlines(milliseconds(250)));
  EXPECT_TRUE(trace.utilization.empty()) << "the simulated GPU has none";
  EXPECT_EQ(trace.power_instant.front().begin, begin);
  for (std::size_t i = 1; i < trace.power_instant.size(); ++i)
    EXPECT_EQ(trace.power_instant[i].begin - trace.power_instant[i - 1].begin, Recorder::Rates().power);
  for (std::size_t i = 1; i < trace.energy.size(); ++i)
    EXPECT_EQ(trace.energy[i].begin - trace.energy[i - 1].begin, Recorder::Rates().energy);
  EXPECT_EQ(trace.energy.front().end - trace.energy.front().begin, from_seconds(gpu.spec().sensor.energy.call_s));
  EXPECT_EQ(trace.missed + trace.dropped + trace.failed + trace.bad, 0U);
  EXPECT_EQ(trace.reads, trace.power_instant.size() + trace.energy.size() + trace.clocks.size() +
                             trace.temperature.size() + 21 /* looks for processes */);
  EXPECT_TRUE(trace.other_processes.empty());
  EXPECT_EQ(trace.cpu_s, 0);
  EXPECT_NEAR(
      trace.driver_s,
      3.8e-3 * static_cast<double>(trace.energy.size()) + 52e-6 * static_cast<double>(trace.power_instant.size()),
      1e-6);
}

TEST(VirtualRecorder, EachValueIsTheSensorsAtTheReadsBegin) {
  sim::SimGpu gpu(card());
  gpu.begin_point({11, 0, {}});
  const auto [trace, begin, end] = record(gpu, [&] {
    gpu.idle(milliseconds(400));
    work(gpu, seconds(2));
    gpu.idle(milliseconds(300));
  });
  for (const auto& read : trace.power_instant) EXPECT_EQ(read.value, gpu.power_inst_at(read.begin).value());
  for (const auto& read : trace.power_average) EXPECT_EQ(read.value, gpu.power_avg_at(read.begin).value());
  for (const auto& read : trace.energy) EXPECT_EQ(read.value, gpu.energy_at(read.begin).value());
}

TEST(VirtualRecorder, CostsTheCardAndTheEngineNothing) {
  const auto run = [](bool recorded) {
    sim::SimGpu gpu(card());
    gpu.begin_point({5, 1, Mhz(1200)});
    const auto recorder = record_in_virtual_time(gpu);
    if (recorded) recorder->start();
    work(gpu, seconds(1));
    gpu.idle(milliseconds(50));
    return std::pair(gpu.now(), gpu.true_joules());
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(VirtualRecorder, SeesClockAndReasonsOfThePassInWhichItReads) {
  sim::SimGpu gpu(card());
  gpu.begin_point({3, 0, Mhz(1005)});
  Nanos busy{};
  const auto [trace, begin, end] = record(gpu, [&] {
    work(gpu, seconds(1));
    busy = gpu.now();
    gpu.idle(milliseconds(500));
  });
  int worked = 0;
  int idle = 0;
  for (const auto& read : trace.clocks) {
    EXPECT_EQ(read.sm_clock, Mhz(1005));
    EXPECT_TRUE(read.throttle_mask & throttle_locked_clocks);
    const bool is_idle = read.throttle_mask & throttle_idle;
    if (read.at > begin && read.at <= busy) worked += is_idle ? 0 : 1;
    // The first look after the work still tells of it.
    if (read.at > busy + milliseconds(20)) idle += is_idle ? 1 : 0;
  }
  EXPECT_GE(worked, 50);
  EXPECT_GE(idle, 23);
}

TEST(VirtualRecorder, ReasonsOfPassesBetweenTwoLooksAreNotLost) {
  // Heavy passes under the power cap, 2 ms each, between idling: most looks fall into none of them.
  sim::SimGpu gpu(card());
  gpu.begin_point({3, 0, {}});
  std::uint64_t truth = 0;
  const auto [trace, begin, end] = record(gpu, [&] {
    for (std::uint32_t i = 0; i < 300; ++i) {
      truth |= gpu.run({.flops = 6e11, .bytes = 7e9, .kernels = 10}, {i, 0}).out.throttle_mask;
      gpu.idle(milliseconds(1));
    }
    gpu.idle(milliseconds(50));
  });
  std::uint64_t seen = 0;
  for (const auto& read : trace.clocks) seen |= read.throttle_mask;
  EXPECT_EQ(seen & ~throttle_idle, truth);
}

TEST(VirtualRecorder, ReadsNothingThatWasNotWished) {
  sim::SimGpu gpu(card());
  gpu.begin_point({1, 0, {}});
  const auto [trace, begin, end] = record(
      gpu, [&] { gpu.idle(seconds(1)); },
      {.power = {}, .energy = milliseconds(50), .clocks = {}, .temperature = {}, .utilization = {}, .processes = {}});
  EXPECT_EQ(trace.reads, trace.energy.size());
  EXPECT_GE(trace.energy.size(), 20U);
  EXPECT_TRUE(trace.power_instant.empty() && trace.clocks.empty() && trace.temperature.empty());
}

TEST(VirtualRecorder, StretchesWhatIsDearToRead) {
  auto spec = card();
  spec.sensor.energy.call_s = 0.0107;
  spec.sensor.power_inst.call_s = 0.004;
  sim::SimGpu gpu(spec);
  gpu.begin_point({1, 0, {}});
  const auto [trace, begin, end] = record(gpu, [&] { gpu.idle(seconds(10)); });
  // 10.7 ms are 25 % of 42.8 ms: every second deadline of 23 ms. 4 ms and 26 µs are 14 % of 28.8 ms: every third of 11
  // ms.
  EXPECT_EQ(trace.energy[5].begin - trace.energy[4].begin, milliseconds(46));
  EXPECT_EQ(trace.power_instant[5].begin - trace.power_instant[4].begin, milliseconds(33));
  EXPECT_LT(trace.driver_s, 2 * 0.25 * to_seconds(end - begin));
  EXPECT_EQ(trace.missed, 0U) << "what is left out on purpose is not missed";
}

TEST(VirtualRecorder, BeginsAnew) {
  sim::SimGpu gpu(card());
  gpu.begin_point({1, 0, {}});
  const auto recorder = record_in_virtual_time(gpu);
  EXPECT_FALSE(recorder->stop()) << "nothing was started";
  recorder->start();
  gpu.idle(seconds(5));
  recorder->start();
  const Nanos begin = gpu.now();
  gpu.idle(seconds(1));
  const auto trace = recorder->stop();
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->power_instant.front().begin, begin);
  EXPECT_NEAR(static_cast<double>(trace->power_instant.size()), 91, 1);
  EXPECT_FALSE(recorder->stop());
  gpu.idle(seconds(1));  // nobody watches any more
}

TEST(VirtualRecorder, SameInputsSameTrace) {
  const auto once = [] {
    sim::SimGpu gpu(card());
    gpu.begin_point({9, 2, {}});
    auto trace =
        record(gpu, [&] { work(gpu, seconds(2)); }, {}, {.seed = 4, .lost_share = 0.1, .late = milliseconds(3)}).trace;
    std::vector<double> values;
    for (const auto& read : trace.power_instant) values.insert(values.end(), {to_seconds(read.end), read.value});
    return values;
  };
  EXPECT_EQ(once(), once());
}

}  // namespace
}  // namespace phasewatt::device
