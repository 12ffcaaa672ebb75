// What several processes see, and what a killed one leaves.
#include <array>
#include <cmath>
#include <cstddef>
#include <random>

#include "phasewatt/sim/live/state.h"
#include "tests/nvml_sim/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using sim::live::GpuClaim;

std::vector<unsigned int> pids(nvmlDevice_t gpu) {
  std::array<nvmlProcessInfo_t, 32> infos{};
  unsigned int count = infos.size();
  EXPECT_EQ(api().compute_processes(gpu, &count, infos.data()), NVML_SUCCESS);
  std::vector<unsigned int> out;
  for (unsigned int i = 0; i < count; ++i) out.push_back(infos[i].pid);
  return out;
}

TEST_F(NvmlSim, ALockOutlivesTheProcessThatSetIt) {
  begin(kAny);
  Client client({"lock", "900"});
  ASSERT_EQ(client.line(), "done");
  const auto pid = client.pid();
  client.kill();
  usleep(20'000);
  unsigned int mhz = 0;
  EXPECT_EQ(api().clock_info(gpu_, NVML_CLOCK_SM, &mhz), NVML_SUCCESS);
  EXPECT_EQ(mhz, 900u);
  EXPECT_EQ(truth()->lock.most, 900);
  EXPECT_EQ(truth()->asked_by, pid);
  EXPECT_EQ(api().reset_locked_clocks(gpu_), NVML_SUCCESS);
  usleep(20'000);
  EXPECT_EQ(truth()->lock.most, 0);
}

TEST_F(NvmlSim, KillsAtAnyInstantLeaveAWholeState) {
  begin(kAny);
  std::mt19937 random(7);
  double joules = 0;
  std::uint64_t changes = 0;
  std::int64_t now = 0;
  for (int round = 0; round < 25; ++round) {
    Client client({"storm"});
    ASSERT_EQ(client.line(), "done");
    usleep(static_cast<useconds_t>(500 + random() % 6000));
    client.kill();
    const auto state = truth();
    ASSERT_GE(state->now, now);
    ASSERT_GE(state->joules, joules);
    ASSERT_GE(state->lock_changes, changes);
    ASSERT_EQ(state->now % sim::live::kGrid, 0);
    const auto& last = state->marks[state->newest % sim::live::kMarks];
    ASSERT_EQ(last.at, state->now);
    ASSERT_EQ(last.joules, state->joules);
    if (state->lock.most != 0) {
      ASSERT_EQ(std::fmod(state->lock.most, 15), 0);
      ASSERT_LE(state->lock.most, 600 + 15 * 63);
    }
    joules = state->joules;
    changes = state->lock_changes;
    now = state->now;
  }
  EXPECT_GT(changes, 0u);
}

TEST_F(NvmlSim, AKillInTheMiddleOfAChangeTakesTheChangeBack) {
  begin(kAny);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    (void)rig_->with(0, [](LiveGpu&, GpuState& state, std::int64_t) {
      state.joules = -1;
      state.marks.fill({});
      state.lock = {1, 2};
      ::kill(getpid(), SIGKILL);
    });
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  unsigned int milliwatts = 0;
  EXPECT_EQ(api().power_usage(gpu_, &milliwatts), NVML_SUCCESS);  // nor is the lock of the file left behind
  const auto state = truth();
  EXPECT_GE(state->joules, 0);
  EXPECT_EQ(state->lock.most, 0);
  EXPECT_EQ(state->marks[state->newest % sim::live::kMarks].joules, state->joules);
}

TEST_F(NvmlSim, OwnersShowAndGoWithTheirLoad) {
  begin(kAny);
  EXPECT_TRUE(pids(gpu_).empty());
  Client client({"load", "500", "60"});
  ASSERT_EQ(client.line(), "done");
  EXPECT_EQ(pids(gpu_), std::vector<unsigned int>{static_cast<unsigned int>(client.pid())});
  nvmlProcessInfo_v1_t old{};
  unsigned int count = 1;
  EXPECT_EQ(api().compute_processes_v1(gpu_, &count, &old), NVML_SUCCESS);
  EXPECT_EQ(old.usedGpuMemory, 1'000'000'000u);
  count = 0;
  EXPECT_EQ(api().compute_processes(gpu_, &count, nullptr), NVML_ERROR_INSUFFICIENT_SIZE);
  EXPECT_EQ(count, 1u);
  client.kill();
  usleep(8'000);
  EXPECT_TRUE(pids(gpu_).empty());
  const auto state = truth();
  for (const auto& load : state->loads) EXPECT_EQ(load.end, 0);
}

TEST_F(NvmlSim, AForeignProcessShowsWithoutItsMemory) {
  begin(kAny);
  inject({.kind = sim::live::EventKind::foreign_process, .pid = 4242});
  nvmlProcessInfo_t info{};
  unsigned int count = 1;
  EXPECT_EQ(api().compute_processes(gpu_, &count, &info), NVML_SUCCESS);
  EXPECT_EQ(info.pid, 4242u);
  EXPECT_EQ(info.usedGpuMemory, NVML_VALUE_NOT_AVAILABLE);
  EXPECT_EQ(info.gpuInstanceId, NVML_NO_INSTANCE);
}

// The counter is refreshed every 100 ms, so a reading is the truth of some instant between a look more than that ago
// and a look right after it. However long this test is kept waiting, the bounds hold.
TEST_F(NvmlSim, TheCounterAgreesWithTheTruth) {
  begin(kAny);
  constexpr useconds_t kRefresh = 110'000;
  auto claim = GpuClaim::take(rig_, 0, 1e9);
  ASSERT_TRUE(claim);
  unsigned long long first = 0;
  unsigned long long last = 0;
  const double before_first = truth()->joules;
  usleep(kRefresh);
  ASSERT_EQ(api().total_energy(gpu_, &first), NVML_SUCCESS);
  const double after_first = truth()->joules;
  ASSERT_TRUE(claim->draw(Watts(500), std::chrono::milliseconds(300)));
  usleep(300'000);
  const double before_last = truth()->joules;
  usleep(kRefresh);
  ASSERT_EQ(api().total_energy(gpu_, &last), NVML_SUCCESS);
  const double after_last = truth()->joules;
  const double counted = static_cast<double>(last - first) * 1e-3;
  EXPECT_GE(counted, before_last - after_first - 0.002);
  EXPECT_LE(counted, after_last - before_first + 0.002);
  EXPECT_GE(before_last - after_first, 500 * 0.298);
}

TEST_F(NvmlSim, AClaimsPassesFollowOneAnother) {
  begin(kAny);
  auto claim = GpuClaim::take(rig_, 0, 1e9);
  ASSERT_TRUE(claim);
  // Long enough that the second is asked for while the first still runs, on a busy machine too.
  const sim::Load load{.flops = 1e12, .bytes = 1e9, .kernels = 1'000'000};
  const auto one = claim->run(load);
  const auto two = claim->run(load);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(two->begin, one->end);
  EXPECT_GT(one->end, one->begin);
  EXPECT_EQ(one->clock, Mhz(1980));
  EXPECT_FALSE(GpuClaim::take(rig_, 0, 150e9));
}

TEST_F(NvmlSim, AStateOfAnotherConfigurationIsRefused) {
  begin(kAny);
  ASSERT_EQ(api().shutdown(), NVML_SUCCESS);
  setenv("PHASEWATT_NVML_SIM_GPUS", "h200-sxm,h200-sxm", 1);
  unsetenv("PHASEWATT_NVML_SIM_CONFIG");
  EXPECT_EQ(api().init(), NVML_ERROR_UNKNOWN);
  unsetenv("PHASEWATT_NVML_SIM_GPUS");
  EXPECT_EQ(api().init(), NVML_SUCCESS);  // who asks for nothing gets what is there
}

TEST_F(NvmlSim, ARebootClearsLockAndCounter) {
  begin(kAny);
  ASSERT_EQ(api().set_locked_clocks(gpu_, 900, 900), NVML_SUCCESS);
  ASSERT_EQ(api().shutdown(), NVML_SUCCESS);
  rig_.reset();
  {
    std::fstream file(state(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(sim::live::StateFile, boot_id));
    file << "another-boot";
  }
  ASSERT_EQ(api().init(), NVML_SUCCESS);
  const auto rig = LiveRig::open({.state = state(), .config = {}});
  ASSERT_TRUE(rig);
  EXPECT_TRUE((*rig)->with(0, [](LiveGpu&, GpuState& now, std::int64_t) {
    EXPECT_EQ(now.lock_changes, 0u);
    EXPECT_EQ(now.asked.most, 0);
  }));
}

TEST_F(NvmlSim, AHalfMadeStateIsMadeAnew) {
  std::ofstream(state()).close();
  std::filesystem::resize_file(state(), sizeof(sim::live::StateFile));
  begin(kAny);
  EXPECT_EQ(rig_->gpu_count(), 1u);
}

TEST_F(NvmlSim, AnotherFileIsLeftAlone) {
  std::ofstream(state()) << "my thesis";
  const auto rig = LiveRig::open({.state = state(), .config = {}});
  ASSERT_FALSE(rig);
  EXPECT_EQ(rig.error().code, ErrorCode::exists);
  EXPECT_EQ(std::filesystem::file_size(state()), 9u);
}

TEST_F(NvmlSim, AStateOfAnotherVersionIsRefused) {
  begin(kAny);
  rig_.reset();
  ASSERT_EQ(api().shutdown(), NVML_SUCCESS);
  {
    std::fstream file(state(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(offsetof(sim::live::StateFile, version));
    file.put(99);
  }
  EXPECT_EQ(api().init(), NVML_ERROR_LIB_RM_VERSION_MISMATCH);
}

TEST_F(NvmlSim, AForkedChildSharesTheState) {
  begin(kAny);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool locked = api().set_locked_clocks(gpu_, 1200, 1200) == NVML_SUCCESS;
    _exit(locked ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(truth()->asked.most, 1200);
  EXPECT_EQ(truth()->asked_by, child);
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
