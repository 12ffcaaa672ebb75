#include "phasewatt/engine/libtorch/decoder.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::libtorch {
namespace {

using Shape = std::vector<std::int64_t>;

at::ScalarType torch_type(model::Dtype dtype) {
  switch (dtype) {
    case model::Dtype::f16: return at::kHalf;
    case model::Dtype::bf16: return at::kBFloat16;
    default: return at::kFloat;  // check_tensors lets no other through
  }
}

at::Tensor load(const model::WeightFiles& weights, const std::string& name) {
  const auto view = weights.find(name).value();
  at::Tensor stored = at::empty(at::IntArrayRef(view.shape.data(), view.shape.size()), torch_type(view.dtype));
  // Copied: elements in the file are not aligned.
  std::memcpy(stored.data_ptr(), view.bytes.data(), view.bytes.size());
  return stored.to(at::kFloat);
}

std::int64_t total_tokens(std::span<const Piece> pieces) {
  std::int64_t sum = 0;
  for (const Piece& piece : pieces) sum += static_cast<std::int64_t>(piece.tokens.size());
  return sum;
}

/// Ids and positions of all tokens, and the rows whose logits are wanted.
struct Packed {
  explicit Packed(std::span<const Piece> pieces) {
    const std::int64_t count = total_tokens(pieces);
    ids = at::empty({count}, at::kLong);
    positions = at::empty({count}, at::kLong);
    auto* id = ids.data_ptr<std::int64_t>();
    auto* position = positions.data_ptr<std::int64_t>();
    std::vector<std::int64_t> wanted;
    std::int64_t row = 0;
    for (const Piece& piece : pieces) {
      const auto n = static_cast<std::int64_t>(piece.tokens.size());
      for (std::int64_t i = 0; i < n; ++i, ++row) {
        id[row] = piece.tokens[static_cast<std::size_t>(i)];
        position[row] = piece.past + i;
        if (i >= n - piece.logits) wanted.push_back(row);
      }
    }
    rows = at::empty({static_cast<std::int64_t>(wanted.size())}, at::kLong);
    std::copy(wanted.begin(), wanted.end(), rows.data_ptr<std::int64_t>());
  }
  at::Tensor ids, positions, rows;
};

}  // namespace

Decoder::Decoder(const model::Config& config, const model::WeightFiles& weights)
    : Decoder(config, TensorSource([&](const std::string& name, const Shape&) { return load(weights, name); })) {}

Decoder::Decoder(const model::Config& config, std::uint64_t seed)
    : Decoder(config, TensorSource([random = at::detail::createCPUGenerator(seed)](const std::string& name,
                                                                                   const Shape& shape) {
                if (name.ends_with("norm.weight")) return at::ones(shape);
                return at::empty(shape).normal_(0, 0.02, random);  // the usual deviation of an untrained model
              })) {}

Decoder::Decoder(const model::Config& config, const TensorSource& source) : config_(config) {
  const c10::InferenceMode inference;
  const auto specs = model::needed_tensors(config);
  const auto get = [&](const std::string& name) {
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const auto& one) { return one.name == name; });
    return source(name, spec->shape);
  };
  embedding_ = get("model.embed_tokens.weight");
  for (std::int64_t i = 0; i < config.layers; ++i) {
    const std::string prefix = model::layer_prefix(i);
    const auto of = [&](const char* name) { return get(prefix + name); };
    Layer layer;
    layer.input_norm = of("input_layernorm.weight");
    layer.qkv = at::cat({of("self_attn.q_proj.weight"), of("self_attn.k_proj.weight"), of("self_attn.v_proj.weight")});
    if (config.qkv_bias)
      layer.qkv_bias = at::cat({of("self_attn.q_proj.bias"), of("self_attn.k_proj.bias"), of("self_attn.v_proj.bias")});
    layer.output = of("self_attn.o_proj.weight");
    layer.ffn_norm = of("post_attention_layernorm.weight");
    layer.gate_up = at::cat({of("mlp.gate_proj.weight"), of("mlp.up_proj.weight")});
    layer.down = of("mlp.down_proj.weight");
    layers_.push_back(std::move(layer));
  }
  last_norm_ = get("model.norm.weight");
  head_ = config.tied ? embedding_ : get("lm_head.weight");
  const auto frequencies = model::rope_frequencies(config);
  frequencies_ = at::empty({static_cast<std::int64_t>(frequencies.size())});
  std::copy(frequencies.begin(), frequencies.end(), frequencies_.data_ptr<float>());
}

void Decoder::reserve(std::int64_t slots, std::int64_t tokens) {
  if (slots <= slots_ && tokens <= capacity_) return;
  const c10::InferenceMode inference;
  const std::int64_t new_slots = std::max(slots, slots_);
  const std::int64_t new_capacity = std::max(tokens, capacity_);
  drop_cache();
  for (Layer& layer : layers_) {
    layer.keys = at::zeros({new_slots, config_.kv_heads, new_capacity, config_.head_dim});
    layer.values = at::zeros_like(layer.keys);
  }
  slots_ = new_slots;
  capacity_ = new_capacity;
}

void Decoder::drop_cache() {
  for (Layer& layer : layers_) {
    layer.keys.reset();
    layer.values.reset();
  }
  slots_ = capacity_ = 0;
}

at::Tensor Decoder::norm(const at::Tensor& x, const at::Tensor& weight) const {
  return x * at::rsqrt(x.square().mean(-1, true) + config_.norm_eps) * weight;
}

/// Rotates the first half of each head against the second, in place: tokens × heads × head_dim.
void Decoder::rotate(at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin) const {
  const std::int64_t half = config_.head_dim / 2;
  at::Tensor first = heads.narrow(-1, 0, half);
  at::Tensor second = heads.narrow(-1, half, half);
  const at::Tensor rotated = first * cos - second * sin;
  second.copy_(second * cos + first * sin);
  first.copy_(rotated);
}

/// Attention of one sequence: queries are tokens × heads × head_dim, keys and values KV heads × all tokens × head_dim.
/// Queries go in blocks, each against the keys it may see, so that little is computed to be masked.
at::Tensor Decoder::attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                           std::int64_t past) const {
  constexpr std::int64_t kBlock = 64;
  const std::int64_t count = queries.size(0);
  const std::int64_t group = config_.heads / config_.kv_heads;
  const double scale = 1 / std::sqrt(static_cast<double>(config_.head_dim));
  std::vector<at::Tensor> blocks;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t n = std::min(kBlock, count - begin);
    const std::int64_t last = past + begin + n;  // keys up to here
    const std::int64_t first =
        config_.sliding_window ? std::max<std::int64_t>(0, past + begin + 1 - *config_.sliding_window) : 0;
    // The heads of a group share their keys: one product for all of them.
    const at::Tensor q = (queries.narrow(0, begin, n) * scale)
                             .reshape({n, config_.kv_heads, group, config_.head_dim})
                             .permute({1, 2, 0, 3})
                             .reshape({config_.kv_heads, group * n, config_.head_dim});
    at::Tensor scores = at::bmm(q, keys.narrow(1, first, last - first).transpose(1, 2));
    if (n > 1) {
      const at::Tensor query_at = at::arange(past + begin, last).unsqueeze(1);
      const at::Tensor key_at = at::arange(first, last).unsqueeze(0);
      at::Tensor hidden = key_at > query_at;
      if (config_.sliding_window) hidden = hidden | (key_at <= query_at - *config_.sliding_window);
      scores = scores.view({config_.kv_heads, group, n, last - first})
                   .masked_fill(hidden, -std::numeric_limits<double>::infinity())
                   .view({config_.kv_heads, group * n, last - first});
    }
    blocks.push_back(at::bmm(scores.softmax(-1), values.narrow(1, first, last - first))
                         .view({config_.kv_heads, group, n, config_.head_dim})
                         .permute({2, 0, 1, 3})
                         .reshape({n, config_.heads * config_.head_dim}));
  }
  return blocks.size() == 1 ? blocks.front() : at::cat(blocks);
}

at::Tensor Decoder::attention(Layer& layer, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                              std::span<const Piece> pieces) const {
  const std::int64_t tokens = x.size(0);
  const at::Tensor qkv =
      at::linear(x, layer.qkv, layer.qkv_bias).view({tokens, config_.heads + 2 * config_.kv_heads, config_.head_dim});
  at::Tensor rotated = qkv.narrow(1, 0, config_.heads + config_.kv_heads);
  rotate(rotated, cos, sin);
  const at::Tensor queries = qkv.narrow(1, 0, config_.heads);
  const at::Tensor keys = qkv.narrow(1, config_.heads, config_.kv_heads);
  const at::Tensor values = qkv.narrow(1, config_.heads + config_.kv_heads, config_.kv_heads);
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (const Piece& piece : pieces) {
    const auto n = static_cast<std::int64_t>(piece.tokens.size());
    at::Tensor cached_keys = layer.keys.select(0, piece.slot);
    at::Tensor cached_values = layer.values.select(0, piece.slot);
    cached_keys.narrow(1, piece.past, n).copy_(keys.narrow(0, row, n).transpose(0, 1));
    cached_values.narrow(1, piece.past, n).copy_(values.narrow(0, row, n).transpose(0, 1));
    out.push_back(attend(queries.narrow(0, row, n), cached_keys, cached_values, piece.past));
    row += n;
  }
  return at::linear(out.size() == 1 ? out.front() : at::cat(out), layer.output);
}

at::Tensor Decoder::feed_forward(const Layer& layer, const at::Tensor& x) {
  const auto halves = at::linear(x, layer.gate_up).chunk(2, -1);
  return at::linear(at::silu(halves[0]) * halves[1], layer.down);
}

at::Tensor Decoder::forward(std::span<const Piece> pieces) {
  const c10::InferenceMode inference;
  const Packed packed(pieces);
  // tokens × 1 × head_dim/2: the same for all heads
  const at::Tensor angles = (packed.positions.to(at::kFloat).unsqueeze(1) * frequencies_).unsqueeze(1);
  const at::Tensor cos = angles.cos();
  const at::Tensor sin = angles.sin();
  at::Tensor x = embedding_.index_select(0, packed.ids);
  for (Layer& layer : layers_) {
    x = x + attention(layer, norm(x, layer.input_norm), cos, sin, pieces);
    x = x + feed_forward(layer, norm(x, layer.ffn_norm));
  }
  return at::linear(norm(x.index_select(0, packed.rows), last_norm_), head_);
}

}  // namespace phasewatt::engine::libtorch
