#pragma once

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/gpu.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"

/// A loaded model and its passes, each with its span. Internal to engine/libtorch.
namespace phasewatt::engine::libtorch {

/// The devices of a model, all CPUs or all different GPUs; at least one. bad_input, unsupported: the option's name and
/// what it may be.
Result<std::vector<at::Device>> choose_devices(const LibtorchOptions& options);
/// The type in which a model whose weights are `stored` is to run there. Errors as above.
Result<at::ScalarType> choose_type(const LibtorchOptions& options, const at::Device& device, model::Dtype stored);
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
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return Error{ErrorCode::internal, std::string("libtorch: ") + error.what(), {}};
    }
  });
}

/// What a pass has made, there or on the host already, on the host; waits for it.
at::Tensor on_host(const at::Tensor& made, const at::Device& device);

/// A device's share of a loaded model; of one device, all of it.
struct Rank {
  explicit Rank(std::unique_ptr<Decoder> of) : decoder(std::move(of)) {}
  [[nodiscard]] const at::Device& device() const { return decoder->place().device; }
  at::Tensor logits(std::span<const Piece> pieces) {
    return graphs ? graphs->forward(pieces) : decoder->forward(pieces);
  }
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<GraphRuntime> graphs;  ///< null: eager
};

/// How long passes of one size keep the GPU busy, without the gaps in which it waits for the host.
struct Busy {
  double seconds;  ///< of the one that was measured
  double wall_s;   ///< the shortest that such a pass took: the first may be slow for reasons of its own
  /// Of a later pass, which took so long. One that keeps the GPU busy takes as long as the GPU does, whose clock may
  /// have changed since; one that waits for the host is busy for as long as before.
  double of(double later_wall_s) {
    constexpr double kBusy = 0.9;
    wall_s = std::min(wall_s, later_wall_s);
    return seconds >= kBusy * wall_s ? later_wall_s * std::min(1.0, seconds / wall_s) : std::min(seconds, later_wall_s);
  }
};

class Passes final : public embedded::Runner {
 public:
  /// `config` is the whole model's; the ranks are those of the team.
  Passes(model::Config config, std::unique_ptr<Team> team, std::vector<std::unique_ptr<Rank>> ranks);

  [[nodiscard]] const model::Config& config() const override { return config_; }
  [[nodiscard]] double weight_element_bytes() const override { return element_bytes(ranks_[0]->decoder->place()); }
  [[nodiscard]] std::vector<std::string> gpus() const override { return gpus_; }
  /// For who makes passes of its own beside these, in the same memory.
  [[nodiscard]] Rank& first_rank() { return *ranks_[0]; }
  Status reserve(std::int64_t slots, std::int64_t tokens) override;
  Status drop_cache() override;
  Result<std::vector<std::int64_t>> best_ids(Phase phase, std::span<const Piece> pieces,
                                             PhaseListener& listener) override;
  Result<std::vector<double>> log_probabilities(std::span<const Piece> pieces, const std::vector<std::int64_t>& ids,
                                                PhaseListener& listener) override;

 private:
  Status reserve(Rank& rank, std::int64_t slots, std::int64_t room) const;
  /// `work` of all ranks at once.
  Status each(const std::function<Status(Rank&)>& work);
  /// A pass with its span; what `work` makes of it on the first rank, on the host. All ranks make the same.
  Result<at::Tensor> timed(Phase phase, std::span<const Piece> pieces, PhaseListener& listener,
                           const std::function<at::Tensor(Rank&)>& work);

  /// How long this pass, which took `wall_s`, kept the GPU of the first rank busy. The first of its size is done once
  /// more, behind a kernel that holds the GPU until the host has started everything. Absent without a GPU that can.
  Result<std::optional<double>> busy_seconds(Phase phase, std::span<const Piece> pieces, double wall_s,
                                             const std::function<at::Tensor(Rank&)>& work);

  /// Passes that are taken to keep a GPU busy for as long: so many pieces, and tokens and keys alike to a factor of √2,
  /// so that few are new after a warm-up.
  struct Size {
    Phase phase;
    std::int64_t pieces;
    int tokens, past;
    auto operator<=>(const Size&) const = default;
  };

  std::map<Size, Busy> busy_;  ///< of the point
  bool holds_;                 ///< all devices are GPUs that can be held
  model::Config config_;
  std::vector<std::unique_ptr<Rank>> ranks_;
  std::unique_ptr<Team> team_;
  model::Storage storage_;
  std::vector<std::string> gpus_;
};

/// A model loaded as the options say; `files` null: with random weights. Errors of the options, of memory, of shapes
/// that cannot be shared out, of libtorch.
Result<std::unique_ptr<Passes>> make_passes(const LibtorchOptions& options, const model::Config& config,
                                            const model::WeightFiles* files);

}  // namespace phasewatt::engine::libtorch
