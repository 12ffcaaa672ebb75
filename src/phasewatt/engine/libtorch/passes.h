#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/engine/engine.h"
#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/gpu.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"
#include "phasewatt/engine/model/counts.h"

/// A loaded model and its passes, each with its span. Internal to engine/libtorch.
namespace phasewatt::engine::libtorch {

/// Where and in which type a model whose weights are `stored` is to run. bad_input, unsupported: the option's name and
/// what it may be.
Result<Place> choose_place(const LibtorchOptions& options, model::Dtype stored);
/// The device alone: what choose_place would take.
Result<at::Device> choose_device(const LibtorchOptions& options);
/// out_of_memory: `bytes` more do not fit there.
Status check_memory(const at::Device& device, double bytes);
double element_bytes(const Place& place);

/// Throws what libtorch throws.
class Passes {
 public:
  Passes(std::unique_ptr<Decoder> decoder, std::unique_ptr<GraphRuntime> graphs);

  /// Room in the cache for `slots` sequences of `tokens` each. out_of_memory.
  Status reserve(std::int64_t slots, std::int64_t tokens);
  void drop_cache();

  /// A pass; the best next id at each position whose logits are wanted.
  std::vector<std::int64_t> best_ids(Phase phase, std::span<const Piece> pieces, PhaseListener& listener);
  /// A pass of options; the log-probability of `ids`, one for each position whose logits are wanted.
  std::vector<double> log_probabilities(std::span<const Piece> pieces, const std::vector<std::int64_t>& ids,
                                        PhaseListener& listener);

  [[nodiscard]] const model::Config& config() const { return decoder_->config(); }
  [[nodiscard]] double weight_element_bytes() const { return element_bytes(decoder_->place()); }
  [[nodiscard]] const at::Device& device() const { return decoder_->place().device; }

 private:
  /// From handing in the tokens to having what `work` makes of them on the host.
  template <class Work>
  at::Tensor timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener, Work work);
  at::Tensor logits(std::span<const Piece> pieces);

  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<GraphRuntime> graphs_;  ///< null: eager
  model::Storage storage_;
  GpuTimer timer_;
};

}  // namespace phasewatt::engine::libtorch
