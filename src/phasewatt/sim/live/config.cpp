#include "phasewatt/sim/live/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/base/toml_reader.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::sim::live {
namespace {

constexpr double kLongestS = 1e7;  // four months
constexpr std::array<std::string_view, 3> kPermissionNames{"root", "any", "none"};
constexpr std::array<std::string_view, 5> kVirtualizationNames{"none", "passthrough", "vgpu", "host_vgpu", "host_vsga"};

/// Index of the word under `key` in `names`; 0 and an error at the key when it is not there.
template <std::size_t N>
std::size_t word(TomlTable& t, std::string_view key, const std::string& value,
                 const std::array<std::string_view, N>& names) {
  const auto* found = std::find(names.begin(), names.end(), value);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  const std::vector<std::string> valid(names.begin(), names.end());
  t.fail(key, fmt::format("'{}' is '{}'", key, value), did_you_mean(value, valid));
  return 0;
}

double within(TomlTable& t, std::string_view key, double value, double least, double most) {
  if (t.has(key) && (value < least || value > most))
    t.fail(key, fmt::format("'{}' is {}, outside {} to {}", key, value, least, most));
  return value;
}

/// The micro-loads that the H200 was fitted with (tests/sim/h200_test.cpp), each a few milliseconds long.
Load copy_load() { return {.bytes = 4e9, .kernels = 1}; }

Load stream_load(const GpuSpec& spec, double batch) {
  const double weights = 8 * 28672.0 * 8192.0;
  return {.flops = 2 * weights * batch,
          .bytes = 2 * weights,
          .kernels = 8,
          .saturation = batch / (batch + spec.compute.tile_pad_tokens)};
}

Load gemm_load() {
  constexpr double kSide = 8192;
  constexpr double kFill = 660;
  return {.flops = 2 * kSide * kSide * kSide,
          .bytes = 6 * kSide * kSide,
          .saturation = kSide * kSide / (kSide * kSide + kFill * kFill)};
}

Result<Load> model_load(TomlTable& t, const GpuSpec& spec, Phase phase) {
  const std::string arch_id = t.string("arch");
  const std::string runtime = t.string("runtime", "eager");
  const std::string host = t.string("host", spec.default_host);
  const double batch = within(t, "batch", t.number("batch", 1.0), 1, 4096);
  const double tokens = within(t, "tokens", t.number("tokens"), 1, 1e6);
  PHASEWATT_TRY(t.finish());
  PHASEWATT_ASSIGN(const ArchSpec arch, find_arch(arch_id));
  PHASEWATT_ASSIGN(const RuntimeSpec host_spec, find_runtime(host, runtime));
  const PassIn in = phase == Phase::prefill
                        ? PassIn{.kind = phase, .batch = batch, .new_tokens = tokens, .ctx = tokens / 2}
                        : PassIn{.kind = phase, .batch = batch, .new_tokens = 1, .ctx = tokens};
  return pass_load(spec, host_spec, arch, in);
}

/// An idle step is left out: nothing runs then.
Result<std::optional<TraceStep>> read_step(TomlTable& t, const GpuSpec& spec) {
  TraceStep step;
  step.at_s = within(t, "at_s", t.number("at_s"), 0, kLongestS);
  step.for_s = within(t, "for_s", t.number("for_s"), 1e-3, kLongestS);
  const std::string kind = t.string("kind");
  if (kind == "watts") {
    step.work.watts = within(t, "watts", t.number("watts"), 0, 1e5);
  } else if (kind == "copy") {
    step.work.load = copy_load();
  } else if (kind == "stream") {
    step.work.load = stream_load(spec, within(t, "batch", t.number("batch", 1.0), 1, 4096));
  } else if (kind == "gemm") {
    step.work.load = gemm_load();
  } else if (kind == "prefill" || kind == "decode") {
    PHASEWATT_ASSIGN(step.work.load, model_load(t, spec, kind == "prefill" ? Phase::prefill : Phase::decode));
  } else if (kind != "idle") {
    const std::vector<std::string> valid{"idle", "watts", "copy", "stream", "gemm", "prefill", "decode"};
    t.fail("kind", fmt::format("'kind' is '{}'", kind), did_you_mean(kind, valid));
  }
  PHASEWATT_TRY(t.finish());
  if (kind == "idle") return std::optional<TraceStep>{};
  return std::optional<TraceStep>{step};
}

Result<ScriptedEvent> read_event(TomlTable& t) {
  ScriptedEvent event;
  const std::string kind = t.string("kind");
  if (const auto known = parse_event(kind)) {
    event.kind = *known;
  } else {
    std::vector<std::string> valid;
    valid.reserve(kEventNames.size());
    for (const auto& each : kEventNames) valid.emplace_back(each.name);
    t.fail("kind", fmt::format("'kind' is '{}'", kind), did_you_mean(kind, valid));
  }
  event.at_s = within(t, "at_s", t.number("at_s", 0.0), 0, kLongestS);
  if (t.has("for_s")) event.for_s = within(t, "for_s", t.number("for_s"), 1e-3, kLongestS);
  event.value = within(t, "value", t.number("value", 0.0), 0, 1e6);
  if (event.kind == EventKind::unsupported)
    event.value = static_cast<double>(word(t, "feature", t.string("feature"), kFeatureNames));
  const auto pid = t.integer("pid", 0);
  if (pid < 0 || pid > 0x7fffffff) t.fail("pid", fmt::format("'pid' is {}", pid));
  event.pid = static_cast<std::int32_t>(pid);
  PHASEWATT_TRY(t.finish());
  return event;
}

/// "GPU-" and a UUID that belongs to place and spec, the same on every machine.
std::string stable_uuid(std::size_t index, const std::string& spec_id) {
  const std::string hex = sha256_hex(fmt::format("phasewatt-nvml-sim {} {}", index, spec_id));
  return fmt::format("GPU-{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20, 12));
}

bool is_uuid(std::string_view text) {
  constexpr std::string_view kForm = "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return text.size() == kForm.size() && std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == 'x' ? (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') : c == form;
         });
}

Status read_place(TomlTable& t, GpuConfig& gpu) {
  gpu.uuid = t.string("uuid", gpu.uuid);
  if (!is_uuid(gpu.uuid))
    t.fail("uuid", fmt::format("'uuid' is '{}'", gpu.uuid),
           "write GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, lower-case hexadecimal");
  const auto bus = t.integer("pci_bus", gpu.pci_bus);
  if (bus < 0 || bus > 255) t.fail("pci_bus", fmt::format("'pci_bus' is {}, outside 0 to 255", bus));
  gpu.pci_bus = static_cast<std::uint32_t>(bus);
  return ok();
}

Result<GpuConfig> read_gpu(TomlTable& t, std::size_t index) {
  GpuConfig gpu;
  const std::string spec = t.string("spec", "h200-sxm");
  if (spec.ends_with(".toml") && !spec.starts_with("/"))
    t.fail("spec", fmt::format("'spec' is the relative path '{}'", spec),
           "give an absolute path: every client reads it");
  gpu.uuid = stable_uuid(index, spec);
  gpu.pci_bus = static_cast<std::uint32_t>(0x10 * (index + 1));
  PHASEWATT_TRY(read_place(t, gpu));
  gpu.permission = static_cast<Permission>(word(t, "permission", t.string("permission", "root"), kPermissionNames));
  gpu.mig = t.boolean("mig", false);
  gpu.virtualization =
      static_cast<std::int32_t>(word(t, "virtualization", t.string("virtualization", "none"), kVirtualizationNames));
  gpu.persistence = t.boolean("persistence", true);
  gpu.context = t.boolean("context", false);
  if (t.has("unsupported")) {
    for (const auto& name : t.strings("unsupported")) gpu.missing |= 1U << word(t, "unsupported", name, kFeatureNames);
  }
  gpu.repeat_s = within(t, "repeat_s", t.number("repeat_s", 0.0), 1e-3, kLongestS);
  auto loads = t.tables("load");
  auto events = t.tables("event");
  if (events.size() > kMaxEvents) t.fail("event", fmt::format("{} events, at most {} fit", events.size(), kMaxEvents));
  PHASEWATT_TRY(t.finish());

  PHASEWATT_ASSIGN(gpu.spec, find_gpu(spec));
  if (gpu.spec.sensor.energy.integrates == EnergySensorSpec::Integrates::sampled)
    return Error{ErrorCode::unsupported, fmt::format("'{}': integrates = \"sampled\"", spec),
                 "in real time the energy counter is the full integral; write \"full\""};
  for (auto& load : loads) {
    PHASEWATT_ASSIGN(const std::optional<TraceStep> step, read_step(load, gpu.spec));
    if (step) gpu.trace.push_back(*step);
  }
  for (auto& event : events) {
    PHASEWATT_ASSIGN(const ScriptedEvent scripted, read_event(event));
    gpu.events.push_back(scripted);
  }
  return gpu;
}

}  // namespace

Result<LiveConfig> parse_live_config(std::string_view text, std::string_view name) {
  if (text.size() > kMaxConfigBytes)
    return Error{ErrorCode::bad_input, fmt::format("{}: {} bytes", name, text.size()),
                 fmt::format("at most {} fit", kMaxConfigBytes)};
  PHASEWATT_ASSIGN(TomlTable root, TomlTable::parse(text, name));
  LiveConfig config;
  config.text = text;
  constexpr std::string_view kSchema = "nvml-sim/1";
  if (const std::string schema = root.string("schema"); root.has("schema") && schema != kSchema)
    root.fail("schema", fmt::format("schema is '{}'", schema), fmt::format("this program reads '{}'", kSchema));
  config.driver_version = root.string("driver_version", "580.65.06");
  if (config.driver_version.size() >= 80) root.fail("driver_version", "'driver_version' has 80 characters or more");
  const auto cuda = root.integer("cuda_version", 13000);
  if (cuda < 1000 || cuda > 99990)
    root.fail("cuda_version", fmt::format("'cuda_version' is {}", cuda), "write 13000 for 13.0");
  config.cuda_version = static_cast<std::int32_t>(cuda);
  const auto seed = root.integer("seed", 1);
  config.seed = static_cast<std::uint64_t>(seed);
  config.noise = root.boolean("noise", true);
  config.group_access = root.boolean("group_access", false);
  auto gpus = root.tables("gpu");
  if (gpus.size() > kMaxGpus) root.fail("gpu", fmt::format("{} GPUs, at most {} fit", gpus.size(), kMaxGpus));
  PHASEWATT_TRY(root.finish());
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    PHASEWATT_ASSIGN(GpuConfig gpu, read_gpu(gpus[i], i));
    for (const auto& other : config.gpus) {
      if (other.uuid == gpu.uuid || other.pci_bus == gpu.pci_bus)
        return Error{ErrorCode::bad_input, fmt::format("{}: two GPUs have the same uuid or pci_bus", name), {}};
    }
    config.gpus.push_back(std::move(gpu));
  }
  return config;
}

std::string config_text(std::string_view gpus) {
  std::string out = "schema = \"nvml-sim/1\"\n";
  while (!gpus.empty()) {
    const auto comma = std::min(gpus.find(','), gpus.size());
    std::string name;
    for (const char c : trim(gpus.substr(0, comma))) {
      if (c == '"' || c == '\\') name += '\\';
      name += c;
    }
    if (!name.empty()) out += fmt::format("[[gpu]]\nspec = \"{}\"\n", name);
    gpus.remove_prefix(std::min(comma + 1, gpus.size()));
  }
  return out;
}

}  // namespace phasewatt::sim::live
