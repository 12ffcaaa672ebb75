#pragma once

#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/device/nvml/nvml_device.h"

/// Cards of the simulated NVML, each call into which is timed, for benchmarks of what stands around the calls.
namespace phasewatt::device::bench {

inline Nanos thread_cpu() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + Nanos(now.tv_nsec);
}

/// Processor time inside NVML's calls, of all threads, and how many calls there were.
inline std::atomic<std::int64_t> g_inside_ns{0};
inline std::atomic<std::int64_t> g_calls{0};
inline nvml::NvmlFunctions g_real;

/// The functions of the library, each with the thread's CPU time taken around it. Half of each of the two looks at the
/// clock falls outside the call.
template <auto member, class Function>
struct Traced;
template <auto member, class R, class... A>
struct Traced<member, R (*nvml::NvmlFunctions::*)(A...)> {
  static R call(A... arguments) {
    const Nanos begin = thread_cpu();
    const R result = (g_real.*member)(arguments...);
    g_inside_ns.fetch_add((thread_cpu() - begin).count(), std::memory_order_relaxed);
    g_calls.fetch_add(1, std::memory_order_relaxed);
    return result;
  }
};

inline nvml::NvmlFunctions traced() {
  using nvml::NvmlFunctions;
  NvmlFunctions out = g_real;
#define PHASEWATT_TRACE(need, member, result, parameters, newest, older) \
  if (g_real.member != nullptr) out.member = &Traced<&NvmlFunctions::member, decltype(&NvmlFunctions::member)>::call;
  PHASEWATT_NVML_READ(PHASEWATT_TRACE)
#undef PHASEWATT_TRACE
  return out;
}

/// Seconds that one look at the thread's CPU clock costs.
inline double look_s() {
  constexpr int kLooks = 20'000;
  const Nanos begin = thread_cpu();
  Nanos last{};
  for (int i = 0; i < kLooks; ++i) last = thread_cpu();
  return to_seconds(last - begin) / kLooks;
}

/// Eight H200s with a state of their own.
struct Rig {
  Rig() {
    std::string name = (std::filesystem::temp_directory_path() / "phasewatt-bench-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    ::setenv("PHASEWATT_NVML_SIM_STATE", (folder / "state").c_str(), 1);
    ::setenv("PHASEWATT_NVML_SIM_GPUS", "h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm,h200-sxm", 1);
    library = nvml::Nvml::open(PHASEWATT_NVML_SIM_LIBRARY).value();
    g_real = library->call();
    trace = nvml::Nvml::open(traced(), "traced", true).value();
    const auto gpus = nvml::list_gpus(*trace).value();
    for (const auto& gpu : gpus) {
      owned.push_back(nvml::NvmlDevice::open(trace, gpu).value());
      devices.push_back(owned.back().get());
    }
  }
  ~Rig() { std::filesystem::remove_all(folder); }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  std::filesystem::path folder;
  std::shared_ptr<const nvml::Nvml> library;
  std::shared_ptr<const nvml::Nvml> trace;
  std::vector<std::unique_ptr<nvml::NvmlDevice>> owned;
  std::vector<Device*> devices;
};

inline Rig& rig() {
  static Rig the_rig;
  return the_rig;
}

}  // namespace phasewatt::device::bench
