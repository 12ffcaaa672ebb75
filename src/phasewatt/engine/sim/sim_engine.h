#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "phasewatt/engine/engine.h"
#include "phasewatt/engine/sim/quality.h"
#include "phasewatt/engine/sim/sim_card.h"
#include "phasewatt/sim/sim_gpu.h"

namespace phasewatt::engine {

/// The simulated engine: the passes of a transformer on a simulated card, in virtual or in real time. It generates no
/// text; the quality of an outcome comes from the item-response model, when there is one. Padding is not modelled: a
/// batch is as long as the mean of its sequences. The quality model is borrowed. Not thread-safe.
class SimEngine final : public Engine {
 public:
  struct Options {
    std::uint64_t seed = 1;
    /// Whatever else of the workload determines results (sample, profile); joins the dataset's name in the point's key.
    std::string workload_hash;
    const QualityModel* quality = nullptr;  ///< null: no simulated_quality
  };
  SimEngine(std::unique_ptr<SimCard> card, sim::RuntimeSpec runtime, Options options);
  /// In virtual time, on a borrowed GPU.
  SimEngine(sim::SimGpu& gpu, sim::RuntimeSpec runtime, Options options)
      : SimEngine(std::make_unique<VirtualCard>(gpu), std::move(runtime), std::move(options)) {}

  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  Result<ModelInfo> load(const std::string& model) override;
  Status begin_point(const RunPoint& point) override;
  Result<std::vector<Outcome>> generate(std::span<const Request> batch, const Decoding& decoding,
                                        PhaseListener& listener) override;
  Result<std::vector<Outcome>> score(std::span<const Request> batch, PhaseListener& listener) override;
  Status repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                PhaseListener& listener) override;

 private:
  Status check_batch(std::span<const Request> batch) const;
  Status pass(const sim::PassIn& in, double tokens, PhaseListener& listener);
  Status prefill(std::span<const Request> batch, PhaseListener& listener);
  Status score_options(std::span<const Request> batch, PhaseListener& listener);
  std::vector<Outcome> outcomes(std::span<const Request> batch) const;
  [[nodiscard]] int output_length(const Request& request, const Decoding& decoding) const;

  std::unique_ptr<SimCard> card_;
  sim::RuntimeSpec runtime_;
  Options options_;
  EngineInfo info_;
  std::optional<sim::ArchSpec> arch_;
  sim::PassTag tag_;  ///< of the next pass
};

/// Mean output tokens of a request on the simulated engine: max_new_tokens, or, when sequences may end by themselves,
/// the mean of the drawn lengths.
double expected_output_tokens(const Decoding& decoding);

}  // namespace phasewatt::engine
