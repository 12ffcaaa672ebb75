#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/gpu_spec.h"
#include "phasewatt/sim/live/event.h"

/// Which simulated GPUs stand in a machine, read from a TOML file; the keys are explained in docs/nvml-sim.md.
namespace phasewatt::sim::live {

/// What keeps a card busy: the load of a model or a micro-load, repeated without a gap, or plainly watts.
struct Work {
  std::optional<double> watts = std::nullopt;  ///< drawn at whatever clock; `load` is then unused
  Load load = {};
};

/// One entry of a load trace, in seconds since the rig was created.
struct TraceStep {
  double at_s = 0;
  double for_s = 0;
  Work work;
};

/// One entry of the list of scripted events.
struct ScriptedEvent {
  EventKind kind = EventKind::permission_denied;
  double at_s = 0;
  std::optional<double> for_s;  ///< absent = for ever
  double value = 0;             ///< milliseconds of slow_calls, MHz of clock_not_attained and foreign_lock
  std::int32_t pid = 0;         ///< of foreign_process and foreign_lock
};

/// Who may change clocks.
enum class Permission { root, any, none };

/// What a card can be told to lack.
enum class Feature {
  power_instant,
  power_average,
  energy,
  clocks,
  supported_clocks,
  temperature,
  utilization,
  throttle,
  locked_clocks,
  processes
};
inline constexpr std::size_t kFeatureCount = 10;

struct GpuConfig {
  GpuSpec spec;
  std::string uuid;
  std::uint32_t pci_domain = 0;
  std::uint32_t pci_bus = 0;
  std::uint32_t pci_device = 0;
  Permission permission = Permission::root;
  bool mig = false;
  std::int32_t virtualization = 0;  ///< nvmlGpuVirtualizationMode_t
  bool persistence = true;
  bool context = false;       ///< somebody holds a context all the time
  std::uint32_t missing = 0;  ///< bit per Feature
  std::vector<TraceStep> trace;
  double repeat_s = 0;  ///< period of the trace; 0 = once
  std::vector<ScriptedEvent> events;

  [[nodiscard]] bool lacks(Feature feature) const { return (missing >> static_cast<unsigned>(feature) & 1U) != 0; }
};

struct LiveConfig {
  std::string driver_version;
  std::int32_t cuda_version = 0;  ///< 1000·major + 10·minor
  std::uint64_t seed = 1;
  bool noise = true;          ///< false: sensors without error and jitter, clock switches take their median
  bool group_access = false;  ///< the state file is also for the group
  std::vector<GpuConfig> gpus;
  std::string text;  ///< what it was parsed from
};

/// At most this many GPUs, events and bytes of text fit into the shared file.
inline constexpr std::size_t kMaxGpus = 8;
inline constexpr std::size_t kMaxEvents = 32;
inline constexpr std::size_t kMaxConfigBytes = 65536;

/// bad_input names file and line. `name` stands in messages. Pure but for the spec files that it names.
Result<LiveConfig> parse_live_config(std::string_view text, std::string_view name);

/// The text of a configuration with these specs ("h200-sxm,h200-sxm") and everything else at its default.
std::string config_text(std::string_view gpus);

}  // namespace phasewatt::sim::live
