#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// A model's weights and its cache, where the arithmetic is. Internal to engine/libtorch.
namespace phasewatt::engine::libtorch {

struct Place {
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;
};

struct LayerWeights {
  at::Tensor input_norm;
  at::Tensor qkv, qkv_bias;  ///< queries over keys over values; no bias: undefined
  at::Tensor output, ffn_norm;
  at::Tensor gate_up;  ///< gate over up
  at::Tensor down;
};

struct Weights {
  at::Tensor embedding, last_norm, head;
  at::Tensor frequencies;  ///< radians per position, head_dim/2, FP32
  std::vector<LayerWeights> layers;
};

/// Copies the weights, converted. The tensors must have been checked (model::check_tensors).
Weights load_weights(const model::Config& config, const model::WeightFiles& files, const Place& place);
/// Random weights, made where they are used; norms are one.
Weights random_weights(const model::Config& config, std::uint64_t seed, const Place& place);

/// Keys and values of all layers: slots × KV heads × tokens × head_dim each.
class Cache {
 public:
  Cache(const model::Config& config, const Place& place);
  [[nodiscard]] bool fits(std::int64_t slots, std::int64_t tokens) const {
    return slots <= slots_ && tokens <= capacity_;
  }
  /// Room for `slots` sequences of up to `tokens` each; keeps what it has when that is enough.
  void reserve(std::int64_t slots, std::int64_t tokens);
  void drop();

  std::vector<at::Tensor> keys, values;
  [[nodiscard]] std::int64_t capacity() const { return capacity_; }

 private:
  std::int64_t kv_heads_, head_dim_;
  Place place_;
  std::int64_t slots_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace phasewatt::engine::libtorch
