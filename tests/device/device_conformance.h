#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "phasewatt/device/device.h"
#include "phasewatt/device/signals.h"

/// What every device keeps to, whatever it reads. A test program includes this once and instantiates the suite:
///
///   INSTANTIATE_TEST_SUITE_P(Sim, DeviceConformance, testing::Values(DeviceCase{"h200", make_h200}), case_name);
namespace phasewatt::device::test {

/// A device and what it stands on.
struct DeviceHolder {
  virtual ~DeviceHolder() = default;
  virtual Device& device() = 0;
};

struct DeviceCase {
  std::string name;  ///< letters and digits
  std::function<std::unique_ptr<DeviceHolder>()> make;
};

inline std::string case_name(const ::testing::TestParamInfo<DeviceCase>& info) { return info.param.name; }

class DeviceConformance : public ::testing::TestWithParam<DeviceCase> {
 protected:
  void SetUp() override {
    holder_ = GetParam().make();
    ASSERT_NE(holder_, nullptr);
  }
  Device& device() { return holder_->device(); }
  Readings read(const ReadMask& what) {
    auto readings = device().read(what);
    EXPECT_TRUE(readings) << to_string(readings.error());
    return readings ? *readings : Readings{};
  }

  static constexpr ReadMask kAll{true, true, true, true, true, true, true, true};

 private:
  std::unique_ptr<DeviceHolder> holder_;
};

TEST_P(DeviceConformance, SaysWhatItIs) {
  const auto& info = device().info();
  EXPECT_FALSE(info.id.empty());
  EXPECT_FALSE(info.name.empty());
  EXPECT_NE(info.readable, ReadMask{}) << "a device that reads nothing is none";
  if (info.simulated) {
    EXPECT_NE(info.name.find("SIMULATED"), std::string::npos);
  }
  if (info.power_cap) {
    EXPECT_GT(*info.power_cap, Watts(0));
  }
  if (info.memory_bytes) {
    EXPECT_GT(*info.memory_bytes, 0);
  }
}

TEST_P(DeviceConformance, ListsClocksAscending) {
  const auto& clocks = device().info().supported_clocks;
  EXPECT_EQ(std::adjacent_find(clocks.begin(), clocks.end(), std::greater_equal<>()), clocks.end());
  for (const Mhz clock : clocks) EXPECT_GT(clock, Mhz(0));
}

TEST_P(DeviceConformance, ReadsNothingThatWasNotAsked) {
  const auto nothing = read({});
  for (const auto& signal : signals()) EXPECT_FALSE(signal.value(nothing)) << signal.name;
  EXPECT_GT(nothing.at, Nanos(-1));
}

TEST_P(DeviceConformance, ReadsEachSignalAloneExactlyWhenItIsReadable) {
  for (const auto& wanted : signals()) {
    ReadMask one;
    one.*wanted.flag = true;
    const auto readings = read(one);
    // The memory clock may be missing beside the SM clock.
    if (wanted.name != "memory_clock") {
      EXPECT_EQ(wanted.value(readings).has_value(), device().info().readable.*wanted.flag) << wanted.name;
    }
    for (const auto& other : signals()) {
      if (other.flag == wanted.flag) continue;
      EXPECT_FALSE(other.value(readings)) << other.name << " while asking for " << wanted.name;
    }
  }
}

TEST_P(DeviceConformance, ReadsAllTogether) {
  const auto all = read(kAll);
  for (const auto& signal : signals()) {
    if (signal.name == "memory_clock") continue;
    EXPECT_EQ(signal.value(all).has_value(), device().info().readable.*signal.flag) << signal.name;
  }
}

TEST_P(DeviceConformance, ReadsInItsUnits) {
  const auto all = read(kAll);
  for (const auto power : {all.power_instant, all.power_average}) {
    if (!power) continue;
    EXPECT_GT(*power, Watts(0.1));
    EXPECT_LT(*power, Watts(3000));
  }
  for (const auto clock : {all.sm_clock, all.memory_clock}) {
    if (!clock) continue;
    EXPECT_GT(*clock, Mhz(50));
    EXPECT_LT(*clock, Mhz(30000));
  }
  if (all.temperature) {
    EXPECT_GT(*all.temperature, Celsius(0));
    EXPECT_LT(*all.temperature, Celsius(120));
  }
  for (const auto share : {all.gpu_utilization, all.memory_utilization}) {
    if (!share) continue;
    EXPECT_GE(*share, 0);
    EXPECT_LE(*share, 1);
  }
}

TEST_P(DeviceConformance, TimeAndEnergyOnlyGrow) {
  auto before = read(kAll);
  const Nanos begin = before.at;
  for (int i = 0; i < 3; ++i) {
    device().wait(std::chrono::milliseconds(100));
    const auto after = read(kAll);
    EXPECT_GE(after.at - before.at, std::chrono::milliseconds(100));
    if (before.energy) {
      ASSERT_TRUE(after.energy);
      EXPECT_GE(*after.energy, *before.energy);
    }
    before = after;
  }
  EXPECT_GE(before.at - begin, std::chrono::milliseconds(300));
}

TEST_P(DeviceConformance, WaitingForNothingReturns) {
  device().wait(Nanos(0));
  device().wait(Nanos(-1));
}

}  // namespace phasewatt::device::test
