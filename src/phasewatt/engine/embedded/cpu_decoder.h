#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/model/config.h"
#include "phasewatt/engine/model/safetensors.h"

/// The forward pass of a dense decoder on the CPU in single precision, on Eigen. Internal to engine.
///
/// The tokens of all sequences of a pass lie one behind the other in one matrix, so that sequences of different lengths
/// share each matrix product and nothing is computed for padding. Attention goes token by token, each over the keys it
/// may see; heads that share their keys go together. Threads share each step out in parts that do not depend on how
/// many threads there are, and neither do the results.
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
    Values keys;    ///< slots × KV heads × capacity × head_dim, those of a head in panels
    Values values;  ///< slots × KV heads × capacity × head_dim
  };
  struct Token {
    std::int64_t slot, position, id;
  };
  using Tokens = std::vector<Token>;
  /// Written before it is read: a large one need not be filled first.
  using Buffer = std::unique_ptr<float[]>;

  [[nodiscard]] int threads_for(std::int64_t operations) const;
  void embed(const Tokens& tokens, float* x, float* cos_sin) const;
  /// x (rows × inputs, with a stride) by a weight (outputs × inputs, in panels), into rows × outputs.
  void product(const float* x, std::int64_t x_stride, std::int64_t rows, const Values& weight, std::int64_t inputs,
               std::int64_t outputs, float* out) const;
  void norm(const float* x, std::int64_t rows, const Values& weight, float* out) const;
  void rotate(float* head, const float* cos_sin) const;
  /// Adds the bias, rotates queries and keys, and writes keys and values to the cache.
  void cache_rows(std::size_t layer, const Tokens& tokens, const float* cos_sin, float* qkv);
  void attention(const Cache& cache, const Tokens& tokens, const float* qkv, float* scores, float* out) const;
  void attend(const Cache& cache, const Token& token, std::int64_t kv_head, const float* queries, float* scores,
              float* out) const;
  /// silu(gate) · up, over the gate. `gate_up`: rows × (gate, up).
  void activate(float* gate_up, std::int64_t rows) const;
  void add(float* x, const float* y, std::int64_t rows) const;

  model::Config config_;
  CpuWeights weights_;  ///< matrices in panels
  Values frequencies_;
  int threads_;
  std::vector<Cache> cache_;
  std::int64_t slots_ = 0;
  std::int64_t capacity_ = 0;  ///< whole panels
};

}  // namespace phasewatt::engine::embedded
