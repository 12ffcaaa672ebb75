#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "apps/cli/calibrate_text.h"
#include "apps/cli/clock_helper.h"
#include "apps/cli/doctor.h"
#include "apps/cli/gpus.h"
#include "phasewatt/base/text.h"
#include "phasewatt/device/calibration/file.h"
#include "phasewatt/device/rapl/rapl_device.h"
#include "phasewatt/device/rocm/rocm_device.h"

namespace phasewatt::cli {
namespace {

using namespace device::nvml;

std::string name_of(const NvmlGpu& gpu) { return fmt::format("gpu {}", gpu.index); }

Finding gpu_state(const NvmlGpu& gpu) {
  if (gpu.trouble) return {"device", name_of(gpu), false, gpu.trouble->what, gpu.trouble->hint};
  return {"device", name_of(gpu), true, fmt::format("{}, {}", gpu.name, gpu.uuid), {}};
}

/// What a study reads: energy, or power to integrate, and what tells whether a point is valid.
Finding gpu_readings(const NvmlGpu& gpu, const device::DeviceInfo& info) {
  const auto missing = readings_of(info, false);
  const auto& has = info.readable;
  const bool enough = (has.energy || has.power_instant || has.power_average) && has.clocks;
  std::string detail = "all signals";
  if (!missing.empty()) detail = (enough ? "all but " : "lacks ") + join(missing, ", ");
  return {"device", name_of(gpu) + " readings", enough, detail,
          "a study needs power or energy, and the SM clock: update the driver, or use another GPU"};
}

Finding gpu_persistence(const NvmlGpu& gpu) {
  return {"device", name_of(gpu) + " persistence", *gpu.persistence,
          *gpu.persistence ? "on: the driver stays loaded, and with it clock and energy counter"
                           : "off: the driver may unload between runs, which resets clock and energy counter",
          fmt::format("sudo nvidia-smi -i {} -pm 1", gpu.index)};
}

std::optional<Finding> gpu_neighbours(const NvmlGpu& gpu, NvmlDevice& device) {
  const auto readings = device.read({.processes = true});
  if (!readings || !readings->other_processes) return std::nullopt;
  const auto& pids = *readings->other_processes;
  return Finding{
      "device", name_of(gpu) + " alone", pids.empty(),
      pids.empty() ? std::string("no other process uses it") : fmt::format("used by process {}", fmt::join(pids, ", ")),
      "end them before a study: what they draw is measured too"};
}

/// When the card was calibrated with this driver, or that it was not; and the shortest window that may be reported.
Finding gpu_calibration(const NvmlGpu& gpu, const device::DeviceInfo& info) {
  Finding out{"device", name_of(gpu) + " calibration", false, {}, {}};
  out.next = fmt::format("phasewatt calibrate --device {} --load CMD", gpu.index);
  const auto found = device::load_calibration(info.id, info.driver);
  if (!found) {
    out.detail = found.error().what;
  } else if (*found) {
    out.present = true;
    out.detail = calibration_line(**found);
  } else {
    out.detail = fmt::format("{}; assumed until then: shortest window {:.2f} s",
                             device::other_driver_note(info.id, info.driver).value_or("not calibrated"),
                             device::shortest_window_s(device::assumed_calibration()));
  }
  return out;
}

void examine_gpu(const Gpus& gpus, const NvmlGpu& gpu, std::vector<Finding>& all) {
  all.push_back(gpu_state(gpu));
  const auto device = NvmlDevice::open(gpus.nvml, gpu);
  if (!device) return;
  all.push_back(gpu_readings(gpu, (*device)->info()));
  if (!gpu.trouble) all.push_back(gpu_calibration(gpu, (*device)->info()));
  if (gpu.persistence) all.push_back(gpu_persistence(gpu));
  if (auto neighbours = gpu_neighbours(gpu, **device)) all.push_back(*std::move(neighbours));
}

/// Whether CUDA numbers the GPUs as NVML does: with one kind of GPU, with the order set, or when they have names.
bool order_is_known(const Gpus& gpus, const std::string& value) {
  const char* order = std::getenv("CUDA_DEVICE_ORDER");
  const bool alike = std::all_of(gpus.all.begin(), gpus.all.end(),
                                 [&](const NvmlGpu& gpu) { return gpu.name == gpus.all.front().name; });
  return alike || value.find_first_of("0123456789") != 0 ||
         (order != nullptr && std::string_view(order) == "PCI_BUS_ID");
}

Finding visible_devices(const Gpus& gpus) {
  Finding out{"device", "CUDA_VISIBLE_DEVICES", true, {}, {}};
  const char* set = std::getenv("CUDA_VISIBLE_DEVICES");
  if (set == nullptr) {
    out.detail = "not set: CUDA sees every GPU";
    return out;
  }
  const auto& visible = gpus.visible;
  std::vector<std::string> seen;
  for (const auto place : visible.gpus) seen.push_back(std::to_string(gpus.all[place].index));
  out.detail =
      seen.empty() ? fmt::format("'{}' hides every GPU", set) : fmt::format("'{}' shows GPU {}", set, join(seen, ", "));
  out.present = !seen.empty();
  out.next = "unset CUDA_VISIBLE_DEVICES, or set it to an index or UUID that phasewatt devices lists";
  if (visible.duplicate) out.detail += ": a GPU is named twice";
  if (visible.cut_at) {
    out.present = false;
    out.detail += fmt::format(": '{}' names no GPU, and CUDA leaves out all after it", *visible.cut_at);
  }
  if (visible.mig_instance) {
    out.present = false;
    out.detail += ": a MIG instance, whose energy cannot be told apart";
    out.next = "name a whole GPU without MIG";
  }
  if (out.present && !order_is_known(gpus, set)) {
    out.present = false;
    out.detail += ", if CUDA counts as NVML does: the GPUs differ";
    out.next = "export CUDA_DEVICE_ORDER=PCI_BUS_ID, or use UUIDs";
  }
  return out;
}

Finding host_energy() {
  const auto host = device::rapl::open_rapl();
  if (host) return {"device", "host energy", true, (*host)->info().name, {}};
  return {"device", "host energy", false, host.error().what, host.error().hint};
}

/// Nothing to say where no AMD card is expected.
std::optional<Finding> amd_gpus() {
  const auto cards = device::rocm::list_rocm_devices();
  if (!cards && cards.error().code == ErrorCode::not_found) return std::nullopt;
  if (!cards) return Finding{"device", "AMD GPUs", false, cards.error().what, cards.error().hint};
  std::vector<std::string> names;
  for (const auto& card : *cards) names.push_back(card.name);
  return Finding{"device", "AMD GPUs", true, join(names, ", "), {}};
}

}  // namespace

std::vector<Finding> examine_devices() {
  std::vector<Finding> all;
  const Gpus gpus = look_for_gpus();
  if (gpus.trouble) {
    all.push_back({"device", "nvml", false, gpus.trouble->what, gpus.trouble->hint});
  } else {
    const bool some = !gpus.all.empty();
    all.push_back({"device", "nvml", some,
                   nvml_words(*gpus.nvml) + (some ? fmt::format(", {} GPU(s)", gpus.all.size()) : ", but no GPU"),
                   "see lspci | grep -i nvidia, and sudo dmesg | grep -i nvrm"});
    for (const auto& gpu : gpus.all) examine_gpu(gpus, gpu, all);
    if (some) all.push_back(visible_devices(gpus));
  }
  if (auto amd = amd_gpus()) all.push_back(*std::move(amd));
  all.push_back(host_energy());
  return all;
}

std::vector<Finding> examine_clocks() {
  const auto allowed = may_lock_clocks();
  return {{"clocks", "simulated clock control", true, "locks are simulated; nothing on this machine is changed", {}},
          {"clocks", "real clock control", allowed.ok(), allowed ? *allowed : allowed.error().what,
           allowed ? "" : allowed.error().hint}};
}

}  // namespace phasewatt::cli
