#include "phasewatt/device/rocm/rocm_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "tests/other_devices/rocm_world.h"

namespace phasewatt::device::rocm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RocmTest : public testing::Test {
 protected:
  std::unique_ptr<RocmDevice> first() { return std::move(open_rocm_devices(world.library()).value().front()); }

  RocmWorld world{PHASEWATT_TEST_ROCM_SIM};
};

TEST_F(RocmTest, ListsWhatThereIs) {
  world.add_mi100();
  world.add_mi300x();
  const auto devices = list_rocm_devices(world.library()).value();
  ASSERT_EQ(devices.size(), 2U);
  EXPECT_EQ(devices[0].id, "GPU-185abcdef0123456");
  EXPECT_EQ(devices[0].name, "AMD Instinct MI100 (SIMULATED)");
  EXPECT_EQ(devices[0].driver, "amdgpu 6.7.0, ROCm SMI 1.0.0");
  EXPECT_TRUE(devices[0].simulated);
  EXPECT_EQ(devices[0].power_cap, Watts(290));
  EXPECT_EQ(devices[0].memory_bytes, 34342961152.0);
  EXPECT_THAT(devices[0].supported_clocks, ElementsAre(Mhz(300), Mhz(495), Mhz(731), Mhz(1000), Mhz(1502)));
  EXPECT_EQ(devices[1].id, "GPU-0a7c000000000001");
  EXPECT_THAT(devices[1].supported_clocks, IsEmpty()) << "three levels of a fine-grained clock are no list";
}

TEST_F(RocmTest, StopsTheLibraryWithTheLastDevice) {
  world.add_mi100();
  world.add_mi300x();
  auto devices = open_rocm_devices(world.library()).value();
  EXPECT_EQ(world.sim().started, 1);
  devices.pop_back();
  EXPECT_EQ(world.sim().started, 1);
  EXPECT_TRUE(devices.front()->read(kEverything));
  devices.clear();
  EXPECT_EQ(world.sim().started, 0);
}

TEST_F(RocmTest, ReadsTheOlderKind) {
  world.add_mi100();
  auto device = first();
  const auto seen = device->read(kEverything).value();
  EXPECT_FALSE(seen.power_instant) << "an average is not the power of the moment";
  EXPECT_EQ(seen.power_average, Watts(38));
  EXPECT_NEAR(seen.energy.value().value(), 65'628 * 15.3e-6, 1e-6);  // 1.0041 J, as rocm-smi would print it
  EXPECT_EQ(seen.sm_clock, Mhz(731));
  EXPECT_EQ(seen.memory_clock, Mhz(1200));
  EXPECT_EQ(seen.temperature, Celsius(41));
  EXPECT_EQ(seen.gpu_utilization, 0.25);
  EXPECT_EQ(seen.memory_utilization, 0.03);
  EXPECT_EQ(
      device->info().readable,
      (ReadMask{.power_average = true, .energy = true, .clocks = true, .temperature = true, .utilization = true}));
}

TEST_F(RocmTest, ReadsTheNewerKind) {
  world.add_mi300x();
  world.sim().layout = FrequencyLayout::five;
  const auto seen = first()->read(kEverything).value();
  EXPECT_EQ(seen.power_instant, Watts(140.5));
  EXPECT_FALSE(seen.power_average);
  EXPECT_EQ(seen.sm_clock, Mhz(132));
  EXPECT_EQ(seen.temperature, Celsius(39)) << "junction, where there is no edge sensor";
  EXPECT_EQ(seen.gpu_utilization, 0.0);
}

TEST_F(RocmTest, LeavesAbsentWhatACardDoesNotTell) {
  world.next().pci_id = 0x03'00ULL;
  auto device = first();
  EXPECT_EQ(device->info().id, "pci:0000:03:00.0");
  EXPECT_EQ(device->info().name, "AMD GPU");
  EXPECT_FALSE(device->info().power_cap || device->info().memory_bytes);
  EXPECT_EQ(device->info().readable, ReadMask{});
  const auto seen = device->read(kEverything).value();
  EXPECT_FALSE(seen.power_instant || seen.power_average || seen.energy || seen.sm_clock || seen.memory_clock ||
               seen.temperature || seen.throttle_mask || seen.gpu_utilization || seen.memory_utilization ||
               seen.other_processes);
}

TEST_F(RocmTest, TakesNoNumberFromWhatWasNotFilled) {
  world.add_mi100();
  world.sim().layout = FrequencyLayout::unfilled;
  SimGpu& gpu = world.sim().gpus[0];
  gpu.energy_count = std::numeric_limits<std::uint64_t>::max();
  gpu.busy_percent = 65535U;
  const auto seen = first()->read(kEverything).value();
  EXPECT_FALSE(seen.sm_clock);
  EXPECT_FALSE(seen.energy);
  EXPECT_FALSE(seen.gpu_utilization);
  gpu.energy_count = 5ULL;
  gpu.energy_resolution = 0;
  EXPECT_FALSE(first()->read(kEverything).value().energy);
}

TEST_F(RocmTest, AnEnergyThatFallsBackIsAbsent) {
  world.add_mi100();
  auto device = first();
  auto& count = world.sim().gpus[0].energy_count;
  const auto energy = [&] { return device->read({.energy = true}).value().energy; };
  const auto before = energy();
  count = 65'000ULL;
  EXPECT_FALSE(energy());
  count = 65'700ULL;
  EXPECT_GT(energy(), before);
}

TEST_F(RocmTest, CallsOnlyWhatIsAskedFor) {
  world.add_mi100();
  auto device = first();
  const auto calls = [&](const ReadMask& what) {
    SimRocm& sim = world.sim();
    sim.energy_calls = sim.power_calls = sim.clock_calls = sim.other_calls = 0;
    EXPECT_TRUE(device->read(what));
    return std::vector{sim.power_calls, sim.energy_calls, sim.clock_calls, sim.other_calls};
  };
  EXPECT_THAT(calls({}), ElementsAre(0, 0, 0, 0));
  EXPECT_THAT(calls({.power_average = true}), ElementsAre(1, 0, 0, 0));
  EXPECT_THAT(calls({.energy = true}), ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(calls({.clocks = true}), ElementsAre(0, 0, 2, 0));
  EXPECT_THAT(calls({.temperature = true}), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(calls({.utilization = true}), ElementsAre(0, 0, 0, 2));
  EXPECT_THAT(calls({.throttle = true, .processes = true}), ElementsAre(0, 0, 0, 0));
}

TEST_F(RocmTest, TellsErrorsFromAbsence) {
  world.add_mi100();
  auto device = first();
  auto& power = world.sim().gpus[0].average_microwatts;
  const auto read = [&] { return device->read({.power_average = true}); };
  for (const auto status : {RSMI_STATUS_NOT_SUPPORTED, RSMI_STATUS_FILE_ERROR, RSMI_STATUS_BUSY}) {
    power = Answer<std::uint64_t>(status);
    EXPECT_FALSE(read().value().power_average);
  }
  const auto code = [&](rsmi_status_t status) {
    power = Answer<std::uint64_t>(status);
    const auto failed = read();
    EXPECT_FALSE(failed);
    EXPECT_THAT(failed.error().what, HasSubstr("average power of GPU-185abcdef0123456"));
    EXPECT_THAT(failed.error().hint, testing::Not(IsEmpty()));
    return failed.error().code;
  };
  EXPECT_EQ(code(RSMI_STATUS_PERMISSION), ErrorCode::permission);
  EXPECT_EQ(code(RSMI_STATUS_NOT_FOUND), ErrorCode::not_found);
  EXPECT_EQ(code(RSMI_STATUS_INTERNAL_EXCEPTION), ErrorCode::io);
  EXPECT_EQ(code(RSMI_STATUS_UNKNOWN_ERROR), ErrorCode::io);
}

TEST_F(RocmTest, ACardThatIsHeldIsNotOpenedAsOneThatLacksEverything) {
  world.add_mi100();
  world.sim().gpus[0].energy_count = Answer<std::uint64_t>(RSMI_STATUS_BUSY);
  const auto held = open_rocm_devices(world.library());
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().hint, HasSubstr("another program"));
}

TEST_F(RocmTest, SaysWhoMayRead) {
  world.sim().init = RSMI_STATUS_PERMISSION;
  const auto denied = open_rocm_devices(world.library());
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::permission);
  EXPECT_THAT(denied.error().what, HasSubstr("Permission denied"));
  EXPECT_THAT(denied.error().hint, HasSubstr("usermod -aG render,video"));
}

TEST_F(RocmTest, SaysThatTheDriverOrTheCardIsMissing) {
  world.sim().init = RSMI_STATUS_INIT_ERROR;
  const auto driver = open_rocm_devices(world.library());
  ASSERT_FALSE(driver);
  EXPECT_EQ(driver.error().code, ErrorCode::not_found);
  EXPECT_THAT(driver.error().hint, HasSubstr("modprobe amdgpu"));
  EXPECT_EQ(world.sim().started, 0);

  world.sim().init = RSMI_STATUS_SUCCESS;
  const auto card = open_rocm_devices(world.library());
  ASSERT_FALSE(card);
  EXPECT_EQ(card.error().code, ErrorCode::not_found);
  EXPECT_THAT(card.error().what, HasSubstr("no AMD GPU"));
  EXPECT_EQ(world.sim().started, 0) << "stopped again";
}

TEST(RocmLibrary, DoesWithoutOptionalFunctions) {
  RocmWorld world(PHASEWATT_TEST_ROCM_SIM_OLD);
  world.add_mi100();
  const auto devices = open_rocm_devices(world.library()).value();
  const auto seen = devices[0]->read(kEverything).value();
  EXPECT_FALSE(seen.energy || seen.power_instant);
  EXPECT_EQ(seen.power_average, Watts(38));
}

TEST(RocmLibrary, NamesTheRequiredFunctionThatIsMissing) {
  const auto broken = open_rocm_devices(PHASEWATT_TEST_ROCM_SIM_BROKEN);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, ErrorCode::unsupported);
  EXPECT_THAT(broken.error().what, HasSubstr("rsmi_num_monitor_devices"));
}

TEST(RocmLibrary, SaysThatThereIsNone) {
  const auto none = open_rocm_devices("/nowhere/librocm_smi64.so");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().what, HasSubstr("/nowhere/librocm_smi64.so"));
}

TEST(RocmLibrary, IsTheOneThatTheEnvironmentNames) {
  RocmWorld world(PHASEWATT_TEST_ROCM_SIM);
  world.add_mi300x();
  ASSERT_EQ(::setenv("PHASEWATT_ROCM_LIBRARY", world.library(), 1), 0);
  EXPECT_EQ(list_rocm_devices().value().size(), 1U);
  ::unsetenv("PHASEWATT_ROCM_LIBRARY");
}

}  // namespace
}  // namespace phasewatt::device::rocm
