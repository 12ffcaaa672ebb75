#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// The forward pass of a dense decoder on the CPU in single precision, on Eigen. Internal to engine.
///
/// The tokens of all sequences of a pass lie one behind the other in one matrix, so that sequences of different lengths
/// share each matrix product and nothing is computed for padding. Attention goes token by token and head by head, each
/// over exactly the keys it may see.
namespace phasewatt::engine::embedded {

using Values = std::vector<float>;

/// Matrices are outputs × inputs, row by row.
struct CpuWeights {
  struct Layer {
    Values input_norm;
    Values qkv, qkv_bias;  ///< queries over keys over values; no bias: empty
    Values output, ffn_norm;
    Values gate_up;  ///< gate over up
    Values down;
  };
  Values embedding, last_norm;
  Values head;  ///< empty: the embedding
  std::vector<Layer> layers;
};

/// Copies the weights, converted. The tensors must have been checked (model::check_tensors).
CpuWeights load_cpu_weights(const model::Config& config, const model::WeightFiles& files);
/// Normal with the usual deviation of an untrained model, 0.02; norms are one.
CpuWeights random_cpu_weights(const model::Config& config, std::uint64_t seed);

/// Not thread-safe. Throws std::bad_alloc; the runner turns that into an error.
class CpuDecoder {
 public:
  CpuDecoder(const model::Config& config, CpuWeights weights, int threads);

  /// Logits, row by row: all positions wanted × vocabulary, in the order of the pieces.
  Values forward(std::span<const Piece> pieces);

  [[nodiscard]] bool fits(std::int64_t slots, std::int64_t tokens) const {
    return slots <= slots_ && tokens <= capacity_;
  }
  /// Room for so much; what was there is gone.
  void allocate(std::int64_t slots, std::int64_t tokens);

  [[nodiscard]] const model::Config& config() const { return config_; }
  [[nodiscard]] std::int64_t slots() const { return slots_; }
  [[nodiscard]] std::int64_t capacity() const { return capacity_; }

 private:
  struct Cache {
    Values keys, values;  ///< slots × KV heads × capacity × head_dim
  };

  /// x (rows × inputs) by a weight (outputs × inputs), into rows × outputs.
  Values product(const Values& x, const Values& weight, std::int64_t inputs) const;
  [[nodiscard]] Values norm(const Values& x, const Values& weight) const;
  void rotate(float* head, const float* cos_sin) const;
  Values attention(std::size_t layer, Values qkv, std::span<const Piece> pieces, const Values& cos_sin);
  void attend(const Cache& cache, std::int64_t slot, std::int64_t position, const float* queries, float* out) const;

  model::Config config_;
  CpuWeights weights_;
  Values frequencies_;
  int threads_;
  std::vector<Cache> cache_;
  std::int64_t slots_ = 0;
  std::int64_t capacity_ = 0;
};

}  // namespace phasewatt::engine::embedded
