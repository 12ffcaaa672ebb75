// Every entry point, as a client in this process meets it.
#include <algorithm>
#include <array>
#include <string>
#include <thread>

#include "tests/nvml_sim/support.h"

namespace phasewatt::device::nvml::test {
namespace {

TEST_F(NvmlSim, ExportsBothNamesOfEveryEntryPoint) {
#define PHASEWATT_CHECK(need, member, result, parameters, newest, older) \
  EXPECT_NE(dlsym(library(), #newest), nullptr) << #newest;              \
  EXPECT_NE(dlsym(library(), #older), nullptr) << #older;
  PHASEWATT_NVML_READ(PHASEWATT_CHECK)
  PHASEWATT_NVML_WRITE(PHASEWATT_CHECK)
#undef PHASEWATT_CHECK
  // Nothing of the rooms inside is visible, and what is not simulated is absent.
  EXPECT_EQ(dlsym(library(), "nvmlDeviceGetNvLinkState"), nullptr);
  EXPECT_EQ(dlsym(library(), "_ZN9phasewatt3sim8find_gpuERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"),
            nullptr);
}

// Without one of these nvtop 3 shows no NVIDIA card at all; pynvml wants nvmlInitWithFlags.
TEST_F(NvmlSim, ExportsWhatOtherClientsInsistOn) {
  for (const char* name : {"nvmlInit_v2",
                           "nvmlInitWithFlags",
                           "nvmlShutdown",
                           "nvmlDeviceGetCount_v2",
                           "nvmlDeviceGetHandleByIndex_v2",
                           "nvmlErrorString",
                           "nvmlDeviceGetName",
                           "nvmlDeviceGetPciInfo_v3",
                           "nvmlDeviceGetMaxPcieLinkGeneration",
                           "nvmlDeviceGetMaxPcieLinkWidth",
                           "nvmlDeviceGetTemperatureThreshold",
                           "nvmlDeviceGetClockInfo",
                           "nvmlDeviceGetMaxClockInfo",
                           "nvmlDeviceGetUtilizationRates",
                           "nvmlDeviceGetMemoryInfo",
                           "nvmlDeviceGetCurrPcieLinkGeneration",
                           "nvmlDeviceGetCurrPcieLinkWidth",
                           "nvmlDeviceGetPcieThroughput",
                           "nvmlDeviceGetFanSpeed",
                           "nvmlDeviceGetTemperature",
                           "nvmlDeviceGetPowerUsage",
                           "nvmlDeviceGetEnforcedPowerLimit",
                           "nvmlDeviceGetEncoderUtilization",
                           "nvmlDeviceGetDecoderUtilization",
                           "nvmlDeviceGetGraphicsRunningProcesses",
                           "nvmlDeviceGetComputeRunningProcesses"})
    EXPECT_NE(dlsym(library(), name), nullptr) << name;
}

TEST_F(NvmlSim, WantsInitialisationAndCountsIt) {
  unsigned int count = 0;
  EXPECT_EQ(api().device_count(&count), NVML_ERROR_UNINITIALIZED);
  EXPECT_EQ(api().shutdown(), NVML_ERROR_UNINITIALIZED);
  begin(kAny);
  EXPECT_EQ(api().init(), NVML_SUCCESS);
  EXPECT_EQ(api().shutdown(), NVML_SUCCESS);
  EXPECT_EQ(api().device_count(&count), NVML_SUCCESS);
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(api().shutdown(), NVML_SUCCESS);
  unsigned int milliwatts = 0;
  EXPECT_EQ(api().power_usage(gpu_, &milliwatts), NVML_ERROR_UNINITIALIZED);
}

TEST_F(NvmlSim, SaysWhoItIs) {
  begin(
      "driver_version = \"570.1\"\ncuda_version = 12080\n[[gpu]]\n[[gpu]]\nspec = "
      "\"rtx-pro-6000-blackwell-ws\"\npci_bus = 0xab\n");
  std::array<char, 96> text{};
  EXPECT_EQ(api().system_driver_version(text.data(), 80), NVML_SUCCESS);
  EXPECT_STREQ(text.data(), "570.1");
  EXPECT_EQ(api().system_nvml_version(text.data(), 80), NVML_SUCCESS);
  EXPECT_STREQ(text.data(), "12.570.1");
  EXPECT_EQ(api().system_driver_version(text.data(), 5), NVML_ERROR_INSUFFICIENT_SIZE);
  int cuda = 0;
  EXPECT_EQ(api().system_cuda_driver_version(&cuda), NVML_SUCCESS);
  EXPECT_EQ(cuda, 12080);
  EXPECT_EQ(api().name(gpu_, text.data(), 96), NVML_SUCCESS);
  EXPECT_NE(std::string(text.data()).find("SIMULATED"), std::string::npos);

  nvmlDevice_t second = nullptr;
  ASSERT_EQ(api().device_by_index(1, &second), NVML_SUCCESS);
  EXPECT_EQ(api().device_by_index(2, &second), NVML_ERROR_INVALID_ARGUMENT);
  nvmlPciInfo_t pci{};
  EXPECT_EQ(api().pci_info(second, &pci), NVML_SUCCESS);
  EXPECT_STREQ(pci.busId, "00000000:AB:00.0");
  EXPECT_STREQ(pci.busIdLegacy, "0000:AB:00.0");
  EXPECT_EQ(pci.bus, 0xabu);
  EXPECT_EQ(pci.pciDeviceId & 0xffff, 0x10deu);
  for (const char* place : {"00000000:AB:00.0", "0000:ab:00.0", "ab:00.0"}) {
    nvmlDevice_t found = nullptr;
    EXPECT_EQ(api().device_by_pci_bus_id(place, &found), NVML_SUCCESS) << place;
    EXPECT_EQ(found, second) << place;
  }
  EXPECT_EQ(api().uuid(second, text.data(), 96), NVML_SUCCESS);
  nvmlDevice_t found = nullptr;
  EXPECT_EQ(api().device_by_uuid(text.data(), &found), NVML_SUCCESS);
  EXPECT_EQ(found, second);
  EXPECT_EQ(api().device_by_uuid("GPU-none", &found), NVML_ERROR_NOT_FOUND);
  EXPECT_EQ(api().device_by_pci_bus_id("00000000:AC:00.0", &found), NVML_ERROR_NOT_FOUND);
  unsigned int index = 7;
  EXPECT_EQ(api().index(second, &index), NVML_SUCCESS);
  EXPECT_EQ(index, 1u);
  unsigned int architecture = 0;
  EXPECT_EQ(api().architecture(gpu_, &architecture), NVML_SUCCESS);
  EXPECT_EQ(architecture, NVML_DEVICE_ARCH_HOPPER);
  int major = 0;
  int minor = 0;
  EXPECT_EQ(api().cuda_capability(gpu_, &major, &minor), NVML_SUCCESS);
  EXPECT_EQ(major * 10 + minor, 90);
  EXPECT_STREQ(api().error_string(NVML_ERROR_GPU_IS_LOST), "GPU is lost");
  EXPECT_STREQ(api().error_string(NVML_ERROR_UNKNOWN), "Unknown Error");
}

TEST_F(NvmlSim, ReadsAnIdleCard) {
  begin(kAny);
  unsigned int value = 0;
  EXPECT_EQ(api().power_usage(gpu_, &value), NVML_SUCCESS);
  EXPECT_NEAR(value, 84'000, 1'000);
  unsigned long long millijoules = 0;
  EXPECT_EQ(api().total_energy(gpu_, &millijoules), NVML_SUCCESS);
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 345u);
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_MEM, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 3201u);
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_VIDEO, &value), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().max_clock_info(gpu_, NVML_CLOCK_GRAPHICS, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 1980u);
  EXPECT_EQ(api().temperature(gpu_, NVML_TEMPERATURE_GPU, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 35u);
  EXPECT_EQ(api().temperature_threshold(gpu_, NVML_TEMPERATURE_THRESHOLD_SHUTDOWN, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 95u);
  nvmlUtilization_t utilization{9, 9};
  EXPECT_EQ(api().utilization(gpu_, &utilization), NVML_SUCCESS);
  EXPECT_EQ(utilization.gpu + utilization.memory, 0u);
  nvmlMemory_t memory{};
  EXPECT_EQ(api().memory_info(gpu_, &memory), NVML_SUCCESS);
  EXPECT_EQ(memory.total, 150754820096ull);
  EXPECT_EQ(memory.free + memory.used, memory.total);
  EXPECT_EQ(api().power_limit(gpu_, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 700'000u);
  EXPECT_EQ(api().default_power_limit(gpu_, &value), NVML_SUCCESS);
  EXPECT_EQ(api().enforced_power_limit(gpu_, &value), NVML_SUCCESS);
  unsigned int most = 0;
  EXPECT_EQ(api().power_limit_range(gpu_, &value, &most), NVML_SUCCESS);
  EXPECT_EQ(value, 200'000u);
  EXPECT_EQ(most, 700'000u);
  unsigned long long reasons = 0;
  EXPECT_EQ(api().clocks_event_reasons(gpu_, &reasons), NVML_SUCCESS);
  EXPECT_EQ(reasons, nvmlClocksEventReasonGpuIdle);
  EXPECT_EQ(api().supported_clocks_event_reasons(gpu_, &reasons), NVML_SUCCESS);
  EXPECT_NE(reasons & nvmlClocksEventReasonSwPowerCap, 0u);
  nvmlPstates_t pstate{};
  EXPECT_EQ(api().performance_state(gpu_, &pstate), NVML_SUCCESS);
  unsigned int pending = 9;
  EXPECT_EQ(api().mig_mode(gpu_, &value, &pending), NVML_SUCCESS);
  EXPECT_EQ(value + pending, 0u);
  nvmlGpuVirtualizationMode_t virtualization{};
  EXPECT_EQ(api().virtualization_mode(gpu_, &virtualization), NVML_SUCCESS);
  EXPECT_EQ(virtualization, NVML_GPU_VIRTUALIZATION_MODE_NONE);
  nvmlEnableState_t persistence{};
  EXPECT_EQ(api().persistence_mode(gpu_, &persistence), NVML_SUCCESS);
  EXPECT_EQ(persistence, NVML_FEATURE_ENABLED);
  nvmlComputeMode_t compute{};
  EXPECT_EQ(api().compute_mode(gpu_, &compute), NVML_SUCCESS);
  EXPECT_EQ(compute, NVML_COMPUTEMODE_DEFAULT);
  std::array<char, 256> name{};
  EXPECT_EQ(api().system_process_name(static_cast<unsigned int>(getpid()), name.data(), name.size()), NVML_SUCCESS);
  EXPECT_NE(std::string(name.data()).find("test_nvml_sim"), std::string::npos);
}

TEST_F(NvmlSim, FieldsHaveEachTheirOwnResult) {
  begin(kAny);
  std::array<nvmlFieldValue_t, 5> fields{};
  fields[0].fieldId = NVML_FI_DEV_POWER_INSTANT;
  fields[1].fieldId = NVML_FI_DEV_POWER_AVERAGE;
  fields[2].fieldId = NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION;
  fields[3].fieldId = NVML_FI_DEV_MEMORY_TEMP;
  fields[4].fieldId = NVML_FI_DEV_POWER_INSTANT;
  fields[4].scopeId = NVML_POWER_SCOPE_MODULE;
  ASSERT_EQ(api().field_values(gpu_, 5, fields.data()), NVML_SUCCESS);
  EXPECT_EQ(fields[0].nvmlReturn, NVML_SUCCESS);
  EXPECT_EQ(fields[0].valueType, NVML_VALUE_TYPE_UNSIGNED_INT);
  EXPECT_NEAR(fields[0].value.uiVal, 84'000, 1'000);
  EXPECT_EQ(fields[1].nvmlReturn, NVML_SUCCESS);
  EXPECT_EQ(fields[2].nvmlReturn, NVML_SUCCESS);
  EXPECT_EQ(fields[2].valueType, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG);
  EXPECT_GT(fields[2].timestamp, 1'600'000'000'000'000);
  EXPECT_EQ(fields[3].nvmlReturn, NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(fields[4].nvmlReturn, NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().field_values(gpu_, 0, fields.data()), NVML_ERROR_INVALID_ARGUMENT);
}

TEST_F(NvmlSim, ListsItsClocks) {
  begin(kAny);
  unsigned int count = 0;
  EXPECT_EQ(api().supported_memory_clocks(gpu_, &count, nullptr), NVML_ERROR_INSUFFICIENT_SIZE);
  ASSERT_EQ(count, 1u);
  unsigned int memory = 0;
  EXPECT_EQ(api().supported_memory_clocks(gpu_, &count, &memory), NVML_SUCCESS);
  count = 0;
  EXPECT_EQ(api().supported_graphics_clocks(gpu_, memory, &count, nullptr), NVML_ERROR_INSUFFICIENT_SIZE);
  ASSERT_EQ(count, 110u);
  std::vector<unsigned int> clocks(count);
  EXPECT_EQ(api().supported_graphics_clocks(gpu_, memory, &count, clocks.data()), NVML_SUCCESS);
  EXPECT_EQ(clocks.front(), 1980u);
  EXPECT_EQ(clocks.back(), 345u);
  EXPECT_TRUE(std::is_sorted(clocks.rbegin(), clocks.rend()));
  EXPECT_EQ(api().supported_graphics_clocks(gpu_, memory + 1, &count, clocks.data()), NVML_ERROR_NOT_FOUND);
}

TEST_F(NvmlSim, RefusesNullAndForeignHandles) {
  begin(kAny);
  unsigned int value = 0;
  EXPECT_EQ(api().power_usage(nullptr, &value), NVML_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(api().power_usage(gpu_, nullptr), NVML_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(api().power_usage(reinterpret_cast<nvmlDevice_t>(&value), &value), NVML_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 600), NVML_ERROR_INVALID_ARGUMENT);
}

TEST_F(NvmlSim, LocksSnapAndResetClears) {
  begin(kAny);
  ASSERT_EQ(api().set_locked_clocks(gpu_, 907, 1201), NVML_SUCCESS);
  EXPECT_EQ(truth()->asked.least, 900);
  EXPECT_EQ(truth()->asked.most, 1200);
  EXPECT_EQ(truth()->asked_by, getpid());
  ASSERT_EQ(api().set_locked_clocks(gpu_, NVML_CLOCK_LIMIT_ID_TDP, NVML_CLOCK_LIMIT_ID_UNLIMITED), NVML_SUCCESS);
  EXPECT_EQ(truth()->asked.least, 1830);
  EXPECT_EQ(truth()->asked.most, 1980);
  ASSERT_EQ(api().reset_locked_clocks(gpu_), NVML_SUCCESS);
  EXPECT_EQ(truth()->asked.most, 0);
  const auto now = truth();
  ASSERT_GE(now->lock_changes, 3u);
  EXPECT_EQ(now->lock_log[0].pid, getpid());
}

TEST_F(NvmlSim, OtherClientsFunctionsAnswer) {
  begin(kAny);
  unsigned int value = 0;
  nvmlMemory_v2_t memory{};
  const auto memory_v2 = function<nvmlReturn_t (*)(nvmlDevice_t, nvmlMemory_v2_t*)>("nvmlDeviceGetMemoryInfo_v2");
  EXPECT_EQ(memory_v2(gpu_, &memory), NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  memory.version = nvmlMemory_v2;
  EXPECT_EQ(memory_v2(gpu_, &memory), NVML_SUCCESS);
  EXPECT_EQ(memory.reserved + memory.free + memory.used, memory.total);
  nvmlTemperature_v1_t temperature{nvmlTemperature_v1, NVML_TEMPERATURE_GPU, 0};
  EXPECT_EQ(
      function<nvmlReturn_t (*)(nvmlDevice_t, nvmlTemperature_v1_t*)>("nvmlDeviceGetTemperatureV")(gpu_, &temperature),
      NVML_SUCCESS);
  EXPECT_EQ(temperature.temperature, 35);
  nvmlPciInfo_v2_t pci{};
  EXPECT_EQ(function<nvmlReturn_t (*)(nvmlDevice_t, nvmlPciInfo_v2_t*)>("nvmlDeviceGetPciInfo_v2")(gpu_, &pci),
            NVML_SUCCESS);
  EXPECT_STREQ(pci.busId, "0000:10:00.0");
  using OneNumber = nvmlReturn_t (*)(nvmlDevice_t, unsigned int*);
  EXPECT_EQ(function<OneNumber>("nvmlDeviceGetFanSpeed")(gpu_, &value), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(function<OneNumber>("nvmlDeviceGetMinorNumber")(gpu_, &value), NVML_SUCCESS);
  using Clock = nvmlReturn_t (*)(nvmlDevice_t, nvmlClockType_t, nvmlClockId_t, unsigned int*);
  EXPECT_EQ(function<Clock>("nvmlDeviceGetClock")(gpu_, NVML_CLOCK_SM, NVML_CLOCK_ID_CURRENT, &value), NVML_SUCCESS);
  EXPECT_EQ(value, 345u);
  value = 9;
  EXPECT_EQ(function<nvmlReturn_t (*)(nvmlDevice_t, unsigned int*, nvmlProcessInfo_t*)>(
                "nvmlDeviceGetGraphicsRunningProcesses_v3")(gpu_, &value, nullptr),
            NVML_SUCCESS);
  EXPECT_EQ(value, 0u);
}

TEST_F(NvmlSim, ThreadsMayCallAtOnce) {
  begin(kAny);
  std::vector<std::thread> threads;
  for (unsigned int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (unsigned int i = 0; i < 25; ++i) {
        unsigned int value = 0;
        EXPECT_EQ(api().init(), NVML_SUCCESS);
        EXPECT_EQ(api().power_usage(gpu_, &value), NVML_SUCCESS);
        EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &value), NVML_SUCCESS);
        if (i % 10 == t) {
          EXPECT_EQ(api().set_locked_clocks(gpu_, 600 + t * 15, 600 + t * 15), NVML_SUCCESS);
        }
        EXPECT_EQ(api().shutdown(), NVML_SUCCESS);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GE(truth()->lock_changes, 4u);
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
