// What is refused, lacking, slow or wrong, by configuration or by an event.
#include "tests/nvml_sim/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using sim::live::EventKind;

TEST_F(NvmlSim, PermissionIsRootsByDefault) {
  begin("[[gpu]]\n");
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), geteuid() == 0 ? NVML_SUCCESS : NVML_ERROR_NO_PERMISSION);
}

TEST_F(NvmlSim, PermissionCanBeNobodys) {
  begin("[[gpu]]\npermission = \"none\"\n");
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_ERROR_NO_PERMISSION);
  EXPECT_EQ(api().reset_locked_clocks(gpu_), NVML_ERROR_NO_PERMISSION);
  EXPECT_EQ(truth()->lock_changes, 0u);
}

TEST_F(NvmlSim, PermissionIsTakenAwayAndGivenBack) {
  begin(kAny);
  inject({.kind = EventKind::permission_denied});
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_ERROR_NO_PERMISSION);
  ASSERT_TRUE(rig_->clear(0, EventKind::permission_denied));
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_SUCCESS);
}

TEST_F(NvmlSim, ALostCardFailsEveryCall) {
  begin(kAny);
  inject({.kind = EventKind::gpu_lost});
  unsigned int value = 0;
  EXPECT_EQ(api().power_usage(gpu_, &value), NVML_ERROR_GPU_IS_LOST);
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &value), NVML_ERROR_GPU_IS_LOST);
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_ERROR_GPU_IS_LOST);
  nvmlDevice_t again = nullptr;
  EXPECT_EQ(api().device_by_index(0, &again), NVML_ERROR_GPU_IS_LOST);
  EXPECT_EQ(api().device_count(&value), NVML_SUCCESS);
}

TEST_F(NvmlSim, SlowCallsTakeTheirTime) {
  begin(kAny);
  inject({.kind = EventKind::slow_calls, .value = 20});
  unsigned int value = 0;
  const auto before = sim::live::monotonic_now();
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &value), NVML_SUCCESS);
  EXPECT_GE(sim::live::monotonic_now() - before, 20'000'000);
}

TEST_F(NvmlSim, TheEnergyCallTakesWhatItTakesOnACard) {
  begin(kAny);
  unsigned long long value = 0;
  const auto before = sim::live::monotonic_now();
  EXPECT_EQ(api().total_energy(gpu_, &value), NVML_SUCCESS);
  EXPECT_GE(sim::live::monotonic_now() - before, 3'800'000);
}

TEST_F(NvmlSim, DriverEventsFailTheNextInitialisation) {
  begin(kAny);
  inject({.kind = EventKind::driver_mismatch});
  unsigned int value = 0;
  EXPECT_EQ(api().power_usage(gpu_, &value), NVML_SUCCESS);  // who is in stays in
  ASSERT_EQ(api().shutdown(), NVML_SUCCESS);
  EXPECT_EQ(api().init(), NVML_ERROR_LIB_RM_VERSION_MISMATCH);
  ASSERT_TRUE(rig_->clear(0, std::nullopt));
  inject({.kind = EventKind::driver_not_loaded});
  EXPECT_EQ(api().init(), NVML_ERROR_DRIVER_NOT_LOADED);
  ASSERT_TRUE(rig_->clear(0, std::nullopt));
  EXPECT_EQ(api().init(), NVML_SUCCESS);
}

TEST_F(NvmlSim, ClocksThatAreNotAttainedAreStillInstalled) {
  begin("noise = false\n[[gpu]]\npermission = \"any\"\ncontext = true\n");
  inject({.kind = EventKind::clock_not_attained, .value = 1500});
  EXPECT_EQ(api().set_locked_clocks(gpu_, 600, 600), NVML_SUCCESS);
  usleep(30'000);
  unsigned int mhz = 0;
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &mhz), NVML_SUCCESS);
  EXPECT_EQ(mhz, 1500u);
  EXPECT_EQ(truth()->asked.most, 600);
}

TEST_F(NvmlSim, LacksWhatItIsToldToLack) {
  begin(
      "[[gpu]]\npermission = \"any\"\nunsupported = [\"power_instant\", \"power_average\", \"energy\", \"clocks\", "
      "\"supported_clocks\", "
      "\"temperature\", \"utilization\", \"throttle\", \"locked_clocks\", \"processes\"]\n");
  unsigned int value = 0;
  unsigned long long wide = 0;
  nvmlUtilization_t utilization{};
  EXPECT_EQ(api().power_usage(gpu_, &value), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().total_energy(gpu_, &wide), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &value), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().supported_memory_clocks(gpu_, &value, nullptr), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().temperature(gpu_, NVML_TEMPERATURE_GPU, &value), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().utilization(gpu_, &utilization), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().clocks_event_reasons(gpu_, &wide), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(api().compute_processes(gpu_, &value, nullptr), NVML_ERROR_NOT_SUPPORTED);
  nvmlFieldValue_t field{};
  field.fieldId = NVML_FI_DEV_POWER_INSTANT;
  EXPECT_EQ(api().field_values(gpu_, 1, &field), NVML_SUCCESS);
  EXPECT_EQ(field.nvmlReturn, NVML_ERROR_NOT_SUPPORTED);
}

TEST_F(NvmlSim, LacksAReadingForATime) {
  begin(kAny);
  unsigned long long millijoules = 0;
  inject({.kind = EventKind::unsupported, .value = static_cast<double>(sim::live::Feature::energy)});
  EXPECT_EQ(api().total_energy(gpu_, &millijoules), NVML_ERROR_NOT_SUPPORTED);
  unsigned int milliwatts = 0;
  EXPECT_EQ(api().power_usage(gpu_, &milliwatts), NVML_SUCCESS);
  ASSERT_TRUE(rig_->clear(0, EventKind::unsupported));
  EXPECT_EQ(api().total_energy(gpu_, &millijoules), NVML_SUCCESS);
}

TEST_F(NvmlSim, AGuestOfAHostMayNotLock) {
  begin("[[gpu]]\npermission = \"any\"\nvirtualization = \"vgpu\"\nmig = true\n");
  EXPECT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_ERROR_NOT_SUPPORTED);
  nvmlUtilization_t utilization{};
  EXPECT_EQ(api().utilization(gpu_, &utilization), NVML_ERROR_NOT_SUPPORTED);  // not told of a MIG card
  unsigned int current = 0;
  unsigned int pending = 0;
  EXPECT_EQ(api().mig_mode(gpu_, &current, &pending), NVML_SUCCESS);
  EXPECT_EQ(current, NVML_DEVICE_MIG_ENABLE);
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
