#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/sim/gpu_spec.h"

/// Reads the TOML files that describe simulated GPUs, models and hosts: those shipped inside the program, or the user's
/// by a path that ends in ".toml". Unknown keys, wrong types and values out of range are bad_input, naming file and
/// line; an unknown id is not_found with the nearest one in the hint. Thread-safe.
namespace phasewatt::sim {

Result<GpuSpec> find_gpu(const std::string& id_or_path);
Result<ArchSpec> find_arch(const std::string& id_or_path);
/// `kind` is "eager" or "graph". An empty `host` is an error; a GPU names its usual one in `default_host`.
Result<RuntimeSpec> find_runtime(const std::string& host_or_path, const std::string& kind);

/// Ids of the shipped files, sorted.
std::vector<std::string> shipped_gpus();
std::vector<std::string> shipped_archs();
std::vector<std::string> shipped_hosts();

/// The parsers behind them; `name` stands in messages.
Result<GpuSpec> parse_gpu(std::string_view text, std::string_view name);
Result<ArchSpec> parse_arch(std::string_view text, std::string_view name);
Result<RuntimeSpec> parse_runtime(std::string_view text, std::string_view name, std::string_view kind);

}  // namespace phasewatt::sim
