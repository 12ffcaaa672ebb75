#include "phasewatt/engine/model/synthetic.h"

#include <fmt/format.h>

#include <cmath>

#include "phasewatt/sim/spec_files.h"

namespace phasewatt::engine::model {

std::optional<std::string> synthetic_arch(std::string_view model) {
  if (!model.starts_with(kSyntheticPrefix)) return std::nullopt;
  return std::string(model.substr(kSyntheticPrefix.size()));
}

Result<Config> synthetic_config(const std::string& arch_id_or_path) {
  auto found = sim::find_arch(arch_id_or_path);
  if (!found && found.error().code == ErrorCode::not_found)
    return Error{ErrorCode::not_found, fmt::format("no shape '{}' for a synthetic model", arch_id_or_path),
                 found.error().hint};
  PHASEWATT_ASSIGN(const sim::ArchSpec arch, std::move(found));
  const auto whole = [](double value) { return static_cast<std::int64_t>(std::llround(value)); };
  Config config;
  config.family = arch.qkv_bias ? Family::qwen2 : Family::llama;
  config.layers = whole(arch.layers);
  config.hidden = whole(arch.hidden);
  config.heads = whole(arch.heads);
  config.kv_heads = whole(arch.kv_heads);
  config.head_dim = whole(arch.head_dim);
  config.ffn = whole(arch.ffn);
  config.vocab = whole(arch.vocab);
  config.tied = arch.tied;
  config.qkv_bias = arch.qkv_bias;
  config.rope_theta = 500000;
  config.norm_eps = 1e-5;
  config.max_positions = std::int64_t{1} << 32;
  config.dtype = arch.bytes_per_weight == 4 ? Dtype::f32 : Dtype::f16;
  if (config.heads % config.kv_heads != 0 || config.head_dim % 2 != 0)
    return Error{ErrorCode::unsupported,
                 "architecture '" + arch.id + "': heads must be a multiple of kv_heads, and head_dim even",
                 {}};
  return config;
}

}  // namespace phasewatt::engine::model
