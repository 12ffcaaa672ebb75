#pragma once

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "phasewatt/base/result.h"
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

/// A rank's share of a model, as Megatron-LM cuts it: its heads and its columns of the feed-forward network; so rows of
/// the matrices before them (stored outputs × inputs) and columns of those after them. The rest each rank has whole.
struct Share {
  std::size_t rank = 0, of = 1;
};
/// The shape of a share. unsupported: the KV heads or the feed-forward network do not divide.
Result<model::Config> share_config(const model::Config& config, std::size_t of);

/// Copies the weights, converted. The tensors must have been checked (model::check_tensors). `config` is the whole
/// model's, and no more than the share is read.
Weights load_weights(const model::Config& config, const model::WeightFiles& files, const Place& place,
                     const Share& share = {});
/// Random weights, made where they are used; norms are one. The shares of a seed are the parts of one model: each rank
/// draws all of a tensor and keeps its own.
Weights random_weights(const model::Config& config, std::uint64_t seed, const Place& place, const Share& share = {});

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
