#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "phasewatt/engine/model/config.h"

/// Bytes and FLOPs of one pass of a dense decoder, exact to the token, for PhaseSpan::bytes and PhaseSpan::flops. What
/// is counted, and where sim::pass_load differs: docs/models.md, "Bytes and FLOPs".
namespace phasewatt::engine::model {

/// What a pass does for one sequence.
struct SequencePass {
  std::int64_t new_tokens = 1;
  std::int64_t past_tokens = 0;  ///< keys and values already in the cache
  std::int64_t logits = 1;       ///< positions whose logits are computed
  /// Its past is the one of the sequence before it in the same pass (options of one question): read once for both.
  bool shares_past = false;
};

/// How elements are stored.
struct Storage {
  Dtype weights = Dtype::f16;
  Dtype activations = Dtype::f16;
  Dtype cache = Dtype::f16;
};

struct PassCounts {
  double flops = 0;             ///< of matrix products: a multiply-add is two
  double weight_bytes = 0;      ///< each weight that is used, once; of the embedding the rows that are looked up
  double cache_read_bytes = 0;  ///< keys and values that the new tokens see, once for each sequence
  double cache_write_bytes = 0;
  double activation_bytes = 0;  ///< each operator reads its inputs and writes its output
  [[nodiscard]] double bytes() const { return weight_bytes + cache_read_bytes + cache_write_bytes + activation_bytes; }
};

PassCounts count_pass(const Config& config, std::span<const SequencePass> batch, const Storage& storage);

/// Keys that `new_tokens` tokens after `past_tokens` others see together, each itself and what is before it, within
/// `window` keys: the pairs of a causal attention.
double attention_pairs(std::int64_t new_tokens, std::int64_t past_tokens, std::optional<std::int64_t> window);

}  // namespace phasewatt::engine::model
