#include "phasewatt/engine/libtorch/weights.h"

#include <ATen/Context.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <optional>
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

/// The dimension of a tensor that is shared out.
std::optional<std::int64_t> shared_dimension(const std::string& name) {
  const auto is = [&](const char* part) { return name.find(part) != name.npos; };
  if (is(".q_proj.") || is(".k_proj.") || is(".v_proj.") || is(".gate_proj.") || is(".up_proj.")) return 0;
  if (is(".o_proj.") || is(".down_proj.")) return 1;
  return std::nullopt;
}

at::Tensor load(const model::WeightFiles& files, const std::string& name, const Place& place, const Share& share) {
  const auto view = files.find(name).value();
  Shape shape(view.shape.begin(), view.shape.end());
  // The share is a stretch of each of `rows` rows.
  std::size_t rows = 1;
  std::size_t parts = 1;
  if (const auto dimension = shared_dimension(name)) {
    parts = share.of;
    shape[static_cast<std::size_t>(*dimension)] /= static_cast<std::int64_t>(parts);
    if (*dimension == 1) rows = static_cast<std::size_t>(shape[0]);
  }
  at::Tensor stored = at::empty(shape, torch_type(view.dtype));
  const std::size_t whole = view.bytes.size() / rows;
  const std::size_t mine = whole / parts;
  const std::size_t first = parts == 1 ? 0 : share.rank * mine;
  // Copied: elements in the file are not aligned.
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(static_cast<std::byte*>(stored.data_ptr()) + row * mine, view.bytes.data() + row * whole + first, mine);
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

Result<model::Config> share_config(const model::Config& config, std::size_t of) {
  const auto ranks = static_cast<std::int64_t>(of);
  if (config.kv_heads % ranks != 0 || config.ffn % ranks != 0)
    return Error{
        ErrorCode::unsupported,
        fmt::format("the model has {} KV heads and a feed-forward network of {}, which {} devices cannot share",
                    config.kv_heads, config.ffn, of),
        fmt::format("name a number of devices that divides {}", std::gcd(config.kv_heads, config.ffn))};
  model::Config out = config;
  out.heads /= ranks;
  out.kv_heads /= ranks;
  out.ffn /= ranks;
  return out;
}

Weights load_weights(const model::Config& config, const model::WeightFiles& files, const Place& place,
                     const Share& share) {
  const c10::InferenceMode inference;
  return collect(
      config, [&](const std::string& name, const Shape&) { return load(files, name, place, share); }, place);
}

Weights random_weights(const model::Config& config, std::uint64_t seed, const Place& place, const Share& share) {
  const c10::InferenceMode inference;
  // Of its own: ranks on one device draw at the same time.
  at::Generator random = at::globalContext().defaultGenerator(place.device).clone();
  random.set_current_seed(seed);
  const auto options = at::TensorOptions().device(place.device).dtype(place.type);
  return collect(
      config,
      [&](const std::string& name, const Shape& shape) {
        if (name.ends_with("norm.weight")) return at::ones(shape, options);
        const at::Tensor all = at::empty(shape, options).normal_(0, 0.02, random);  // as usual in an untrained model
        const auto dimension = shared_dimension(name);
        if (!dimension || share.of == 1) return all;
        return all.chunk(static_cast<std::int64_t>(share.of), *dimension)[share.rank].clone(
            at::MemoryFormat::Contiguous);
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
