#include "phasewatt/device/sim/sim_device.h"

#include <gtest/gtest.h>

#include "phasewatt/sim/spec_files.h"

namespace phasewatt::device {
namespace {

sim::GpuSpec card() { return sim::find_gpu("rtx-pro-6000-blackwell-ws").value(); }

TEST(SimDevice, SaysWhatItIs) {
  sim::SimGpu gpu(card());
  const SimDevice device(gpu);
  EXPECT_EQ(device.info().id, "sim:rtx-pro-6000-blackwell-ws");
  EXPECT_NE(device.info().name.find("SIMULATED"), std::string::npos);
  EXPECT_TRUE(device.info().simulated);
  EXPECT_TRUE(device.info().driver.empty());
  EXPECT_EQ(device.info().spec_hash.size(), 64U);
  EXPECT_EQ(device.info().supported_clocks, gpu.supported_clocks());
  EXPECT_EQ(device.info().power_cap, Watts(600));
}

TEST(SimDevice, ReadsWhatIsAskedAndPaysForIt) {
  sim::SimGpu gpu(card());
  SimDevice device(gpu);
  const Nanos begin = gpu.now();
  const auto nothing = device.read({}).value();
  EXPECT_EQ(nothing.at, begin);
  EXPECT_FALSE(nothing.power_instant || nothing.power_average || nothing.energy || nothing.sm_clock ||
               nothing.memory_clock || nothing.temperature || nothing.throttle_mask);

  const auto all = device.read({true, true, true, true, true, true}).value();
  EXPECT_TRUE(all.power_instant && all.power_average && all.energy && all.sm_clock && all.memory_clock &&
              all.temperature && all.throttle_mask);
  EXPECT_EQ(all.at - begin, std::chrono::microseconds(26 + 26 + 3800));
  EXPECT_EQ(all.throttle_mask, throttle_idle);
  EXPECT_EQ(all.sm_clock, Mhz(3090));
}

TEST(SimDevice, WaitingMovesTime) {
  sim::SimGpu gpu(card());
  SimDevice device(gpu);
  const Nanos begin = gpu.now();
  device.wait(std::chrono::seconds(3));
  EXPECT_EQ(gpu.now() - begin, std::chrono::seconds(3));
  device.wait(Nanos(-5));
  EXPECT_EQ(gpu.now() - begin, std::chrono::seconds(3));
}

TEST(SimDevice, SeesTheClockAndTheReasonsOfTheWorkBeforeTheRead) {
  sim::SimGpu gpu(card());
  SimDevice device(gpu);
  gpu.begin_point({1, 0, Mhz(960)});
  gpu.run({.bytes = 1e10, .kernels = 400}, {});
  const auto seen = device.read({.energy = true, .clocks = true, .throttle = true}).value();
  EXPECT_EQ(seen.sm_clock, Mhz(960));
  EXPECT_EQ(seen.throttle_mask, throttle_locked_clocks);
}

TEST(SimClockControl, LocksAndGivesBack) {
  sim::SimGpu gpu(card());
  SimDevice device(gpu);
  const auto clock = [&] {
    device.wait(std::chrono::seconds(1));
    return device.read({.clocks = true}).value().sm_clock;
  };
  {
    SimClockControl control(gpu);
    EXPECT_EQ(control.lock(Mhz(963.4)).value(), Mhz(960));
    EXPECT_EQ(clock(), Mhz(960));
    EXPECT_TRUE(control.reset());
    EXPECT_TRUE(control.reset());
    EXPECT_EQ(clock(), Mhz(3090));
    ASSERT_TRUE(control.lock(Mhz(180)));
    EXPECT_EQ(clock(), Mhz(180));
  }
  EXPECT_EQ(clock(), Mhz(3090)) << "given back on destruction";
}

}  // namespace
}  // namespace phasewatt::device
