#include "phasewatt/engine/libtorch/decoder.h"

#include <c10/core/InferenceMode.h>
#include <torch/version.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace phasewatt::engine::libtorch {

at::Tensor to_device(std::span<const std::int64_t> numbers, const at::Device& device) {
  const auto options = at::TensorOptions().dtype(at::kLong).pinned_memory(device.is_cuda());
  const at::Tensor host = at::empty({static_cast<std::int64_t>(numbers.size())}, options);
  std::copy(numbers.begin(), numbers.end(), host.data_ptr<std::int64_t>());
  return host.to(device, true);
}

at::Tensor causal_attention([[maybe_unused]] const at::Tensor& queries, [[maybe_unused]] const at::Tensor& keys,
                            [[maybe_unused]] const at::Tensor& values) {
#if TORCH_VERSION_MAJOR >= 2
  const bool grouped = queries.size(1) != keys.size(1);
  return at::scaled_dot_product_attention(queries, keys, values, {}, 0.0, true, {}, grouped);
#else
  TORCH_CHECK(false, "attention in one operator needs libtorch 2");
#endif
}

Decoder::Decoder(const model::Config& config, Weights weights, const Place& place, std::shared_ptr<Group> group)
    : config_(config), weights_(std::move(weights)), place_(place), cache_(config, place), group_(std::move(group)) {}

struct Decoder::Pass {
  std::span<const Piece> pieces;
  at::Tensor ids;       ///< of all tokens
  at::Tensor rows;      ///< those whose logits are wanted
  at::Tensor cos, sin;  ///< tokens × 1 × head_dim/2: the same for all heads
  // When each sequence has one token:
  bool steps = false;
  std::int64_t longest = 0;  ///< keys of the longest sequence
  at::Tensor slots;          ///< undefined: one after the other from the first piece's on
  at::Tensor hidden;         ///< sequences × 1 × 1 × longest: keys that are not seen

  Pass(std::span<const Piece> all, const at::Tensor& frequencies, const Place& place, std::int64_t window)
      : pieces(all), steps(total_tokens(all) == static_cast<std::int64_t>(all.size())) {
    const std::int64_t count = total_tokens(pieces);
    std::vector<std::int64_t> all_ids;
    std::vector<std::int64_t> positions;
    std::vector<std::int64_t> wanted;
    std::int64_t row = 0;
    for (const Piece& piece : pieces) {
      const auto n = static_cast<std::int64_t>(piece.tokens.size());
      for (std::int64_t i = 0; i < n; ++i, ++row) {
        all_ids.push_back(piece.tokens[static_cast<std::size_t>(i)]);
        positions.push_back(piece.past + i);
        if (i >= n - piece.logits) wanted.push_back(row);
      }
      longest = std::max(longest, piece.past + n);
    }
    ids = to_device(all_ids, place.device);
    rows = to_device(wanted, place.device);
    const at::Tensor at = to_device(positions, place.device);
    const at::Tensor angles = (at.to(at::kFloat).unsqueeze(1) * frequencies).unsqueeze(1);
    cos = angles.cos();
    sin = angles.sin();
    if (steps) together(at.view({count, 1, 1, 1}), place, window);
  }

 private:
  void together(const at::Tensor& position, const Place& place, std::int64_t window) {
    const auto count = static_cast<std::int64_t>(pieces.size());
    const at::Tensor key_at = at::arange(longest, at::TensorOptions().device(place.device).dtype(at::kLong));
    hidden = key_at > position;
    if (window > 0) hidden = hidden | (key_at <= position - window);
    if (pieces.back().slot - pieces.front().slot == count - 1) return;
    std::vector<std::int64_t> numbers;
    for (const Piece& piece : pieces) numbers.push_back(piece.slot);
    slots = to_device(numbers, place.device);
  }
};

/// x + the products of all ranks, of which each has a share of the columns. The first rank's sum has x in it.
at::Tensor Decoder::add(const at::Tensor& x, at::Tensor product) const {
  if (!group_) return x + product;
  if (group_->rank() == 0) product += x;
  group_->all_reduce(product);
  return product;
}

/// In single precision, rounded before the weights, as the reference does.
at::Tensor Decoder::norm(const at::Tensor& x, const at::Tensor& weight) const {
  const at::Tensor wide = x.to(at::kFloat);
  return (wide * at::rsqrt(wide.square().mean(-1, true) + config_.norm_eps)).to(x.scalar_type()) * weight;
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
  if (place_.device.is_cuda() && past == 0 && count > 1 && !config_.sliding_window)
    return causal_attention(queries.transpose(0, 1).unsqueeze(0), keys.narrow(1, 0, count).unsqueeze(0),
                            values.narrow(1, 0, count).unsqueeze(0))
        .squeeze(0)
        .transpose(0, 1)
        .reshape({count, config_.heads * config_.head_dim});
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
      const at::Tensor query_at = at::arange(past + begin, last, place_.device).unsqueeze(1);
      const at::Tensor key_at = at::arange(first, last, place_.device).unsqueeze(0);
      at::Tensor hidden = key_at > query_at;
      if (config_.sliding_window) hidden = hidden | (key_at <= query_at - *config_.sliding_window);
      scores = scores.view({config_.kv_heads, group, n, last - first})
                   .masked_fill(hidden, -std::numeric_limits<double>::infinity())
                   .view({config_.kv_heads, group * n, last - first});
    }
    blocks.push_back(at::bmm(scores.softmax(-1, at::kFloat).to(place_.type), values.narrow(1, first, last - first))
                         .view({config_.kv_heads, group, n, config_.head_dim})
                         .permute({2, 0, 1, 3})
                         .reshape({n, config_.heads * config_.head_dim}));
  }
  return blocks.size() == 1 ? blocks.front() : at::cat(blocks);
}

/// One token of each sequence, all in one product over the longest of their contexts, as engines that pad do it.
at::Tensor Decoder::attend_steps(std::size_t layer, const at::Tensor& queries, const Pass& pass) const {
  const auto count = static_cast<std::int64_t>(pass.pieces.size());
  const auto chosen = [&](const at::Tensor& cache) {
    const at::Tensor of =
        pass.slots.defined() ? cache.index_select(0, pass.slots) : cache.narrow(0, pass.pieces.front().slot, count);
    return of.narrow(2, 0, pass.longest);
  };
  const std::int64_t group = config_.heads / config_.kv_heads;
  const double scale = 1 / std::sqrt(static_cast<double>(config_.head_dim));
  const at::Tensor q = (queries * scale).view({count, config_.kv_heads, group, config_.head_dim});
  const at::Tensor scores = at::matmul(q, chosen(cache_.keys[layer]).transpose(2, 3))
                                .masked_fill(pass.hidden, -std::numeric_limits<double>::infinity());
  return at::matmul(scores.softmax(-1, at::kFloat).to(place_.type), chosen(cache_.values[layer]))
      .reshape({count, config_.heads * config_.head_dim});
}

at::Tensor Decoder::attention(std::size_t layer, const at::Tensor& x, const Pass& pass) {
  const std::int64_t tokens = x.size(0);
  const LayerWeights& weights = weights_.layers[layer];
  const at::Tensor qkv = at::linear(x, weights.qkv, weights.qkv_bias)
                             .view({tokens, config_.heads + 2 * config_.kv_heads, config_.head_dim});
  at::Tensor rotated = qkv.narrow(1, 0, config_.heads + config_.kv_heads);
  rotate(rotated, pass.cos, pass.sin);
  const at::Tensor queries = qkv.narrow(1, 0, config_.heads);
  const at::Tensor keys = qkv.narrow(1, config_.heads, config_.kv_heads);
  const at::Tensor values = qkv.narrow(1, config_.heads + config_.kv_heads, config_.kv_heads);
  std::vector<at::Tensor> out;
  std::int64_t row = 0;
  for (const Piece& piece : pass.pieces) {
    const auto n = static_cast<std::int64_t>(piece.tokens.size());
    at::Tensor cached_keys = cache_.keys[layer].select(0, piece.slot);
    at::Tensor cached_values = cache_.values[layer].select(0, piece.slot);
    cached_keys.narrow(1, piece.past, n).copy_(keys.narrow(0, row, n).transpose(0, 1));
    cached_values.narrow(1, piece.past, n).copy_(values.narrow(0, row, n).transpose(0, 1));
    if (!pass.steps) out.push_back(attend(queries.narrow(0, row, n), cached_keys, cached_values, piece.past));
    row += n;
  }
  if (pass.steps) out.push_back(attend_steps(layer, queries, pass));
  return at::linear(out.size() == 1 ? out.front() : at::cat(out), weights.output);
}

at::Tensor Decoder::feed_forward(const LayerWeights& layer, const at::Tensor& x) {
  const auto halves = at::linear(x, layer.gate_up).chunk(2, -1);
  return at::linear(at::silu(halves[0]) * halves[1], layer.down);
}

at::Tensor Decoder::forward(std::span<const Piece> pieces) {
  const c10::InferenceMode inference;
  const Pass pass(pieces, weights_.frequencies, place_, config_.sliding_window.value_or(0));
  at::Tensor x = weights_.embedding.index_select(0, pass.ids);
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const LayerWeights& layer = weights_.layers[i];
    x = add(x, attention(i, norm(x, layer.input_norm), pass));
    x = add(x, feed_forward(layer, norm(x, layer.ffn_norm)));
  }
  return at::linear(norm(x.index_select(0, pass.rows), weights_.last_norm), weights_.head);
}

at::Tensor best_of(const at::Tensor& logits) {
  const c10::InferenceMode inference;
  auto [most, ids] = logits.max(-1);  // NaN is the greatest to it
  return ids.masked_fill_(most.isnan(), embedded::kNoId);
}

}  // namespace phasewatt::engine::libtorch
