#pragma once

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/gpu.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"

/// A loaded model and its passes, each with its span. Internal to engine/libtorch.
namespace phasewatt::engine::libtorch {

/// Where and in which type a model whose weights are `stored` is to run. bad_input, unsupported: the option's name and
/// what it may be.
Result<Place> choose_place(const LibtorchOptions& options, model::Dtype stored);
/// The device alone: what choose_place would take.
Result<at::Device> choose_device(const LibtorchOptions& options);
/// out_of_memory: `bytes` more do not fit there.
Status check_memory_of(const at::Device& device, double bytes);
double element_bytes(const Place& place);
Error as_error(const c10::Error& error);

/// libtorch speaks in exceptions; `work`, done on the engine's stream, is where they end.
template <class Work>
auto on_device(const at::Device& device, Work work) -> decltype(work()) {
  return embedded::guarded([&]() -> decltype(work()) {
    try {
      const GpuScope scope(device);
      return work();
    } catch (const c10::Error& error) {
      return as_error(error);
    }
  });
}

class Passes final : public embedded::Runner {
 public:
  Passes(std::unique_ptr<Decoder> decoder, std::unique_ptr<GraphRuntime> graphs);

  [[nodiscard]] const model::Config& config() const override { return decoder_->config(); }
  [[nodiscard]] double weight_element_bytes() const override { return element_bytes(decoder_->place()); }
  [[nodiscard]] std::vector<std::string> gpus() const override { return gpus_; }
  Status reserve(std::int64_t slots, std::int64_t tokens) override;
  Status drop_cache() override;
  Result<std::vector<std::int64_t>> best_ids(Phase phase, std::span<const Piece> pieces,
                                             PhaseListener& listener) override;
  Result<std::vector<double>> log_probabilities(std::span<const Piece> pieces, const std::vector<std::int64_t>& ids,
                                                PhaseListener& listener) override;

 private:
  /// A pass with its span; what `work` makes of it, on the host.
  template <class Work>
  at::Tensor timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener, Work work);
  at::Tensor logits(std::span<const Piece> pieces);
  [[nodiscard]] const at::Device& device() const { return decoder_->place().device; }

  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<GraphRuntime> graphs_;  ///< null: eager
  model::Storage storage_;
  GpuTimer timer_;
  std::vector<std::string> gpus_;
};

}  // namespace phasewatt::engine::libtorch
