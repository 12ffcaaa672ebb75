#include "phasewatt/device/nvml/nvml_device.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "phasewatt/sim/live/claim.h"
#include "tests/nvml/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using sim::live::EventKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using NvmlDeviceTest = NvmlOnSim;

TEST_F(NvmlDeviceTest, SaysWhatItIs) {
  open(kAny);
  const auto gpu = device();
  const auto& info = gpu->info();
  EXPECT_EQ(info.id, rig_->config().gpus[0].uuid);
  EXPECT_THAT(info.name, HasSubstr("SIMULATED"));
  EXPECT_EQ(info.driver, "580.65.06");
  EXPECT_TRUE(info.simulated);
  EXPECT_EQ(info.supported_clocks.size(), 110U);
  EXPECT_EQ(info.supported_clocks.front(), Mhz(345));
  EXPECT_EQ(info.supported_clocks.back(), Mhz(1980));
  EXPECT_EQ(info.power_cap, Watts(700));
  EXPECT_EQ(info.memory_bytes, rig_->config().gpus[0].spec.silicon.mem_bytes);
  EXPECT_EQ(info.readable, kAll);
  EXPECT_EQ(gpu->power_instant_source(), PowerSource::field);
  EXPECT_EQ(gpu->power_average_source(), PowerSource::field);
}

TEST_F(NvmlDeviceTest, ReadsWhatTheCardDoes) {
  open(kAny);
  const auto gpu = device();
  auto claim = sim::live::GpuClaim::take(rig_, 0, 1e9).value();
  ASSERT_TRUE(claim.draw(Watts(400), std::chrono::seconds(5)));
  gpu->wait(std::chrono::milliseconds(400));
  const auto all = gpu->read(kAll).value();
  const auto clock = gpu->read({.energy = true, .clocks = true}).value();
  // The sensor refreshes every 100 ms, so what it shows is all of the load.
  EXPECT_NEAR(all.power_instant->value(), 400, 40);
  EXPECT_LT(*all.power_average, *all.power_instant) << "the average still remembers the idle card";
  EXPECT_EQ(all.memory_clock, Mhz(3201));
  EXPECT_GT(*all.sm_clock, Mhz(1000));
  EXPECT_GE(*clock.energy, *all.energy);
  EXPECT_EQ(*all.throttle_mask & throttle_idle, 0U);
  EXPECT_GT(*all.gpu_utilization, 0);
}

TEST_F(NvmlDeviceTest, EachUnsupportedReadingIsAbsentAndTheOthersStay) {
  struct Lack {
    const char* feature;
    ReadMask absent;
  };
  const std::vector<Lack> table{
      {"power_instant", {.power_instant = true}},
      {"energy", {.energy = true}},
      {"clocks", {.clocks = true}},
      {"temperature", {.temperature = true}},
      {"throttle", {.throttle = true}},
      {"utilization", {.utilization = true}},
      {"processes", {.processes = true}},
      {"power_average", {.power_average = true}},
  };
  std::string config;
  for (const auto& row : table) config += std::string("[[gpu]]\nunsupported = [\"") + row.feature + "\"]\n";
  open(config);
  for (std::size_t i = 0; i < table.size(); ++i) {
    const auto gpu = device(i);
    for (const auto flag : {&ReadMask::power_instant, &ReadMask::power_average, &ReadMask::energy, &ReadMask::clocks,
                            &ReadMask::temperature, &ReadMask::throttle, &ReadMask::utilization, &ReadMask::processes})
      EXPECT_EQ(gpu->info().readable.*flag, !(table[i].absent.*flag)) << table[i].feature;
  }
}

TEST_F(NvmlDeviceTest, WhatACardLacksIsNotAskedAgain) {
  open("[[gpu]]\nunsupported = [\"energy\"]\n");
  static int calls = 0;
  calls = 0;
  const auto gpu = device(with([](NvmlFunctions& f) {
    f.total_energy = [](nvmlDevice_t, unsigned long long*) {
      ++calls;
      return NVML_ERROR_NOT_SUPPORTED;
    };
  }));
  EXPECT_EQ(calls, 1);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(gpu->read(kAll).value().energy);
  EXPECT_EQ(calls, 1);
}

/// Without field values nvmlDeviceGetPowerUsage is what there is; what it means depends on the architecture.
template <int major, int minor>
nvmlReturn_t capability(nvmlDevice_t, int* out_major, int* out_minor) {
  *out_major = major;
  *out_minor = minor;
  return NVML_SUCCESS;
}

TEST_F(NvmlDeviceTest, PowerUsageIsTakenForWhatItIsOnEachArchitecture) {
  open(kAny);
  struct Row {
    decltype(NvmlFunctions::cuda_capability) capability;
    PowerSource instant;
    PowerSource average;
  };
  const std::vector<Row> table{
      {capability<7, 0>, PowerSource::usage, PowerSource::none},  // Volta
      {capability<7, 5>, PowerSource::usage, PowerSource::none},  // Turing
      {capability<8, 0>, PowerSource::usage, PowerSource::none},  // GA100
      {capability<8, 6>, PowerSource::none, PowerSource::usage},  // Ampere
      {capability<8, 9>, PowerSource::none, PowerSource::usage},  // Ada
      {capability<9, 0>, PowerSource::none, PowerSource::usage},  // Hopper
      {nullptr, PowerSource::none, PowerSource::usage},           // unknown: the careful reading
  };
  for (const auto& row : table) {
    const auto gpu = device(with([&](NvmlFunctions& f) {
      f.field_values = nullptr;
      f.cuda_capability = row.capability;
    }));
    EXPECT_EQ(gpu->power_instant_source(), row.instant);
    EXPECT_EQ(gpu->power_average_source(), row.average);
    const auto all = gpu->read(kAll).value();
    EXPECT_EQ(all.power_instant.has_value(), row.instant != PowerSource::none);
    EXPECT_EQ(all.power_average.has_value(), row.average != PowerSource::none);
  }
}

TEST_F(NvmlDeviceTest, AFieldThatFailsFallsBackAlone) {
  open(kAny);
  const auto gpu = device(with([](NvmlFunctions& f) {
    f.field_values = [](nvmlDevice_t, int count, nvmlFieldValue_t* values) {
      for (int i = 0; i < count; ++i) {
        values[i].nvmlReturn = values[i].fieldId == NVML_FI_DEV_POWER_INSTANT ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
        values[i].valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        values[i].value.ullVal = 123456;
      }
      return NVML_SUCCESS;
    };
  }));
  EXPECT_EQ(gpu->power_instant_source(), PowerSource::field);
  EXPECT_EQ(gpu->power_average_source(), PowerSource::usage);
  const auto both = gpu->read({.power_instant = true, .power_average = true}).value();
  EXPECT_EQ(both.power_instant, Watts(123.456));
  EXPECT_TRUE(both.power_average);
  EXPECT_FALSE(gpu->read({.power_instant = true}).value().power_average);
}

TEST_F(NvmlDeviceTest, ALostCardIsAnErrorUntilItComesBack) {
  open(kAny);
  const auto gpu = device();
  inject({.kind = EventKind::gpu_lost});
  for (const auto& what : {kAll, ReadMask{.power_instant = true}, ReadMask{.energy = true}}) {
    const auto lost = gpu->read(what);
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::io);
    EXPECT_THAT(lost.error().what, HasSubstr("GPU 0: the GPU is lost"));
    EXPECT_THAT(lost.error().hint, HasSubstr("dmesg"));
  }
  ASSERT_TRUE(rig_->clear(0, std::nullopt));
  EXPECT_TRUE(gpu->read(kAll));
}

TEST_F(NvmlDeviceTest, AReadingThatFailsForTheMomentIsAbsentForTheMoment) {
  open(kAny);
  static bool failing = false;
  const auto gpu = device(with([](NvmlFunctions& f) {
    f.temperature = [](nvmlDevice_t, nvmlTemperatureSensors_t, unsigned int* celsius) {
      *celsius = 50;
      return failing ? NVML_ERROR_TIMEOUT : NVML_SUCCESS;
    };
  }));
  failing = true;
  EXPECT_FALSE(gpu->read(kAll).value().temperature);
  failing = false;
  EXPECT_EQ(gpu->read(kAll).value().temperature, Celsius(50));
}

TEST_F(NvmlDeviceTest, OtherProcessesAreSeenAndOurOwnIsNot) {
  open(kAny);
  const auto gpu = device();
  const auto ours = sim::live::GpuClaim::take(rig_, 0, 1e9).value();
  EXPECT_THAT(*gpu->read({.processes = true}).value().other_processes, ElementsAre());
  inject({.kind = EventKind::foreign_process, .pid = 4242});
  EXPECT_THAT(*gpu->read({.processes = true}).value().other_processes, ElementsAre(4242));
}

TEST_F(NvmlDeviceTest, ALongListOfProcessesIsReadWhole) {
  open(kAny);
  const auto gpu = device(with([](NvmlFunctions& f) {
    f.compute_processes = [](nvmlDevice_t, unsigned int* count, nvmlProcessInfo_t* infos) {
      const unsigned int room = *count;
      *count = 100;
      if (room < 100) return NVML_ERROR_INSUFFICIENT_SIZE;
      // A process may hold two contexts. No process has such a number, not even this one.
      for (unsigned int i = 0; i < 100; ++i) infos[i].pid = 5000000 - i / 2;
      return NVML_SUCCESS;
    };
  }));
  const auto pids = *gpu->read({.processes = true}).value().other_processes;
  ASSERT_EQ(pids.size(), 50U);
  EXPECT_EQ(pids.front(), 4999951U);
  EXPECT_EQ(pids.back(), 5000000U);
}

TEST_F(NvmlDeviceTest, AMigCardCanBeLookedAt) {
  open("[[gpu]]\nmig = true\n");
  ASSERT_EQ(gpus_[0].state, GpuCondition::mig);
  const auto gpu = device();
  EXPECT_TRUE(gpu->info().readable.power_instant);
  EXPECT_FALSE(gpu->info().readable.utilization);
}

TEST_F(NvmlDeviceTest, SeveralThreadsReadOneDevice) {
  open(kAny);
  const auto gpu = device();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 10; ++round)
        EXPECT_TRUE(gpu->read({.power_instant = true, .clocks = true, .processes = true}));
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
