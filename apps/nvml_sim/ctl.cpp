// phasewatt-nvml-sim-ctl: looks at the truth behind the simulated NVML and makes things happen to its cards.
#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "apps/nvml_sim/truth.h"
#include "phasewatt/base/text.h"
#include "phasewatt/sim/live/rig.h"

namespace phasewatt::nvml_sim {
namespace {

using sim::live::EventKind;
using sim::live::GpuState;
using sim::live::LiveGpu;
using sim::live::LiveRig;

struct Arguments {
  std::size_t gpu = 0;
  std::string kind;
  std::optional<double> for_s;
  double value = 0;
  std::string feature;
  std::int32_t pid = 0;
  double watts = 0;
};

Result<EventKind> event_kind(const std::string& name) {
  if (const auto kind = sim::live::parse_event(name)) return *kind;
  std::vector<std::string> valid;
  valid.reserve(sim::live::kEventNames.size());
  for (const auto& each : sim::live::kEventNames) valid.emplace_back(each.name);
  return Error{ErrorCode::usage, fmt::format("no event '{}'", name), did_you_mean(name, valid)};
}

Status show(LiveRig& rig) {
  PHASEWATT_ASSIGN(const std::string text, truth(rig));
  (void)std::fputs(text.c_str(), stdout);
  return ok();
}

Status inject(LiveRig& rig, const Arguments& given) {
  PHASEWATT_ASSIGN(const EventKind kind, event_kind(given.kind));
  double value = given.value;
  if (kind == EventKind::unsupported) {
    const auto* found = std::find(sim::live::kFeatureNames.begin(), sim::live::kFeatureNames.end(), given.feature);
    const std::vector<std::string> valid(sim::live::kFeatureNames.begin(), sim::live::kFeatureNames.end());
    if (found == sim::live::kFeatureNames.end())
      return Error{ErrorCode::usage, fmt::format("--feature is '{}'", given.feature),
                   did_you_mean(given.feature, valid)};
    value = static_cast<double>(found - sim::live::kFeatureNames.begin());
  }
  return rig.inject(given.gpu, {.kind = kind, .for_s = given.for_s, .value = value, .pid = given.pid});
}

Status clear(LiveRig& rig, const Arguments& given) {
  std::optional<EventKind> kind;
  if (!given.kind.empty()) {
    PHASEWATT_ASSIGN(kind, event_kind(given.kind));
  }
  return rig.clear(given.gpu, kind);
}

Status load(LiveRig& rig, const Arguments& given) {
  bool full = false;
  PHASEWATT_TRY(rig.with(given.gpu, [&](LiveGpu& gpu, GpuState& state, std::int64_t now) {
    full = gpu.add_load(state, {.watts = given.watts}, now, given.for_s.value_or(1), given.pid) == nullptr;
  }));
  if (full) return Error{ErrorCode::unsupported, "too many loads are waiting", "try again later"};
  return ok();
}

/// As after unloading and loading the driver: no lock, no events but the scripted ones, the counter at its start.
Status reset(LiveRig& rig) {
  for (std::size_t i = 0; i < rig.gpu_count(); ++i)
    PHASEWATT_TRY(rig.with(i, [](LiveGpu& gpu, GpuState& state, std::int64_t now) { gpu.start(state, now); }));
  return ok();
}

int run(int argc, char** argv) {
  CLI::App app("Looks at the truth behind the simulated NVML and makes things happen to its cards (docs/nvml-sim.md)");
  Arguments given;
  app.require_subcommand(1);
  const auto on_gpu = [&](CLI::App* sub) { sub->add_option("gpu", given.gpu, "Index of the card")->required(); };
  app.add_subcommand("state", "Print the true state as JSON");
  app.add_subcommand("path", "Print the path of the shared file");
  app.add_subcommand("reset", "Start all cards anew, as a reload of the driver does");
  auto* event = app.add_subcommand("inject", "Make an event begin now");
  on_gpu(event);
  event->add_option("kind", given.kind, "permission_denied, gpu_lost, clock_not_attained, ...")->required();
  event->add_option("--for", given.for_s, "Seconds; without it until cleared");
  event->add_option("--value", given.value, "Milliseconds of slow_calls, MHz of clock_not_attained and foreign_lock");
  event->add_option("--feature", given.feature, "What the card lacks, of unsupported");
  event->add_option("--pid", given.pid, "Of foreign_process and foreign_lock");
  auto* end = app.add_subcommand("clear", "End events");
  on_gpu(end);
  end->add_option("kind", given.kind, "Of this kind alone");
  auto* work = app.add_subcommand("load", "Let a card draw power from now on");
  on_gpu(work);
  work->add_option("--watts", given.watts, "Power")->required()->check(CLI::Range(0.0, 1e5));
  work->add_option("--for", given.for_s, "Seconds (1)")->check(CLI::Range(1e-3, 1e7));
  work->add_option("--pid", given.pid, "Ends with this process; without it with the time alone");
  CLI11_PARSE(app, argc, argv);

  const auto fail = [](const Error& error) {
    (void)std::fputs(fmt::format("phasewatt-nvml-sim-ctl: {}\n", to_string(error)).c_str(), stderr);
    return 1;
  };
  const auto options = LiveRig::Options::from_environment();
  if (!options) return fail(options.error());
  const auto rig = LiveRig::open(*options);
  if (!rig) return fail(rig.error());
  const std::string verb = app.get_subcommands().front()->get_name();
  Status done;
  if (verb == "state") done = show(**rig);
  if (verb == "path") (void)std::fputs(((*rig)->path().string() + "\n").c_str(), stdout);
  if (verb == "reset") done = reset(**rig);
  if (verb == "inject") done = inject(**rig, given);
  if (verb == "clear") done = clear(**rig, given);
  if (verb == "load") done = load(**rig, given);
  return done ? 0 : fail(done.error());
}

}  // namespace
}  // namespace phasewatt::nvml_sim

int main(int argc, char** argv) {
  try {
    return phasewatt::nvml_sim::run(argc, argv);
  } catch (const std::exception& e) {
    (void)std::fputs(e.what(), stderr);
    return 1;
  }
}
