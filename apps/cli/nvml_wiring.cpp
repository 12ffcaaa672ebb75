#include "apps/cli/nvml_wiring.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "apps/cli/gpus.h"
#include "apps/cli/sim_parts.h"
#include "phasewatt/device/calibration/file.h"
#include "phasewatt/device/calibration/of_spec.h"
#include "phasewatt/device/lease/lease_client.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/engine/sim/sim_card.h"
#include "phasewatt/engine/sim/sim_engine.h"
#include "phasewatt/replay/several_gpus.h"

namespace phasewatt::cli {
namespace {

using device::nvml::NvmlDevice;

/// A further GPU of an engine that shares its models out.
struct OtherGpu {
  device::nvml::NvmlGpu gpu;
  device::Calibration calibration;
};

/// The chosen card and the engine that keeps it busy; immutable.
struct LiveParts {
  std::shared_ptr<const device::nvml::Nvml> nvml;
  device::nvml::NvmlGpu gpu;
  std::vector<OtherGpu> others;
  EngineMaker engine;  ///< empty: the simulated engine, by the next three
  std::shared_ptr<const SimParts> sim;
  std::shared_ptr<sim::live::LiveRig> rig;
  std::size_t card = 0;
  std::string cuda;  ///< the card as CUDA counts, "cuda:1"; empty = its first
  device::Calibration calibration;
  std::optional<device::lease::LeaseOptions> lease;  ///< present: clocks are to be locked
};

Result<device::nvml::NvmlGpu> choose_gpu(const Gpus& gpus, const std::string& selector) {
  PHASEWATT_ASSIGN(const auto chosen,
                   choose_gpus(gpus, selector.empty() ? std::vector<std::string>() : std::vector{selector}));
  auto gpu = gpus.all[chosen.front()];
  PHASEWATT_TRY(check_usable(gpu));
  return gpu;
}

/// The GPUs that the engine's "cuda:0,1" means, of those that CUDA shows.
Result<std::vector<device::nvml::NvmlGpu>> gpus_of_engine(const Gpus& gpus, const replay::Study& study) {
  if (!study.gpu.empty())
    return Error{ErrorCode::bad_input,
                 fmt::format("{}: [device] gpu = \"{}\", and the engine runs on {}", study.source, study.gpu,
                             study.engine_device),
                 "leave gpu out: the GPUs of the engine are measured"};
  std::vector<device::nvml::NvmlGpu> out;
  for (const int number : replay::engine_gpus(study)) {
    const auto& visible = gpus.visible.gpus;
    if (static_cast<std::size_t>(number) >= visible.size())
      return Error{ErrorCode::not_found,
                   fmt::format("{}: engine.device = \"{}\": CUDA shows {} GPUs", study.source, study.engine_device,
                               visible.size()),
                   "see phasewatt devices"};
    out.push_back(gpus.all[visible[static_cast<std::size_t>(number)]]);
    PHASEWATT_TRY(check_usable(out.back()));
  }
  return out;
}

/// Fills in which GPUs are measured.
Status choose_measured(const Gpus& gpus, const replay::Study& study, LiveParts& parts) {
  if (replay::engine_gpus(study).size() < 2) {
    PHASEWATT_ASSIGN(parts.gpu, choose_gpu(gpus, study.gpu));
    return ok();
  }
  PHASEWATT_ASSIGN(const auto chosen, gpus_of_engine(gpus, study));
  parts.gpu = chosen.front();
  for (std::size_t i = 1; i < chosen.size(); ++i) parts.others.push_back({chosen[i], {}});
  return ok();
}

Result<std::size_t> card_of(const sim::live::LiveRig& rig, const std::string& uuid) {
  for (std::size_t i = 0; i < rig.gpu_count(); ++i)
    if (rig.config().gpus[i].uuid == uuid) return i;
  return Error{ErrorCode::not_found, "the simulated NVML library shows a GPU that its state file lacks: " + uuid,
               "give this program and the library the same PHASEWATT_NVML_SIM_STATE"};
}

std::unique_ptr<engine::Engine> make_engine(const LiveParts& parts) {
  if (parts.engine) return parts.engine(parts.cuda);
  return std::make_unique<engine::SimEngine>(
      std::make_unique<engine::LiveCard>(parts.rig, parts.card), parts.sim->runtime,
      engine::SimEngine::Options{parts.sim->seed, parts.sim->workload, &parts.sim->quality});
}

Result<replay::Rig> make_rig(const std::shared_ptr<const LiveParts>& parts) {
  replay::Rig rig;
  rig.keep_alive = std::const_pointer_cast<LiveParts>(parts);
  rig.real_time = true;
  PHASEWATT_ASSIGN(rig.device, NvmlDevice::open(parts->nvml, parts->gpu));
  rig.engine = make_engine(*parts);
  rig.recorder = device::record_in_real_time(*rig.device);
  rig.calibration = parts->calibration;
  for (const OtherGpu& other : parts->others) {
    replay::Meter meter;
    PHASEWATT_ASSIGN(meter.device, NvmlDevice::open(parts->nvml, other.gpu));
    meter.recorder = device::record_in_real_time(*meter.device);
    meter.calibration = other.calibration;
    rig.others.push_back(std::move(meter));
  }
  if (!parts->lease) return rig;
  PHASEWATT_ASSIGN(auto connection, device::lease::LeaseConnection::open(*parts->lease));
  PHASEWATT_ASSIGN(rig.clock, device::LeaseClient::open(parts->gpu.uuid, std::move(connection)));
  return rig;
}

bool locks_clocks(const replay::Study& study) {
  const auto& list = study.clocks.list;
  return study.clocks.automatic ||
         std::any_of(list.begin(), list.end(), [](const auto& clock) { return clock.has_value(); });
}

/// Clocks that the daemon would lock, of those the card supports; an error says why it would lock none.
Result<std::vector<Mhz>> allowed_clocks(const device::lease::LeaseOptions& lease, const device::DeviceInfo& info) {
  PHASEWATT_ASSIGN(auto connection, device::lease::LeaseConnection::open({lease.socket, std::nullopt}));
  PHASEWATT_ASSIGN(const auto client, device::LeaseClient::open(info.id, std::move(connection)));
  PHASEWATT_ASSIGN(const auto reply, client->read());
  std::vector<Mhz> clocks;
  for (const Mhz clock : info.supported_clocks)
    if (clock.value() >= reply.least_mhz && clock.value() <= reply.most_mhz) clocks.push_back(clock);
  if (!clocks.empty()) return clocks;
  return Error{ErrorCode::permission, "phasewatt-clockd allows no clock of this GPU", {}};
}

/// Who would change clocks: fills in `clock_control`, and `how` or `no_control`. Changes nothing.
void find_control(const ClockConsent& consent, NvmlStudy& out) {
  const std::string socket = consent.lease.socket.string();
  if (!consent.given) {
    out.no_control = "observe mode: consent to lock clocks was not given (--allow-clock-control)";
    return;
  }
  auto allowed = allowed_clocks(consent.lease, out.device);
  if (allowed) {
    out.clock_control = true;
    out.how = "phasewatt-clockd at " + socket;
    out.device.supported_clocks = std::move(allowed).value();
  } else if (allowed.error().code == ErrorCode::not_found && consent.lease.helper && ::geteuid() == 0) {
    out.clock_control = true;
    out.how = "a phasewatt-clockd of this run, as root";
  } else {
    out.no_control = "observe mode: " + to_string(allowed.error());
  }
}

/// Gives the simulated engine its card, behind the simulated NVML library.
Status add_simulated_engine(const replay::Study& study, LiveParts& parts, NvmlStudy& out) {
  if (!parts.nvml->simulated())
    return Error{ErrorCode::unsupported,
                 fmt::format("{} is a real GPU, and the engine 'sim' has no work for it", parts.gpu.name),
                 "use [engine] kind = \"libtorch\", which has; or [device] kind = \"sim\", or the simulated NVML "
                 "library (docs/nvml-sim.md)"};
  PHASEWATT_ASSIGN(const auto where, sim::live::LiveRig::Options::from_environment());
  PHASEWATT_ASSIGN(parts.rig, sim::live::LiveRig::open(where));
  PHASEWATT_ASSIGN(parts.card, card_of(*parts.rig, parts.gpu.uuid));
  PHASEWATT_ASSIGN(parts.sim, sim_parts(study, parts.rig->config().gpus[parts.card].spec));
  out.runtime = parts.sim->runtime.id();
  out.cost = sim_cost(parts.sim);
  return ok();
}

/// Tells a real engine which of CUDA's GPUs is measured, when the study leaves it open.
Status add_real_engine(const replay::Study& study, const Gpus& gpus, const EngineMaker& engine, LiveParts& parts,
                       NvmlStudy& out) {
  parts.engine = engine;
  if (parts.nvml->simulated()) {
    out.notes.emplace_back(
        "the simulated GPU stands idle: the engine computes elsewhere, and no energy here is its own");
    return ok();
  }
  const auto& visible = gpus.visible.gpus;
  const auto at = std::find_if(visible.begin(), visible.end(),
                               [&](std::size_t place) { return gpus.all[place].uuid == parts.gpu.uuid; });
  if (at == visible.end())
    return Error{ErrorCode::not_found, "CUDA_VISIBLE_DEVICES hides " + parts.gpu.uuid + " from the engine",
                 "unset CUDA_VISIBLE_DEVICES, or name a GPU that it shows in [device] gpu"};
  out.cost = twin_cost(study, parts.gpu.name);
  if (at != visible.begin()) parts.cuda = fmt::format("cuda:{}", at - visible.begin());
  return ok();
}

/// The timing of the card's sensors as it is on file, or assumed.
device::Calibration calibration_on_file(const device::DeviceInfo& info, std::vector<std::string>& notes) {
  auto calibration = device::load_calibration(info.id, info.driver);
  if (calibration && *calibration) return std::move(**calibration);
  if (calibration)
    notes.push_back(device::other_driver_note(info.id, info.driver)
                        .value_or("the sensors' timing is assumed: 'phasewatt calibrate' measures it"));
  else
    notes.push_back("the card's calibration cannot be used, so the sensors' timing is assumed: " +
                    to_string(calibration.error()));
  device::Calibration assumed = device::assumed_calibration();
  assumed.device_id = info.id;
  assumed.driver = info.driver;
  return assumed;
}

/// As it was when the study began, if that is among `begun`: points that are evaluated differently are not comparable.
Result<device::Calibration> calibration_of(const device::DeviceInfo& info, const std::vector<std::string>& begun,
                                           NvmlStudy& out) {
  std::vector<std::string> notes;
  device::Calibration calibration = calibration_on_file(info, notes);
  for (const std::string& text : begun) {
    auto then = device::parse_calibration(text, "study_calibration in the study's database");
    if (!then) return Error{ErrorCode::bad_input, then.error().what, "the file is damaged: use a copy, or start anew"};
    if (then->device_id != info.id) continue;
    notes.clear();
    if (!calibration.assumed && device::to_json(*then) != device::to_json(calibration))
      notes.push_back(fmt::format(
          "the calibration of {} on file is not the one that the study began with, and goes on with", info.id));
    calibration = *std::move(then);
  }
  out.calibrations.push_back(device::to_json(calibration));
  out.notes.insert(out.notes.end(), notes.begin(), notes.end());
  return calibration;
}

/// The others' sensors; the study's device then is all of them, with their ceilings together.
Status add_others(LiveParts& parts, const std::vector<std::string>& begun, NvmlStudy& out) {
  std::vector<Ceilings> ceilings{out.ceilings};
  for (OtherGpu& other : parts.others) {
    PHASEWATT_ASSIGN(const auto device, NvmlDevice::open(parts.nvml, other.gpu));
    PHASEWATT_ASSIGN(other.calibration, calibration_of(device->info(), begun, out));
    out.device.id += ", " + device->info().id;
    out.device.name += " + " + device->info().name;
    ceilings.push_back(other.calibration.ceilings);
  }
  out.notes.erase(std::unique(out.notes.begin(), out.notes.end()), out.notes.end());  // what holds for all of them
  out.ceilings = replay::sum_of_ceilings(ceilings);
  return ok();
}

}  // namespace

Result<NvmlStudy> open_nvml_study(const replay::Study& study, const ClockConsent& consent, const EngineMaker& engine,
                                  const std::vector<std::string>& calibrations) {
  const Gpus gpus = look_for_gpus();
  if (gpus.trouble) {
    Error error = *gpus.trouble;
    if (engine) error.hint += "; for times and quality without energy: [device] kind = \"none\"";
    return error;
  }
  auto parts = std::make_shared<LiveParts>();
  parts->nvml = gpus.nvml;
  PHASEWATT_TRY(choose_measured(gpus, study, *parts));
  NvmlStudy out;
  PHASEWATT_TRY(engine ? add_real_engine(study, gpus, engine, *parts, out) : add_simulated_engine(study, *parts, out));

  PHASEWATT_ASSIGN(const auto device, NvmlDevice::open(parts->nvml, parts->gpu));
  out.device = device->info();
  if (!out.device.readable.energy && !out.device.readable.power_instant && !out.device.readable.power_average)
    return Error{ErrorCode::unsupported, out.device.name + " has neither an energy counter nor a power reading",
                 "see phasewatt devices for what it can tell"};
  PHASEWATT_ASSIGN(parts->calibration, calibration_of(out.device, calibrations, out));
  out.ceilings = parts->calibration.ceilings;
  // The simulated card's ceilings stand in its spec file.
  if (out.ceilings.source.empty() && parts->rig)
    out.ceilings = device::calibration_of_spec(parts->rig->config().gpus[parts->card].spec).ceilings;
  PHASEWATT_TRY(add_others(*parts, calibrations, out));
  if (locks_clocks(study) && !parts->others.empty())
    out.no_control = "observe mode: the engine uses several GPUs, and a clock is locked on one alone";
  else if (locks_clocks(study))
    find_control(consent, out);
  if (out.clock_control) parts->lease = consent.lease;
  out.make_rig = [parts] { return make_rig(parts); };
  return out;
}

}  // namespace phasewatt::cli
