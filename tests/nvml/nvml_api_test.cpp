#include "phasewatt/device/nvml/nvml_api.h"

#include <algorithm>
#include <functional>
#include <thread>

#include "tests/nvml/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using sim::live::EventKind;

using NvmlApi = NvmlOnSim;

TEST_F(NvmlApi, LoadsTheSimulatedLibraryAndSaysSo) {
  open(kAny);
  EXPECT_TRUE(nvml_->simulated());
  EXPECT_EQ(nvml_->driver_version(), "580.65.06");
  EXPECT_EQ(nvml_->cuda_version(), "13.0");
  EXPECT_EQ(nvml_->nvml_version(), "13.580.65.06");
  EXPECT_TRUE(nvml_->missing().empty());
}

TEST_F(NvmlApi, LibraryThatIsNotThere) {
  const auto opened = Nvml::open("libno-such-nvml.so.1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::not_found);
  EXPECT_NE(opened.error().what.find("libno-such-nvml.so.1"), std::string::npos);
  EXPECT_NE(opened.error().hint.find("install the NVIDIA driver"), std::string::npos);
}

TEST_F(NvmlApi, LibraryThatIsNoLibrary) {
  std::ofstream(folder_ / "text.so") << "no library";
  const auto opened = Nvml::open((folder_ / "text.so").string());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::not_found);
}

TEST_F(NvmlApi, RequiredFunctionMissing) {
  const auto opened = Nvml::open(NVML_TOO_SMALL);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().what.find("it lacks nvmlDeviceGetUUID"), std::string::npos) << opened.error().what;
}

TEST_F(NvmlApi, RequiredFunctionsAloneByTheirOldNamesWillDo) {
  auto opened = Nvml::open(NVML_REQUIRED_ONLY);
  ASSERT_TRUE(opened) << to_string(opened.error());
  EXPECT_FALSE((*opened)->simulated());
  EXPECT_FALSE((*opened)->driver_version() || (*opened)->cuda_version() || (*opened)->nvml_version());
  const auto missing = (*opened)->missing();
  EXPECT_NE(std::find(missing.begin(), missing.end(), "nvmlDeviceGetTotalEnergyConsumption"), missing.end());
  EXPECT_EQ(std::find(missing.begin(), missing.end(), "nvmlDeviceGetName"), missing.end());

  const auto gpus = list_gpus(**opened).value();
  ASSERT_EQ(gpus.size(), 1U);
  EXPECT_EQ(gpus[0].uuid, "GPU-00000000-old");
  EXPECT_EQ(gpus[0].state, GpuCondition::usable);
  EXPECT_TRUE(gpus[0].pci_bus_id.empty());
  EXPECT_FALSE(gpus[0].persistence);
  const auto device = NvmlDevice::open(*opened, gpus[0]);
  ASSERT_TRUE(device);
  EXPECT_EQ((*device)->info().readable, ReadMask{});
  EXPECT_TRUE((*device)->info().supported_clocks.empty());
  EXPECT_FALSE((*device)->info().power_cap || (*device)->info().memory_bytes);
  const auto all = (*device)->read(kAll).value();
  EXPECT_FALSE(all.power_instant || all.power_average || all.energy || all.sm_clock || all.temperature ||
               all.throttle_mask || all.gpu_utilization || all.other_processes);
}

TEST_F(NvmlApi, ShutsDownWhatItStarted) {
  void* handle = dlopen(NVML_REQUIRED_ONLY, RTLD_NOW);
  const auto depth = reinterpret_cast<int (*)()>(dlsym(handle, "small_nvml_depth"));
  ASSERT_NE(depth, nullptr);
  const int before = depth();
  {
    const auto first = Nvml::open(NVML_REQUIRED_ONLY).value();
    const auto second = Nvml::open(NVML_REQUIRED_ONLY).value();
    EXPECT_EQ(depth(), before + 2);
  }
  EXPECT_EQ(depth(), before);
}

TEST_F(NvmlApi, TheEnvironmentNamesTheLibrary) {
  setenv("PHASEWATT_NVML_LIBRARY", "/somewhere/libother.so", 1);
  EXPECT_EQ(nvml_library_from_environment(), "/somewhere/libother.so");
  setenv("PHASEWATT_NVML_LIBRARY", "", 1);
  EXPECT_EQ(nvml_library_from_environment(), kNvmlLibrary);
  unsetenv("PHASEWATT_NVML_LIBRARY");
  EXPECT_EQ(nvml_library_from_environment(), kNvmlLibrary);
}

TEST_F(NvmlApi, DriverThatIsNotLoadedOrOfAnotherVersion) {
  begin(kAny);
  while (api().shutdown() == NVML_SUCCESS) continue;
  inject({.kind = EventKind::driver_mismatch});
  auto opened = Nvml::open(PHASEWATT_NVML_SIM_LIBRARY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::unsupported);
  EXPECT_NE(opened.error().what.find("different versions"), std::string::npos) << opened.error().what;
  EXPECT_NE(opened.error().hint.find("reboot"), std::string::npos);
  ASSERT_TRUE(rig_->clear(0, std::nullopt));
  inject({.kind = EventKind::driver_not_loaded});
  opened = Nvml::open(PHASEWATT_NVML_SIM_LIBRARY);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().hint.find("modprobe nvidia"), std::string::npos);
}

TEST_F(NvmlApi, EveryCodeHasANextStep) {
  for (int code = 1; code < 35; ++code) {
    const auto error = nvml_error(static_cast<nvmlReturn_t>(code), "cannot read GPU 3");
    EXPECT_TRUE(error.what.starts_with("cannot read GPU 3: ")) << error.what;
    EXPECT_NE(error.what.find("NVML code " + std::to_string(code)), std::string::npos);
    EXPECT_FALSE(error.hint.empty()) << code;
  }
  EXPECT_EQ(nvml_error(NVML_ERROR_NO_PERMISSION, "x").code, ErrorCode::permission);
  EXPECT_EQ(nvml_error(NVML_ERROR_GPU_NOT_FOUND, "x").code, ErrorCode::not_found);
}

TEST_F(NvmlApi, ThreadsOpenReadAndCloseAtTheSameTime) {
  open(kAny);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (int round = 0; round < 3; ++round) {
        const auto nvml = Nvml::open(PHASEWATT_NVML_SIM_LIBRARY).value();
        const auto gpus = list_gpus(*nvml).value();
        const auto device = NvmlDevice::open(nvml, gpus.at(0)).value()->read({.clocks = true});
        EXPECT_TRUE(device->sm_clock);
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
