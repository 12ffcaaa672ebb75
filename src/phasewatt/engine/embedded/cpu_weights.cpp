#include <Eigen/Core>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>

#include "phasewatt/engine/embedded/cpu_decoder.h"
#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::embedded {
namespace {

/// Where a tensor's values go. Those that share a place lie one behind the other, in the order of needed_tensors.
Values& place_of(CpuWeights& weights, const std::string& name) {
  static constexpr std::pair<const char*, Values CpuWeights::*> kOnce[] = {
      {"model.embed_tokens.weight", &CpuWeights::embedding},
      {"model.norm.weight", &CpuWeights::last_norm},
      {"lm_head.weight", &CpuWeights::head}};
  using Layer = CpuWeights::Layer;
  static constexpr std::pair<const char*, Values Layer::*> kInLayers[] = {
      {".input_layernorm.weight", &Layer::input_norm},
      {".post_attention_layernorm.weight", &Layer::ffn_norm},
      {"q_proj.weight", &Layer::qkv},
      {"k_proj.weight", &Layer::qkv},
      {"v_proj.weight", &Layer::qkv},
      {"_proj.bias", &Layer::qkv_bias},
      {"o_proj.weight", &Layer::output},
      {"gate_proj.weight", &Layer::gate_up},
      {"up_proj.weight", &Layer::gate_up},
      {"down_proj.weight", &Layer::down}};
  for (const auto& [known, member] : kOnce)
    if (name == known) return weights.*member;
  const std::size_t layer = std::stoul(name.substr(std::strlen("model.layers.")));
  const auto* const part = std::find_if(std::begin(kInLayers), std::end(kInLayers),
                                        [&](const auto& one) { return name.ends_with(one.first); });
  return weights.layers[layer].*(part->second);
}

/// `fill(name, to)` writes the values of a tensor.
template <class Fill>
CpuWeights collect(const model::Config& config, Fill fill) {
  CpuWeights out;
  out.layers.resize(static_cast<std::size_t>(config.layers));
  for (const model::TensorSpec& spec : model::needed_tensors(config)) {
    std::size_t count = 1;
    for (const auto dimension : spec.shape) count *= static_cast<std::size_t>(dimension);
    Values& to = place_of(out, spec.name);
    to.resize(to.size() + count);
    fill(spec.name, std::span(to).last(count));
  }
  return out;
}

/// Elements in the file are not aligned.
template <class Stored>
void convert(std::span<const std::byte> bytes, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    Stored one;
    std::memcpy(static_cast<void*>(&one), bytes.data() + i * sizeof one, sizeof one);
    to[i] = static_cast<float>(one);
  }
}

}  // namespace

CpuWeights load_cpu_weights(const model::Config& config, const model::WeightFiles& files) {
  return collect(config, [&](const std::string& name, std::span<float> to) {
    const auto view = files.find(name).value();
    switch (view.dtype) {
      case model::Dtype::f16: return convert<Eigen::half>(view.bytes, to);
      case model::Dtype::bf16: return convert<Eigen::bfloat16>(view.bytes, to);
      default: return convert<float>(view.bytes, to);  // check_tensors lets no other through
    }
  });
}

CpuWeights random_cpu_weights(const model::Config& config, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 0.02F);
  return collect(config, [&](const std::string& name, std::span<float> to) {
    const bool is_norm = name.ends_with("norm.weight");
    std::generate(to.begin(), to.end(), [&] { return is_norm ? 1.0F : normal(random); });
  });
}

}  // namespace phasewatt::engine::embedded
