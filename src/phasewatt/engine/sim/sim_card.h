#pragma once

#include <memory>
#include <optional>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/sim/live/claim.h"
#include "phasewatt/sim/sim_gpu.h"

/// Where the passes of the simulated engine run: on a card in virtual time, or on one in real time that other processes
/// read through NVML.
namespace phasewatt::engine {

class SimCard {
 public:
  /// What is known of a pass that is over.
  struct Pass {
    Nanos begin{};
    Nanos end{};
    Mhz clock{};
    std::optional<Joules> energy;       ///< the simulator's truth; absent where only sensors can tell
    std::optional<sim::PassOut> out{};  ///< where the truth is known
  };

  virtual ~SimCard() = default;
  [[nodiscard]] virtual const sim::GpuSpec& spec() const = 0;
  /// A model of `bytes` is held from now on.
  virtual Status hold(double bytes) = 0;
  virtual void begin_point(const sim::PointKey& key) = 0;
  /// Carries out one pass; returns when it is over.
  virtual Result<Pass> run(const sim::Load& load, sim::PassTag tag) = 0;
};

/// A SimGpu in virtual time, borrowed. Passes tell their truth.
class VirtualCard final : public SimCard {
 public:
  explicit VirtualCard(sim::SimGpu& gpu) : gpu_(gpu) {}
  [[nodiscard]] const sim::GpuSpec& spec() const override { return gpu_.spec(); }
  Status hold(double bytes) override;
  void begin_point(const sim::PointKey& key) override { gpu_.begin_point(key); }
  Result<Pass> run(const sim::Load& load, sim::PassTag tag) override;

 private:
  sim::SimGpu& gpu_;
};

/// A card of the simulated NVML library, in real time: run() sleeps until the pass is over. Its truth stays with it, as
/// that of a real card does: what it drew is read from its sensors.
class LiveCard final : public SimCard {
 public:
  LiveCard(std::shared_ptr<sim::live::LiveRig> rig, std::size_t gpu);
  [[nodiscard]] const sim::GpuSpec& spec() const override { return spec_; }
  /// out_of_memory when others hold too much of the card.
  Status hold(double bytes) override;
  void begin_point(const sim::PointKey& /*key*/) override {}
  Result<Pass> run(const sim::Load& load, sim::PassTag tag) override;

 private:
  std::shared_ptr<sim::live::LiveRig> rig_;
  std::size_t gpu_;
  sim::GpuSpec spec_;
  std::optional<sim::live::GpuClaim> claim_;
};

}  // namespace phasewatt::engine
