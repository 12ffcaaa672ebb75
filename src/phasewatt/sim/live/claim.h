#pragma once

#include <cstddef>
#include <memory>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"
#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/live/rig.h"

namespace phasewatt::sim::live {

/// How a process that computes on a simulated card (phasewatt's simulated engine) makes it busy: the claim stands for
/// its context, which shows in the process list, and each pass for what it draws. Passes follow one another; the caller
/// sleeps until a pass ends. A killed owner stops loading the card at the next look that anybody takes at it, at the
/// latest when its pass ends. Thread-safe as LiveRig is; one claim is for one thread.
class GpuClaim {
 public:
  struct Pass {
    Nanos begin{};  ///< CLOCK_MONOTONIC
    Nanos end{};
    Watts power{};
    Mhz clock{};
    std::uint64_t throttle_mask = 0;
  };

  /// Opens a context with `bytes` of device memory. out_of_memory: the card has not that much left.
  static Result<GpuClaim> take(std::shared_ptr<LiveRig> rig, std::size_t gpu, double bytes);
  ~GpuClaim();
  GpuClaim(GpuClaim&& other) noexcept;
  GpuClaim& operator=(GpuClaim&&) = delete;

  /// One pass at the clock of the moment, from now or from the end of the pass before, whichever is later.
  Result<Pass> run(const Load& load);
  /// The same with a given power and length.
  Result<Pass> draw(Watts power, Nanos length);

 private:
  GpuClaim(std::shared_ptr<LiveRig> rig, std::size_t gpu, std::size_t slot);
  Result<Pass> add(const Work& work, double seconds);

  std::shared_ptr<LiveRig> rig_;
  std::size_t gpu_ = 0;
  std::size_t slot_ = 0;
  std::int64_t last_end_ = 0;
};

/// Device memory that the driver keeps for itself.
inline constexpr double kReservedBytes = 600.0 * 1048576.0;

/// Device memory in use, with the driver's own.
double used_bytes(const GpuState& state);

}  // namespace phasewatt::sim::live
