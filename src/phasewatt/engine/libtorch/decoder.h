#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// The forward pass of a dense decoder on libtorch, FP32 on the CPU. Internal to engine/libtorch.
///
/// The tokens of all sequences of a pass lie one behind the other in one matrix, so that sequences of different lengths
/// share each matrix product and nothing is computed for padding. Only attention goes sequence by sequence, each over
/// exactly the keys it may see.
namespace phasewatt::engine::libtorch {

/// What a pass does for one sequence. Its keys and values go into the cache at `slot`, from position `past` on.
struct Piece {
  std::int64_t slot = 0;
  std::int64_t past = 0;                 ///< tokens of the sequence that are in the cache
  std::span<const std::int64_t> tokens;  ///< ≥ 1 ids below the vocabulary's size
  std::int64_t logits = 1;               ///< logits are wanted at this many positions, the last ones
};

/// Not thread-safe. Throws what libtorch throws (c10::Error, std::bad_alloc); the engine turns that into errors.
class Decoder {
 public:
  /// Copies the weights, converted to FP32. The tensors must have been checked (model::check_tensors).
  Decoder(const model::Config& config, const model::WeightFiles& weights);
  /// Random weights.
  Decoder(const model::Config& config, std::uint64_t seed);

  /// Room for `slots` sequences of up to `tokens` each; keeps what it has when that is enough.
  void reserve(std::int64_t slots, std::int64_t tokens);
  /// Gives the cache's memory back.
  void drop_cache();

  /// Logits [all positions wanted, vocabulary] in FP32, in the order of the pieces. Two pieces of one pass must not
  /// share a slot.
  at::Tensor forward(std::span<const Piece> pieces);

  [[nodiscard]] const model::Config& config() const { return config_; }

 private:
  /// Gives a tensor of the model by its name and shape.
  using TensorSource = std::function<at::Tensor(const std::string&, const std::vector<std::int64_t>&)>;
  Decoder(const model::Config& config, const TensorSource& source);

  struct Layer {
    at::Tensor input_norm, qkv, qkv_bias, output, ffn_norm, gate_up, down;
    at::Tensor keys, values;  ///< cache: slots × KV heads × tokens × head_dim
  };

  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  void rotate(at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin) const;
  at::Tensor attention(Layer& layer, const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                       std::span<const Piece> pieces) const;
  at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                    std::int64_t past) const;
  static at::Tensor feed_forward(const Layer& layer, const at::Tensor& x);

  model::Config config_;
  at::Tensor embedding_, last_norm_, head_;
  at::Tensor frequencies_;  ///< radians per position, head_dim/2
  std::vector<Layer> layers_;
  std::int64_t slots_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace phasewatt::engine::libtorch
