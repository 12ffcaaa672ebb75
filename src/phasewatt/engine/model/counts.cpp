#include "phasewatt/engine/model/counts.h"

#include <algorithm>

namespace phasewatt::engine::model {
namespace {

double bytes_of(Dtype dtype) { return static_cast<double>(size_of(dtype)); }

/// Past keys that any of the new tokens sees: the first of them looks back furthest.
std::int64_t past_in_window(const SequencePass& one, std::optional<std::int64_t> window) {
  return window ? std::min(one.past_tokens, *window - 1) : one.past_tokens;
}

/// The sizes of a model as doubles, for products that leave 64 bits.
struct Sizes {
  explicit Sizes(const Config& config)
      : layers(static_cast<double>(config.layers)),
        hidden(static_cast<double>(config.hidden)),
        q(static_cast<double>(config.heads * config.head_dim)),
        kv(static_cast<double>(config.kv_heads * config.head_dim)),
        ffn(static_cast<double>(config.ffn)),
        vocab(static_cast<double>(config.vocab)),
        bias(config.qkv_bias ? q + 2 * kv : 0) {}
  /// Weights that a layer multiplies with.
  [[nodiscard]] double products() const { return hidden * (2 * q + 2 * kv) + 3 * hidden * ffn; }
  /// Elements that the operators of a layer read and write for one token; keys and values go by the cache besides.
  [[nodiscard]] double traffic() const { return 14 * hidden + 6 * q + 4 * kv + 6 * ffn; }

  double layers, hidden, q, kv, ffn, vocab, bias;
};

}  // namespace

double attention_pairs(std::int64_t new_tokens, std::int64_t past_tokens, std::optional<std::int64_t> window) {
  const auto n = static_cast<double>(new_tokens);
  const auto past = static_cast<double>(past_tokens);
  if (!window || past_tokens + new_tokens <= *window) return n * past + n * (n + 1) / 2;
  // The first tokens see all before them, the others a full window.
  const auto growing = static_cast<double>(std::max<std::int64_t>(0, *window - past_tokens));
  return growing * past + growing * (growing + 1) / 2 + (n - growing) * static_cast<double>(*window);
}

PassCounts count_pass(const Config& config, std::span<const SequencePass> batch, const Storage& storage) {
  const Sizes size(config);
  double tokens = 0;
  double logits = 0;
  double pairs = 0;
  double keys_read = 0;
  for (const SequencePass& one : batch) {
    tokens += static_cast<double>(one.new_tokens);
    logits += static_cast<double>(one.logits);
    pairs += attention_pairs(one.new_tokens, one.past_tokens, config.sliding_window);
    keys_read += static_cast<double>(one.new_tokens);
    if (!one.shares_past) keys_read += static_cast<double>(past_in_window(one, config.sliding_window));
  }

  PassCounts out;
  out.flops = 2 * tokens * size.layers * size.products() + 4 * size.layers * size.q * pairs +
              2 * logits * size.vocab * size.hidden;
  const double layer_weights = size.products() + size.bias + 2 * size.hidden;
  const double head_weights = logits > 0 ? size.vocab * size.hidden + size.hidden : 0;
  out.weight_bytes = bytes_of(storage.weights) * (size.layers * layer_weights + head_weights + tokens * size.hidden);
  const double cache_token = config.kv_bytes_per_token(storage.cache);
  out.cache_read_bytes = cache_token * keys_read;
  out.cache_write_bytes = cache_token * tokens;
  // Outside the layers: the embedding is written, the last norm reads and writes, the logits are written and read.
  out.activation_bytes = bytes_of(storage.activations) * (tokens * (size.layers * size.traffic() + size.hidden) +
                                                          logits * (3 * size.hidden + 2 * size.vocab));
  return out;
}

}  // namespace phasewatt::engine::model
