#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "phasewatt/device/nvml/nvml_entry_points.h"
#include "phasewatt/sim/live/claim.h"
#include "phasewatt/sim/live/rig.h"

/// What the tests of the simulated NVML share: the library as a client loads it, a state file of the test's own, and
/// clients in other processes.
namespace phasewatt::device::nvml::test {

using sim::live::GpuState;
using sim::live::LiveGpu;
using sim::live::LiveRig;

/// Every function of the lists by its newest name.
struct Api {
#define PHASEWATT_MEMBER(need, member, result, parameters, newest, older) result(*member) parameters = nullptr;
  PHASEWATT_NVML_READ(PHASEWATT_MEMBER)
  PHASEWATT_NVML_WRITE(PHASEWATT_MEMBER)
#undef PHASEWATT_MEMBER
};

inline void* library() {
  static void* handle = dlopen(PHASEWATT_NVML_SIM_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(handle, nullptr) << dlerror();
  return handle;
}

template <class F>
F function(const char* name) {
  return reinterpret_cast<F>(dlsym(library(), name));
}

inline const Api& api() {
  static const Api loaded = [] {
    Api out;
#define PHASEWATT_LOAD(need, member, result, parameters, newest, older) \
  out.member = function<result(*) parameters>(#newest);
    PHASEWATT_NVML_READ(PHASEWATT_LOAD)
    PHASEWATT_NVML_WRITE(PHASEWATT_LOAD)
#undef PHASEWATT_LOAD
    return out;
  }();
  return loaded;
}

/// A test with a state file of its own, which `begin` creates with a configuration.
class NvmlSim : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string folder = ::testing::TempDir() + "phasewatt-nvml-sim-XXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    setenv("PHASEWATT_NVML_SIM_STATE", state().c_str(), 1);
    unsetenv("PHASEWATT_NVML_SIM_CONFIG");
    unsetenv("PHASEWATT_NVML_SIM_GPUS");
  }
  void TearDown() override {
    while (api().shutdown() == NVML_SUCCESS) continue;
    std::filesystem::remove_all(folder_);
  }

  [[nodiscard]] std::string state() const { return (folder_ / "state").string(); }

  /// Writes the configuration, opens the rig of the test (the truth) and initialises the library.
  void begin(const std::string& text) {
    const auto config = folder_ / "rig.toml";
    std::ofstream(config) << "schema = \"nvml-sim/1\"\n" << text;
    setenv("PHASEWATT_NVML_SIM_CONFIG", config.c_str(), 1);
    const auto options = LiveRig::Options::from_environment();
    ASSERT_TRUE(options);
    auto rig = LiveRig::open(*options);
    ASSERT_TRUE(rig) << to_string(rig.error());
    rig_ = *std::move(rig);
    ASSERT_EQ(api().init(), NVML_SUCCESS);
    if (rig_->gpu_count() > 0) {
      ASSERT_EQ(api().device_by_index(0, &gpu_), NVML_SUCCESS);
    }
  }
  void inject(sim::live::ScriptedEvent event) { ASSERT_TRUE(rig_->inject(0, event)); }

  /// A copy of the true state of card 0, now.
  [[nodiscard]] std::unique_ptr<GpuState> truth() const {
    auto out = std::make_unique<GpuState>();
    EXPECT_TRUE(rig_->with(0, [&](LiveGpu&, GpuState& now, std::int64_t) { *out = now; }));
    return out;
  }

  std::filesystem::path folder_;
  std::shared_ptr<LiveRig> rig_;
  nvmlDevice_t gpu_ = nullptr;
};

inline constexpr const char* kAny = "noise = false\n[[gpu]]\npermission = \"any\"\n";

/// A client in a process of its own (client.cpp): it does what it was told, says so, and waits to be killed.
class Client {
 public:
  explicit Client(std::vector<std::string> words) {
    words.insert(words.begin(), {PHASEWATT_NVML_SIM_CLIENT, PHASEWATT_NVML_SIM_LIBRARY});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    EXPECT_EQ(posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out_ = ends[0];
  }
  ~Client() {
    kill();
    close(out_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Its next line.
  std::string line() const {
    std::string text;
    char c = 0;
    while (read(out_, &c, 1) == 1 && c != '\n') text += c;
    return text;
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_ = 0;
  int out_ = -1;
};

}  // namespace phasewatt::device::nvml::test
