// A client of NVML in a process of its own, for the tests: client LIBRARY lock MHZ | storm | load WATTS SECONDS |
// energy. Says "done" (or an error code) and waits to be killed.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "phasewatt/device/nvml/nvml_entry_points.h"
#include "phasewatt/sim/live/claim.h"

namespace {

using namespace phasewatt::device::nvml;

void* library = nullptr;

template <class F>
F function(const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

void say(const std::string& word) {
  std::puts(word.c_str());
  (void)std::fflush(stdout);
}

void load(double watts, double seconds) {
  using namespace phasewatt::sim::live;
  const auto options = LiveRig::Options::from_environment();
  auto rig = LiveRig::open(*options);
  if (!rig) return say(to_string(rig.error()));
  auto claim = GpuClaim::take(*rig, 0, 1e9);
  if (!claim) return say(to_string(claim.error()));
  const auto pass = claim->draw(phasewatt::Watts(watts), phasewatt::from_seconds(seconds));
  say(pass ? "done" : to_string(pass.error()));
  pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  library = dlopen(argv[1], RTLD_NOW);
  if (library == nullptr) return 3;
  const std::string what = argv[2];
  if (what == "load") {
    load(std::atof(argv[3]), std::atof(argv[4]));
    return 0;
  }
  nvmlDevice_t gpu = nullptr;
  if (function<nvmlReturn_t (*)()>("nvmlInit_v2")() != NVML_SUCCESS ||
      function<nvmlReturn_t (*)(unsigned int, nvmlDevice_t*)>("nvmlDeviceGetHandleByIndex_v2")(0, &gpu) != NVML_SUCCESS)
    return 4;
  const auto lock =
      function<nvmlReturn_t (*)(nvmlDevice_t, unsigned int, unsigned int)>("nvmlDeviceSetGpuLockedClocks");
  if (what == "lock") {
    const auto mhz = static_cast<unsigned int>(std::atoi(argv[3]));
    const auto result = lock(gpu, mhz, mhz);
    say(result == NVML_SUCCESS ? "done" : std::to_string(result));
    pause();
  }
  if (what == "storm") {
    const auto clock =
        function<nvmlReturn_t (*)(nvmlDevice_t, nvmlClockType_t, unsigned int*)>("nvmlDeviceGetClockInfo");
    say("done");
    for (unsigned int mhz = 0;; ++mhz) {
      lock(gpu, 600 + 15 * (mhz % 64), 600 + 15 * (mhz % 64));
      for (int i = 0; i < 400; ++i) {
        unsigned int seen = 0;
        clock(gpu, NVML_CLOCK_SM, &seen);
      }
    }
  }
  return 0;
}
