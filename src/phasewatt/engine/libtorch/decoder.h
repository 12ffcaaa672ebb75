#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <span>

#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/libtorch/group.h"
#include "phasewatt/engine/libtorch/weights.h"
#include "phasewatt/engine/model/config.h"

/// The forward pass of a dense decoder by the plain operators of libtorch, one at a time, on any device in any type:
/// the CPU's runtime, the `eager` one of GPUs, and what the kernels are compared with. Internal to engine/libtorch.
///
/// The tokens of all sequences of a pass lie one behind the other in one matrix, so that sequences of different lengths
/// share each matrix product and nothing is computed for padding. Attention of more than one token goes sequence by
/// sequence, each over exactly the keys it may see.
namespace phasewatt::engine::libtorch {

using embedded::Piece;
using embedded::total_tokens;

/// Numbers on a device. They may still be on their way when this returns: the host does not wait for the GPU.
at::Tensor to_device(std::span<const std::int64_t> numbers, const at::Device& device);

/// Attention of n queries over their own n keys, each over those before it: queries [batch, heads, n, head_dim], keys
/// and values with KV heads. Needs libtorch 2.
at::Tensor causal_attention(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values);

/// Not thread-safe. Throws what libtorch throws (c10::Error, std::bad_alloc); the engine turns that into errors.
class Decoder {
 public:
  /// Of a rank: `config` and `weights` are its share, and all ranks do each pass together.
  Decoder(const model::Config& config, Weights weights, const Place& place, std::shared_ptr<Group> group = nullptr);

  /// Logits [all positions wanted, vocabulary], in the order of the pieces. Two pieces of one pass must not share a
  /// slot.
  at::Tensor forward(std::span<const Piece> pieces);

  [[nodiscard]] const model::Config& config() const { return config_; }
  [[nodiscard]] const Weights& weights() const { return weights_; }
  [[nodiscard]] const Place& place() const { return place_; }
  [[nodiscard]] Cache& cache() { return cache_; }
  [[nodiscard]] Group* group() const { return group_.get(); }

 private:
  at::Tensor add(const at::Tensor& x, at::Tensor product) const;
  at::Tensor norm(const at::Tensor& x, const at::Tensor& weight) const;
  void rotate(at::Tensor& heads, const at::Tensor& cos, const at::Tensor& sin) const;
  /// What all layers of a pass have in common.
  struct Pass;

  at::Tensor attention(std::size_t layer, const at::Tensor& x, const Pass& pass);
  at::Tensor attend(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                    std::int64_t past) const;
  at::Tensor attend_steps(std::size_t layer, const at::Tensor& queries, const Pass& pass) const;
  static at::Tensor feed_forward(const LayerWeights& layer, const at::Tensor& x);

  model::Config config_;
  Weights weights_;
  Place place_;
  Cache cache_;
  std::shared_ptr<Group> group_;  ///< null: alone
};

/// The first of the greatest of each row of logits, on their device; kNoId where one of them is no number.
at::Tensor best_of(const at::Tensor& logits);

}  // namespace phasewatt::engine::libtorch
