#include "phasewatt/device/nvml/nvml_devices.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/nvml/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using sim::live::EventKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using NvmlGpus = NvmlOnSim;

constexpr const char* kThree = R"(
[[gpu]]
uuid = "GPU-aaaaaaaa-0000-0000-0000-000000000001"
[[gpu]]
uuid = "GPU-aaaabbbb-0000-0000-0000-000000000002"
persistence = false
[[gpu]]
spec = "rtx-pro-6000-blackwell-ws"
uuid = "GPU-cccccccc-0000-0000-0000-000000000003"
)";

TEST_F(NvmlGpus, ListsThem) {
  open(kThree);
  ASSERT_EQ(gpus_.size(), 3U);
  for (unsigned int i = 0; i < 3; ++i) {
    EXPECT_EQ(gpus_[i].index, i);
    EXPECT_EQ(gpus_[i].state, GpuCondition::usable);
    EXPECT_TRUE(check_usable(gpus_[i]));
    EXPECT_THAT(gpus_[i].name, HasSubstr("SIMULATED"));
  }
  EXPECT_EQ(gpus_[0].pci_bus_id, "00000000:10:00.0");
  EXPECT_EQ(gpus_[2].pci_bus_id, "00000000:30:00.0");
  EXPECT_EQ(gpus_[0].persistence, true);
  EXPECT_EQ(gpus_[1].persistence, false);
}

TEST_F(NvmlGpus, ADriverWithoutACardHasNone) {
  open("");
  EXPECT_THAT(gpus_, IsEmpty());
  const auto found = find_gpu(gpus_, "0");
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().hint, HasSubstr("no GPU"));
}

TEST_F(NvmlGpus, FoundByIndexUuidAndPciId) {
  open(kThree);
  const std::vector<std::pair<std::string, std::size_t>> names{
      {"0", 0},
      {"2", 2},
      {"GPU-aaaaaaaa-0000-0000-0000-000000000001", 0},
      {"GPU-aaaab", 1},
      {"GPU-c", 2},
      {"10:00.0", 0},
      {"0000:20:00.0", 1},
      {"00000000:30:00.0", 2},
  };
  for (const auto& [name, place] : names) {
    const auto found = find_gpu(gpus_, name);
    ASSERT_TRUE(found) << name << ": " << to_string(found.error());
    EXPECT_EQ(*found, place) << name;
  }
}

TEST_F(NvmlGpus, WhatNamesNoGpuOrSeveralIsAnErrorThatListsThem) {
  open(kThree);
  for (const char* name : {"3", "-1", "", "0x", "GPU-d", "gpu-c", "40:00.0", "0001:10:00.0", "H200"}) {
    const auto found = find_gpu(gpus_, name);
    ASSERT_FALSE(found) << name;
    EXPECT_EQ(found.error().code, ErrorCode::not_found) << name;
    EXPECT_THAT(found.error().hint, HasSubstr("GPU-cccccccc-0000-0000-0000-000000000003"));
  }
  const auto several = find_gpu(gpus_, "GPU-aaaa");
  ASSERT_FALSE(several);
  EXPECT_EQ(several.error().code, ErrorCode::usage);
  EXPECT_THAT(several.error().what, HasSubstr("2 GPUs"));
}

TEST_F(NvmlGpus, SharedCardsAreToldWithWhatToDo) {
  open(R"(
[[gpu]]
mig = true
[[gpu]]
virtualization = "vgpu"
[[gpu]]
virtualization = "host_vgpu"
[[gpu]]
virtualization = "passthrough"
)");
  EXPECT_EQ(gpus_[0].state, GpuCondition::mig);
  EXPECT_EQ(check_usable(gpus_[0]).error().code, ErrorCode::unsupported);
  EXPECT_THAT(check_usable(gpus_[0]).error().hint, HasSubstr("sudo nvidia-smi -i 0 -mig 0"));
  EXPECT_EQ(gpus_[1].state, GpuCondition::vgpu);
  EXPECT_THAT(gpus_[1].trouble->what, HasSubstr("belong to its host"));
  EXPECT_EQ(gpus_[2].state, GpuCondition::vgpu);
  EXPECT_THAT(gpus_[2].trouble->what, HasSubstr("serves virtual GPUs"));
  EXPECT_EQ(gpus_[3].state, GpuCondition::usable) << "a card passed through whole is this machine's";
}

TEST_F(NvmlGpus, ALostCardIsInTheListAndTheOthersWork) {
  open(kThree);
  ASSERT_TRUE(rig_->inject(1, {.kind = EventKind::gpu_lost}));
  list();
  ASSERT_EQ(gpus_.size(), 3U);
  EXPECT_EQ(gpus_[1].state, GpuCondition::lost);
  EXPECT_THAT(gpus_[1].trouble->what, HasSubstr("GPU 1"));
  EXPECT_THAT(gpus_[1].trouble->hint, HasSubstr("reboot"));
  EXPECT_TRUE(gpus_[1].uuid.empty());
  EXPECT_FALSE(NvmlDevice::open(nvml_, gpus_[1]));
  EXPECT_TRUE(device(0));
  EXPECT_TRUE(device(2));
}

TEST_F(NvmlGpus, ACardThatTheUserMayNotLookAt) {
  open(kThree);
  const auto whole = nvml_;
  nvml_ = with([](NvmlFunctions& f) {
    f.device_by_index = [](unsigned int, nvmlDevice_t*) { return NVML_ERROR_NO_PERMISSION; };
  });
  list();
  EXPECT_EQ(gpus_[0].state, GpuCondition::not_permitted);
  EXPECT_EQ(gpus_[0].trouble->code, ErrorCode::permission);
  EXPECT_THAT(gpus_[0].trouble->hint, HasSubstr("/dev/nvidia"));
  nvml_ = whole;
  nvml_ = with([](NvmlFunctions& f) { f.name = [](nvmlDevice_t, char*, unsigned int) { return NVML_ERROR_UNKNOWN; }; });
  list();
  EXPECT_EQ(gpus_[0].state, GpuCondition::failed) << "what has no name of its own";
}

/// GPUs 0 to 3; 1 and 2 begin alike.
std::vector<NvmlGpu> four() {
  std::vector<NvmlGpu> gpus(4);
  const char* uuids[] = {"GPU-1111-a", "GPU-2222-b", "GPU-2222-c", "GPU-3333-d"};
  for (unsigned int i = 0; i < 4; ++i) {
    gpus[i].index = i;
    gpus[i].uuid = uuids[i];
  }
  return gpus;
}

struct Visible {
  std::optional<const char*> value;
  std::vector<std::size_t> gpus;
  std::optional<std::string> cut_at = {};
  bool mig = false;
  bool duplicate = false;
};

TEST(VisibleGpus, AsCudaReadsThem) {
  const std::vector<Visible> table{
      {std::nullopt, {0, 1, 2, 3}},
      {"", {}},
      {"0", {0}},
      {"2,0", {2, 0}},
      {" 3 , 1 ", {3, 1}},
      {"0,1,2,3", {0, 1, 2, 3}},
      {"-1", {}, "-1"},
      {"0,-1,2", {0}, "-1"},
      {"1,4,2", {1}, "4"},
      {"1,two,2", {1}, "two"},
      {"0,,1", {0}, ""},
      {"NoDevFiles", {}, "NoDevFiles"},
      {"0,1,0", {}, std::nullopt, false, true},
      {"GPU-1111-a", {0}},
      {"GPU-3,GPU-1", {3, 0}},
      {"GPU-2222-c,0", {2, 0}},
      {"GPU-2222", {}, "GPU-2222"},
      {"0,GPU-9", {0}, "GPU-9"},
      {"gpu-1111-a", {}, "gpu-1111-a"},
      {"0,GPU-1", {}, std::nullopt, false, true},
      {"MIG-GPU-1111-a/3/0", {0}, std::nullopt, true},
      {"3,MIG-GPU-1111-a/3/0,2", {3, 0}, std::nullopt, true},
      {"MIG-41b36413-9f3e-5c5e-a2b8-000000000000", {}, std::nullopt, true},
  };
  const auto gpus = four();
  for (const auto& row : table) {
    const auto seen = visible_gpus(gpus, row.value ? std::optional<std::string_view>(*row.value) : std::nullopt);
    const std::string name = row.value ? *row.value : "(unset)";
    EXPECT_EQ(seen.gpus, row.gpus) << name;
    EXPECT_EQ(seen.cut_at, row.cut_at) << name;
    EXPECT_EQ(seen.mig_instance, row.mig) << name;
    EXPECT_EQ(seen.duplicate, row.duplicate) << name;
  }
}

TEST(VisibleGpus, OfTheEnvironment) {
  const auto gpus = four();
  setenv("CUDA_VISIBLE_DEVICES", "1", 1);
  EXPECT_THAT(visible_gpus(gpus).gpus, ElementsAre(1));
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(visible_gpus(gpus).gpus.size(), 4U);
}

RC_GTEST_PROP(VisibleGpus, NeverNamesAGpuTwiceOrOneThatIsNotThere, (const std::string& value)) {
  const auto gpus = four();
  const auto seen = visible_gpus(gpus, value);
  auto sorted = seen.gpus;
  std::sort(sorted.begin(), sorted.end());
  RC_ASSERT(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  // RapidCheck takes conditions apart, and its || evaluates both sides.
  const bool all_there = sorted.empty() || sorted.back() < gpus.size();
  RC_ASSERT(all_there);
}

RC_GTEST_PROP(VisibleGpus, ValidIndicesKeepTheirOrder, ()) {
  const auto gpus = four();
  // Each index at most once, in the order drawn: a generator of unique values gives up where there are but four.
  std::vector<std::size_t> wanted;
  for (const auto each : *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, 4)))
    if (std::find(wanted.begin(), wanted.end(), each) == wanted.end()) wanted.push_back(each);
  std::string value;
  for (const auto each : wanted) value += (value.empty() ? "" : ",") + std::to_string(each);
  RC_ASSERT(visible_gpus(gpus, value).gpus == wanted);
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
