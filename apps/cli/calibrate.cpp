#include <fmt/format.h>

#include <ctime>
#include <filesystem>

#include "apps/cli/calibrate_load.h"
#include "apps/cli/calibrate_text.h"
#include "apps/cli/commands.h"
#include "apps/cli/gpus.h"
#include "apps/cli/progress.h"
#include "apps/cli/version.h"
#include "apps/cli/wiring.h"
#include "phasewatt/base/files.h"
#include "phasewatt/device/calibration/file.h"
#include "phasewatt/device/calibration/procedure.h"
#include "phasewatt/device/lease/lease_client.h"

namespace phasewatt::cli {
namespace {

using device::Calibration;
using device::CalibrationPlan;
using device::nvml::NvmlDevice;
using device::nvml::NvmlGpu;

constexpr std::string_view kStopping =
    "\nphasewatt: stopping; the load is ended, the clock given back, nothing kept (press again to quit at once)\n";

struct Options {
  std::string device;
  std::string load;
  std::string output;
  bool force = false;
  bool quick = false;
  ClockConsent consent;
};

std::string now_utc() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

Result<NvmlGpu> choose_gpu(const Gpus& gpus, const std::string& selector) {
  PHASEWATT_ASSIGN(const auto chosen,
                   choose_gpus(gpus, selector.empty() ? std::vector<std::string>() : std::vector{selector}));
  auto gpu = gpus.all[chosen.front()];
  PHASEWATT_TRY(check_usable(gpu));
  return gpu;
}

/// The load of our own on a simulated card.
Result<std::unique_ptr<device::StepLoad>> load_of_simulation(const std::string& uuid) {
  PHASEWATT_ASSIGN(const auto where, sim::live::LiveRig::Options::from_environment());
  PHASEWATT_ASSIGN(auto rig, sim::live::LiveRig::open(where));
  for (std::size_t i = 0; i < rig->gpu_count(); ++i)
    if (rig->config().gpus[i].uuid == uuid) return simulated_load(std::move(rig), i);
  return Error{ErrorCode::not_found, "the simulated NVML library shows a GPU that its state file lacks: " + uuid,
               "give this program and the library the same PHASEWATT_NVML_SIM_STATE"};
}

Result<std::unique_ptr<device::StepLoad>> choose_load(const Options& options, const Gpus& gpus, const NvmlGpu& gpu,
                                                      const Console& console) {
  if (!options.load.empty()) return command_load(options.load, stop_flag());
  if (gpus.nvml->simulated()) return load_of_simulation(gpu.uuid);
  console.say(
      "note: without a load only refresh periods, cost of reads and idle power can be measured; give one with --load, "
      "for example --load 'python3 tools/torch_load.py'");
  return std::unique_ptr<device::StepLoad>();
}

/// The clock, with consent, and what may be locked of it.
struct ClockAccess {
  std::unique_ptr<device::LeaseClient> client;
  std::vector<Mhz> clocks;
};

Result<ClockAccess> open_clock(const Options& options, const device::DeviceInfo& info) {
  PHASEWATT_ASSIGN(auto connection, device::lease::LeaseConnection::open(options.consent.lease));
  ClockAccess access;
  PHASEWATT_ASSIGN(access.client, device::LeaseClient::open(info.id, std::move(connection)));
  PHASEWATT_ASSIGN(const auto reply, access.client->read());
  for (const Mhz clock : info.supported_clocks)
    if (clock.value() >= reply.least_mhz && clock.value() <= reply.most_mhz) access.clocks.push_back(clock);
  return access;
}

/// Whether the load changed what no sensor of the card showed: it computed nothing, or on another card.
bool nothing_followed(const Calibration& calibration) {
  const auto unmoved = std::count_if(calibration.notes.begin(), calibration.notes.end(), [](const std::string& note) {
    return note.find("did not follow the steps of a load") != std::string::npos;
  });
  const auto sensors =
      calibration.power_instant.has_value() + calibration.power_average.has_value() + calibration.energy.has_value();
  return unmoved > 0 && unmoved == sensors;
}

Status keep(const Calibration& calibration, const Options& options, const Console& console) {
  if (nothing_followed(calibration)) {
    console.out(console.json ? to_json(calibration) : calibration_text(calibration));
    return Error{ErrorCode::not_valid, "the load did not change what this card draws; nothing was kept",
                 "check that the load command computes on this GPU"};
  }
  PHASEWATT_TRY(device::save_calibration(calibration));
  if (!options.output.empty()) PHASEWATT_TRY(write_file(options.output, to_json(calibration)));
  console.out(console.json ? to_json(calibration) : calibration_text(calibration));
  return ok();
}

Status run_calibration(const Options& options, const Console& console) {
  install_stop_signals(kStopping);
  std::error_code ec;
  if (!options.output.empty() && !options.force && std::filesystem::exists(options.output, ec))
    return Error{ErrorCode::exists, "'" + options.output + "' exists already",
                 "name another file, or use --force to replace it"};
  const Gpus gpus = look_for_gpus();
  PHASEWATT_ASSIGN(const NvmlGpu gpu, choose_gpu(gpus, options.device));
  PHASEWATT_ASSIGN(const auto device, NvmlDevice::open(gpus.nvml, gpu));
  PHASEWATT_ASSIGN(const auto load, choose_load(options, gpus, gpu, console));

  ClockAccess access;
  std::string no_clock;
  if (options.consent.given && load != nullptr) {
    auto opened = open_clock(options, device->info());
    if (opened)
      access = *std::move(opened);
    else
      no_clock = to_string(opened.error());
  } else if (options.consent.given) {
    no_clock = "without a load the clock of an idle card would be seen";
  }
  if (!no_clock.empty()) console.say("note: clocks are left alone: " + no_clock);

  const CalibrationPlan plan = options.quick ? CalibrationPlan::quick() : CalibrationPlan();
  Result<Calibration> measured = [&] {
    ShareBar bar(console, true);
    return device::calibrate(plan, {*device, load.get(), access.client.get(), access.clocks, &stop_flag(),
                                    [&](double share, std::string_view what) { bar.show(share, std::string(what)); }});
  }();
  if (!measured) return std::move(measured).error();
  measured->made_utc = now_utc();
  measured->program_version = kVersion;
  if (!no_clock.empty()) measured->notes.push_back("switching of clocks was not measured: " + no_clock);
  return keep(*measured, options, console);
}

}  // namespace

void add_calibrate(CLI::App& app, Action& action) {
  auto* sub = app.add_subcommand("calibrate", "what a card's sensors can do");
  auto options = std::make_shared<Options>();
  sub->add_option("--device", options->device);
  sub->add_option("--load", options->load);
  sub->add_option("--output", options->output);
  sub->add_flag("--force", options->force);
  sub->add_flag("--quick", options->quick);
  sub->add_flag("--allow-clock-control", options->consent.given);
  // A daemon that was named and does not answer is no reason to start another.
  sub->add_option("--clockd-socket", options->consent.lease.socket)->each([options](const std::string&) {
    options->consent.lease.helper.reset();
  });
  sub->callback([&action, options] {
    action = [options](const Console& console) { return run_calibration(*options, console); };
  });
}

}  // namespace phasewatt::cli
