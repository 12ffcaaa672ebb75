#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>

#include "apps/cli/commands.h"
#include "apps/cli/devices_watch.h"
#include "apps/cli/gpus.h"
#include "phasewatt/base/text.h"
#include "phasewatt/device/rapl/rapl_device.h"
#include "phasewatt/device/rocm/rocm_device.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::cli {
namespace {

using namespace device::nvml;
using Json = nlohmann::ordered_json;

Json to_json(const Error& error) {
  return {{"code", to_string(error.code)}, {"what", error.what}, {"hint", error.hint}};
}

std::string_view words(PowerSource source) {
  switch (source) {
    case PowerSource::none: return "none";
    case PowerSource::field: return "field";
    case PowerSource::usage: return "nvmlDeviceGetPowerUsage";
  }
  return "none";
}

/// The number CUDA gives the GPU; absent when CUDA_VISIBLE_DEVICES hides it.
std::optional<std::size_t> cuda_index(const Gpus& gpus, std::size_t place) {
  const auto& list = gpus.visible.gpus;
  const auto found = std::find(list.begin(), list.end(), place);
  return found == list.end() ? std::nullopt : std::optional<std::size_t>(found - list.begin());
}

Json to_json(const NvmlDevice& device) {
  const auto& info = device.info();
  Json clocks = Json::array();
  for (const Mhz clock : info.supported_clocks) clocks.push_back(clock.value());
  return {{"memory_bytes", info.memory_bytes ? Json(*info.memory_bytes) : Json()},
          {"power_cap_w", info.power_cap ? Json(info.power_cap->value()) : Json()},
          {"power_instant_from", words(device.power_instant_source())},
          {"power_average_from", words(device.power_average_source())},
          {"readings", readings_of(info, true)},
          {"missing_readings", readings_of(info, false)},
          {"sm_clocks_mhz", clocks}};
}

Json to_json(const Gpus& gpus, std::size_t place) {
  const auto& gpu = gpus.all[place];
  const auto cuda = cuda_index(gpus, place);
  Json out{{"index", gpu.index},
           {"uuid", gpu.uuid},
           {"pci_bus_id", gpu.pci_bus_id},
           {"name", gpu.name},
           {"simulated", gpus.nvml->simulated()},
           {"state", to_string(gpu.state)},
           {"trouble", gpu.trouble ? to_json(*gpu.trouble) : Json()},
           {"cuda_index", cuda ? Json(*cuda) : Json()},
           {"persistence", gpu.persistence ? Json(*gpu.persistence) : Json()}};
  if (const auto device = NvmlDevice::open(gpus.nvml, gpu)) out.update(to_json(**device));
  return out;
}

std::string line(std::string_view name, const std::string& text) {
  return fmt::format("       {:<10}{}\n", name, text);
}

std::string to_text(const NvmlDevice& device) {
  const auto& info = device.info();
  std::string facts =
      info.memory_bytes ? fmt::format("{:.0f} GiB of memory", *info.memory_bytes / 1073741824.0) : "memory unknown";
  if (info.power_cap) facts += fmt::format(", power cap {:g} W", info.power_cap->value());
  if (!info.supported_clocks.empty())
    facts += fmt::format(", {} SM clocks from {:g} to {:g} MHz", info.supported_clocks.size(),
                         info.supported_clocks.front().value(), info.supported_clocks.back().value());
  std::string out = line("card", facts) + line("readings", join(readings_of(info, true), ", "));
  if (const auto missing = readings_of(info, false); !missing.empty()) out += line("missing", join(missing, ", "));
  return out;
}

std::string to_text(const Gpus& gpus, std::size_t place) {
  const auto& gpu = gpus.all[place];
  std::string out = fmt::format("GPU {:<3}{}\n", gpu.index, gpu.name.empty() ? "(does not tell its name)" : gpu.name);
  if (!gpu.uuid.empty()) out += line("id", fmt::format("{}, PCI {}", gpu.uuid, gpu.pci_bus_id));
  out += line("state", gpu.trouble ? fmt::format("{}: {}", to_string(gpu.state), gpu.trouble->what)
                                   : std::string(to_string(gpu.state)));
  if (gpu.trouble) out += line("", "-> " + gpu.trouble->hint);
  const auto cuda = cuda_index(gpus, place);
  out += line("CUDA", cuda ? fmt::format("device {}", *cuda) : "hidden by CUDA_VISIBLE_DEVICES");
  const auto device = NvmlDevice::open(gpus.nvml, gpu);
  return device ? out + to_text(**device) : out;
}

/// "h200-sxm" or "sim:h200-sxm": a simulated device that ships with the program.
std::optional<std::string> spec_named(const std::string& selector) {
  const std::string id = selector.starts_with("sim:") ? selector.substr(4) : selector;
  const auto ids = sim::shipped_gpus();
  return std::find(ids.begin(), ids.end(), id) == ids.end() ? std::nullopt : std::optional(id);
}

/// What is to be listed.
struct Wanted {
  std::vector<std::size_t> gpus;
  std::vector<std::string> specs;
};

Result<Wanted> wanted(const Gpus& gpus, const std::vector<std::string>& selectors) {
  Wanted out;
  if (selectors.empty()) {
    for (std::size_t i = 0; i < gpus.all.size(); ++i) out.gpus.push_back(i);
    out.specs = sim::shipped_gpus();
    return out;
  }
  for (const auto& selector : selectors) {
    if (const auto spec = spec_named(selector)) {
      out.specs.push_back(*spec);
      continue;
    }
    PHASEWATT_ASSIGN(const auto chosen, choose_gpus(gpus, {selector}));
    out.gpus.push_back(chosen.front());
  }
  return out;
}

/// What else on this machine tells energy: AMD GPUs and the host's processors. None is no trouble.
std::vector<device::DeviceInfo> other_devices() {
  std::vector<device::DeviceInfo> all;
  if (auto cards = device::rocm::list_rocm_devices()) all = *std::move(cards);
  for (const auto scope :
       {device::rapl::RaplScope::packages, device::rapl::RaplScope::memory, device::rapl::RaplScope::system})
    if (const auto host = device::rapl::open_rapl(scope)) all.push_back((*host)->info());
  return all;
}

Status print_devices(const std::vector<std::string>& selectors, const Console& console) {
  const Gpus gpus = look_for_gpus();
  PHASEWATT_ASSIGN(const auto list, wanted(gpus, selectors));
  Json cards = Json::array();
  Json specs = Json::array();
  if (!console.json && (gpus.nvml || selectors.empty())) {
    console.out(gpus.nvml ? "NVML   " + nvml_words(*gpus.nvml) + "\n"
                          : "NVML   " + gpus.trouble->what + "\n       -> " + gpus.trouble->hint + "\n");
  }
  for (const auto place : list.gpus) {
    if (console.json)
      cards.push_back(to_json(gpus, place));
    else
      console.out(to_text(gpus, place));
  }
  for (const auto& id : list.specs) {
    PHASEWATT_ASSIGN(const auto spec, sim::find_gpu(id));
    specs.push_back({{"id", id}, {"name", spec.name}, {"simulated", true}});
    if (!console.json) console.out(fmt::format("sim    {:<27} {}\n", id, spec.name));
  }
  Json others = Json::array();
  for (const auto& info : selectors.empty() ? other_devices() : std::vector<device::DeviceInfo>()) {
    others.push_back(
        {{"id", info.id}, {"name", info.name}, {"simulated", info.simulated}, {"readings", readings_of(info, true)}});
    if (!console.json)
      console.out(fmt::format("other  {:<27} {}{}\n", info.id, info.name, info.simulated ? " (SIMULATED)" : "") +
                  line("readings", join(readings_of(info, true), ", ")));
  }
  if (!console.json) return ok();
  const auto text = [](const std::optional<std::string>& value) { return value ? Json(*value) : Json(); };
  Json nvml{{"usable", gpus.nvml != nullptr}};
  if (gpus.nvml)
    nvml.update(Json{{"library", gpus.nvml->library()},
                     {"simulated", gpus.nvml->simulated()},
                     {"driver", text(gpus.nvml->driver_version())},
                     {"nvml", text(gpus.nvml->nvml_version())},
                     {"cuda", text(gpus.nvml->cuda_version())},
                     {"missing_functions", gpus.nvml->missing()}});
  nvml["trouble"] = gpus.trouble ? to_json(*gpus.trouble) : Json();
  console.out(Json{{"nvml", nvml}, {"gpus", cards}, {"specs", specs}, {"others", others}}.dump(2) + "\n");
  return ok();
}

}  // namespace

void add_devices(CLI::App& app, Action& action) {
  auto* devices = app.add_subcommand("devices", "GPUs, their states and what they can tell");
  auto selectors = std::make_shared<std::vector<std::string>>();
  devices->add_option("--device", *selectors);
  auto* watch = devices->add_subcommand("watch", "their readings, live");
  auto options = std::make_shared<WatchOptions>();
  watch->add_option("--device", options->devices);
  watch->add_option("--interval", options->interval);
  watch->add_option("--energy-interval", options->energy_interval);
  watch->add_option("--for", options->span);
  devices->callback([&action, watch, selectors] {
    if (watch->parsed()) return;
    action = [selectors](const Console& console) { return print_devices(*selectors, console); };
  });
  watch->callback([&action, selectors, options] {
    options->devices.insert(options->devices.end(), selectors->begin(), selectors->end());
    action = [options](const Console& console) { return watch_devices(*options, console); };
  });
}

}  // namespace phasewatt::cli
