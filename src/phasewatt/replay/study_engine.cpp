#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "phasewatt/base/text.h"
#include "phasewatt/replay/study_fields.h"

namespace phasewatt::replay {
namespace {

/// Kinds that a later build may know are told from misspelt ones. The error is `unsupported` for the former.
Result<std::string> read_kind(TomlTable& table, const Study& study, std::string_view room, const std::string& otherwise,
                              const Words& known, const Words& later) {
  const std::string kind = table.string("kind", otherwise);
  if (std::find(later.begin(), later.end(), kind) != later.end())
    return Error{ErrorCode::unsupported,
                 fmt::format("{}: {} kind '{}' is not part of this build", study.where(table.line("kind")), room, kind),
                 "use kind = \"sim\""};
  if (std::find(known.begin(), known.end(), kind) == known.end())
    table.fail("kind", fmt::format("'kind' is '{}'", kind), did_you_mean(kind, known));
  return kind;
}

/// A key that another kind has: told so, rather than as unknown.
Status refuse(const TomlTable& table, const Study& study, const std::string& kind, const std::string& other,
              const Words& keys) {
  for (const auto& key : keys)
    if (table.has(key))
      return Error{ErrorCode::bad_input,
                   fmt::format("{}: '{}' is a key of kind = \"{}\", and this is \"{}\"", study.where(table.line(key)),
                               key, other, kind),
                   "leave it out"};
  return ok();
}

/// The numbers of "cuda:1" and "cuda:0,1"; absent where it is no such list.
std::optional<std::vector<int>> numbers_of(std::string_view device) {
  constexpr std::string_view kNumbered = "cuda:";
  if (!device.starts_with(kNumbered)) return std::nullopt;
  device.remove_prefix(kNumbered.size());
  std::vector<int> out;
  while (true) {
    const auto comma = std::min(device.find(','), device.size());
    const auto number = whole(device.substr(0, comma));
    if (number.value_or(-1) < 0) return std::nullopt;
    out.push_back(*number);
    if (comma == device.size()) return out;
    device.remove_prefix(comma + 1);
  }
}

void read_place(TomlTable& table, Study& study) {
  study.lines.engine_device = table.line("device");
  study.lines.dtype = table.line("dtype");
  std::string& device = study.engine_device;
  device = table.string("device", "auto");
  const Words plain{"auto", "cpu", "cuda"};
  if (!numbers_of(device) && std::find(plain.begin(), plain.end(), device) == plain.end())
    table.fail("device", "'device' is '" + device + "'",
               did_you_mean(device, plain) + ", or \"cuda:N\", or \"cuda:N,M\" for several GPUs");
  study.dtype = one_of(table, "dtype", "auto", Words{"auto", "f32", "f16", "bf16"});
}

Status read_engine(TomlTable& table, Study& study) {
  PHASEWATT_ASSIGN(study.engine,
                   read_kind(table, study, "engine", "sim", Words{"sim", "cpu", "libtorch"}, Words{"openai"}));
  if (study.engine == "libtorch")
    read_place(table, study);
  else
    PHASEWATT_TRY(refuse(table, study, study.engine, "libtorch", Words{"device", "dtype"}));
  if (study.engine == "cpu") study.engine_device = "cpu";
  if (study.real_engine())
    study.threads = bounded(table, "threads", 0, 0, 1024);
  else
    PHASEWATT_TRY(refuse(table, study, study.engine, "cpu", Words{"threads"}));
  const bool graphs = study.real_engine() && study.engine_device != "cpu";
  study.runtime = one_of(table, "runtime", graphs ? "graph" : "eager", Words{"eager", "graph"});
  if (study.engine_device == "cpu" && study.runtime == "graph")
    table.fail("runtime", "'runtime' is 'graph', and the CPU has no graphs", "use runtime = \"eager\"");
  return table.finish();
}

/// What measures an engine when the study does not say.
std::string default_device(const Study& study) {
  if (!study.real_engine()) return "sim";
  return study.engine_device == "cpu" ? "none" : "nvml";
}

Status read_device(TomlTable& table, Study& study) {
  PHASEWATT_ASSIGN(study.device, read_kind(table, study, "device", study.device, Words{"sim", "nvml", "none"}, {}));
  if (study.device != "sim") PHASEWATT_TRY(refuse(table, study, study.device, "sim", Words{"spec", "noise"}));
  if (study.device != "nvml") PHASEWATT_TRY(refuse(table, study, study.device, "nvml", Words{"gpu"}));
  if (study.device == "none") return table.finish();
  if (study.device == "nvml") {
    study.gpu = table.string("gpu", "");
    return table.finish();
  }
  study.spec = table.string("spec", study.spec);
  study.spec_is_path = study.spec.ends_with(".toml");
  const Words shipped{"rtx-pro-6000-blackwell-ws", "h200-sxm"};
  if (!study.spec_is_path && std::find(shipped.begin(), shipped.end(), study.spec) == shipped.end())
    table.fail("spec", "'spec' is '" + study.spec + "'",
               did_you_mean(study.spec, shipped) + ", or the path of a .toml file");
  study.noise = table.boolean("noise", true);
  return table.finish();
}

/// An engine and what measures it must be of one world.
Status check_pair(const Study& study, int line) {
  const auto wrong = [&](const std::string& why, const std::string& hint) {
    return Error{
        ErrorCode::bad_input,
        fmt::format("{}: engine '{}' with device '{}': {}", study.where(line), study.engine, study.device, why), hint};
  };
  if (study.real_engine() && study.device == "sim")
    return wrong("a simulated GPU does not see what a real engine does",
                 "use [device] kind = \"nvml\", or \"none\" for times and quality alone");
  if (!study.real_engine() && study.device == "none")
    return wrong("without a GPU there is nothing to simulate", "use [device] kind = \"sim\"");
  if (study.engine_device == "cpu" && study.device == "nvml")
    return wrong("the engine runs on the CPU, whose energy a GPU's sensors do not show",
                 "use [device] kind = \"none\", or [engine] kind = \"libtorch\" with device = \"cuda\"");
  return ok();
}

}  // namespace

std::optional<int> whole(std::string_view text) {
  int value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last) return std::nullopt;
  return value;
}

int bounded(TomlTable& table, std::string_view key, int otherwise, int low, int high) {
  const std::int64_t value = table.integer(key, otherwise);
  if (value >= low && value <= high) return static_cast<int>(value);
  table.fail(key, fmt::format("'{}' is {}", key, value), fmt::format("it must be {} to {}", low, high));
  return otherwise;
}

std::string one_of(TomlTable& table, std::string_view key, std::string otherwise, const Words& valid) {
  std::string value = table.string(key, std::move(otherwise));
  if (std::find(valid.begin(), valid.end(), value) == valid.end())
    table.fail(key, fmt::format("'{}' is '{}'", key, value), did_you_mean(value, valid));
  return value;
}

std::vector<int> engine_gpus(const Study& study) {
  return numbers_of(study.engine_device).value_or(std::vector<int>());
}

Status read_engine_and_device(std::optional<TomlTable>& engine, std::optional<TomlTable>& device, Study& study) {
  if (engine) PHASEWATT_TRY(read_engine(*engine, study));
  study.device = default_device(study);
  if (device) PHASEWATT_TRY(read_device(*device, study));
  return check_pair(study, device ? device->line("kind") : 0);
}

}  // namespace phasewatt::replay
