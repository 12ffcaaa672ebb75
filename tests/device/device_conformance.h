#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/device.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/device/signals.h"

/// What every device keeps to, whatever it reads. A test program includes this once and instantiates the suite:
///
///   INSTANTIATE_TEST_SUITE_P(Sim, DeviceConformance, testing::Values(DeviceCase{"h200", make_h200}), case_name);
namespace phasewatt::device::test {

/// A device and what it stands on.
struct DeviceHolder {
  virtual ~DeviceHolder() = default;
  virtual Device& device() = 0;
  /// The clock that its reads tell.
  virtual Nanos now() { return monotonic_now(); }
  virtual std::unique_ptr<Recorder> recorder(const Recorder::Rates& rates) {
    return record_in_real_time(device(), rates);
  }
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
  Nanos now() { return holder_->now(); }
  Readings read(const ReadMask& what) {
    auto readings = device().read(what);
    EXPECT_TRUE(readings) << to_string(readings.error());
    return readings ? *readings : Readings{};
  }

  static constexpr ReadMask kAll{true, true, true, true, true, true, true, true};

  /// A recording with at least one read of everything. How long that takes is the machine's business.
  SensorTrace record() {
    const auto recorder = holder_->recorder({.power = std::chrono::milliseconds(2),
                                             .energy = std::chrono::milliseconds(4),
                                             .clocks = std::chrono::milliseconds(4),
                                             .temperature = std::chrono::milliseconds(5),
                                             .utilization = std::chrono::milliseconds(5),
                                             .processes = std::chrono::milliseconds(5)});
    for (Nanos span = std::chrono::milliseconds(40); span < std::chrono::minutes(1); span *= 2) {
      recorder->start();
      device().wait(span);
      auto trace = recorder->stop();
      EXPECT_TRUE(trace) << to_string(trace.error());
      if (!trace || is_complete(*trace)) return trace ? *std::move(trace) : SensorTrace{};
    }
    ADD_FAILURE() << "no complete recording";
    return {};
  }

  bool is_complete(const SensorTrace& trace) {
    const ReadMask& has = device().info().readable;
    const auto there = [](bool readable, const auto& reads) { return !readable || reads.size() >= 2; };
    return there(has.power_instant, trace.power_instant) && there(has.power_average, trace.power_average) &&
           there(has.energy, trace.energy) && there(has.clocks || has.throttle, trace.clocks) &&
           there(has.temperature, trace.temperature) && there(has.utilization, trace.utilization);
  }

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

// What the recorder relies on, and what it makes of it.

TEST_P(DeviceConformance, SaysWhenItsReadWasOver) {
  for (const auto& signal : signals()) {
    ReadMask one;
    one.*signal.flag = true;
    const Nanos begin = now();
    const auto readings = read(one);
    EXPECT_GE(readings.at, begin) << signal.name;
    EXPECT_LE(readings.at, now()) << signal.name;
  }
}

TEST_P(DeviceConformance, IsRecordedInOrderOfTime) {
  const Nanos before = now();
  const auto trace = record();
  const Nanos after = now();
  for (const auto* reads :
       {&trace.power_instant, &trace.power_average, &trace.energy, &trace.temperature, &trace.utilization}) {
    Nanos last = before;
    for (const auto& each : *reads) {
      EXPECT_GE(each.begin, last);
      EXPECT_GE(each.end, each.begin);
      last = each.end;
    }
    EXPECT_LE(last, after);
  }
  Nanos last = before;
  for (const auto& each : trace.clocks) {
    EXPECT_GE(each.at, last);
    last = each.at;
  }
  EXPECT_LE(last, after);
}

TEST_P(DeviceConformance, IsRecordedWithNothingMoreOrLess) {
  const ReadMask& has = device().info().readable;
  const auto trace = record();
  EXPECT_EQ(has.power_instant, !trace.power_instant.empty());
  EXPECT_EQ(has.power_average, !trace.power_average.empty());
  EXPECT_EQ(has.energy, !trace.energy.empty());
  EXPECT_EQ(has.clocks || has.throttle, !trace.clocks.empty());
  EXPECT_EQ(has.temperature, !trace.temperature.empty());
  EXPECT_EQ(has.utilization, !trace.utilization.empty());
  EXPECT_EQ(trace.dropped + trace.failed + trace.bad, 0U);
  const std::uint64_t kept = std::max(trace.power_instant.size(), trace.power_average.size()) + trace.energy.size() +
                             trace.clocks.size() + trace.temperature.size() + trace.utilization.size();
  if (has.processes) {
    EXPECT_GT(trace.reads, kept) << "no look for processes";
  } else {
    EXPECT_EQ(trace.reads, kept);
  }
}

TEST_P(DeviceConformance, IsRecordedWithTheValuesThatItReads) {
  const auto before = read(kAll);
  const auto trace = record();
  const auto after = read(kAll);
  for (const auto& each : trace.energy) {
    EXPECT_GE(each.value, before.energy->value());
    EXPECT_LE(each.value, after.energy->value());
  }
  // Nothing works on it.
  for (const auto& each : trace.clocks)
    EXPECT_TRUE(!each.sm_clock || each.sm_clock == before.sm_clock || each.sm_clock == after.sm_clock);
  for (const auto& each : trace.temperature) EXPECT_NEAR(each.value, before.temperature->value(), 1.5);
  // It may still be settling from what it did before.
  const auto between = [](const std::vector<SensorRead>& reads, std::optional<Watts> first, std::optional<Watts> last) {
    for (const auto& each : reads) {
      EXPECT_GE(each.value, std::min(first->value(), last->value()) - 5);
      EXPECT_LE(each.value, std::max(first->value(), last->value()) + 5);
    }
  };
  between(trace.power_instant, before.power_instant, after.power_instant);
  between(trace.power_average, before.power_average, after.power_average);
  if (after.other_processes) {
    EXPECT_EQ(trace.other_processes, *after.other_processes);
  }
}

}  // namespace phasewatt::device::test
