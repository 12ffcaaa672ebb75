#include "phasewatt/engine/libtorch/weights.h"

#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::libtorch {
namespace {

using Shape = std::vector<std::int64_t>;
/// Gives a tensor of the model by its name and shape.
using TensorSource = std::function<at::Tensor(const std::string&, const Shape&)>;

at::ScalarType torch_type(model::Dtype dtype) {
  switch (dtype) {
    case model::Dtype::f16: return at::kHalf;
    case model::Dtype::bf16: return at::kBFloat16;
    default: return at::kFloat;  // check_tensors lets no other through
  }
}

at::Tensor load(const model::WeightFiles& files, const std::string& name, const Place& place) {
  const auto view = files.find(name).value();
  at::Tensor stored = at::empty(at::IntArrayRef(view.shape.data(), view.shape.size()), torch_type(view.dtype));
  // Copied: elements in the file are not aligned.
  std::memcpy(stored.data_ptr(), view.bytes.data(), view.bytes.size());
  return stored.to(place.device).to(place.type);
}

Weights collect(const model::Config& config, const TensorSource& source, const Place& place) {
  const auto specs = model::needed_tensors(config);
  const auto get = [&](const std::string& name) {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& one) { return one.name == name; });
    return source(name, spec->shape);
  };
  Weights out;
  out.embedding = get("model.embed_tokens.weight");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string prefix = model::layer_prefix(i);
    const auto of = [&](const char* name) { return get(prefix + name); };
    LayerWeights layer;
    layer.input_norm = of("input_layernorm.weight");
    layer.qkv = at::cat({of("self_attn.q_proj.weight"), of("self_attn.k_proj.weight"), of("self_attn.v_proj.weight")});
    if (config.qkv_bias)
      layer.qkv_bias = at::cat({of("self_attn.q_proj.bias"), of("self_attn.k_proj.bias"), of("self_attn.v_proj.bias")});
    layer.output = of("self_attn.o_proj.weight");
    layer.ffn_norm = of("post_attention_layernorm.weight");
    layer.gate_up = at::cat({of("mlp.gate_proj.weight"), of("mlp.up_proj.weight")});
    layer.down = of("mlp.down_proj.weight");
    out.layers.push_back(std::move(layer));
  }
  out.last_norm = get("model.norm.weight");
  out.head = config.tied ? out.embedding : get("lm_head.weight");
  const auto frequencies = model::rope_frequencies(config);
  out.frequencies = at::empty({static_cast<std::int64_t>(frequencies.size())});
  std::copy(frequencies.begin(), frequencies.end(), out.frequencies.data_ptr<float>());
  out.frequencies = out.frequencies.to(place.device);
  return out;
}

}  // namespace

Weights load_weights(const model::Config& config, const model::WeightFiles& files, const Place& place) {
  const c10::InferenceMode inference;
  return collect(
      config, [&](const std::string& name, const Shape&) { return load(files, name, place); }, place);
}

Weights random_weights(const model::Config& config, std::uint64_t seed, const Place& place) {
  const c10::InferenceMode inference;
  at::manual_seed(seed);
  const auto options = at::TensorOptions().device(place.device).dtype(place.type);
  return collect(
      config,
      [&](const std::string& name, const Shape& shape) {
        if (name.ends_with("norm.weight")) return at::ones(shape, options);
        return at::empty(shape, options).normal_(0, 0.02);  // the usual deviation of an untrained model
      },
      place);
}

Cache::Cache(const model::Config& config, const Place& place)
    : keys(static_cast<std::size_t>(config.layers)),
      values(static_cast<std::size_t>(config.layers)),
      kv_heads_(config.kv_heads),
      head_dim_(config.head_dim),
      place_(place) {}

void Cache::reserve(std::int64_t slots, std::int64_t tokens) {
  if (fits(slots, tokens)) return;
  const c10::InferenceMode inference;
  const std::int64_t new_slots = std::max(slots, slots_);
  const std::int64_t new_capacity = std::max(tokens, capacity_);
  drop();
  const auto options = at::TensorOptions().device(place_.device).dtype(place_.type);
  for (std::vector<at::Tensor>* side : {&keys, &values})
    for (at::Tensor& layer : *side) layer = at::zeros({new_slots, kv_heads_, new_capacity, head_dim_}, options);
  slots_ = new_slots;
  capacity_ = new_capacity;
}

void Cache::drop() {
  for (std::vector<at::Tensor>* side : {&keys, &values})
    for (at::Tensor& layer : *side) layer.reset();
  slots_ = capacity_ = 0;
}

}  // namespace phasewatt::engine::libtorch
