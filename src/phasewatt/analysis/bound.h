#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "phasewatt/base/records.h"

/// Which limit held in a phase: the host, memory, arithmetic or the power cap, with what speaks for it. Rules,
/// thresholds and how often they agree with the simulator's truth: docs/bounds.md. Pure and thread-safe.
namespace phasewatt::analysis {

enum class Bound { host, memory, compute, power, unknown };
inline constexpr std::array kBounds{Bound::host, Bound::memory, Bound::compute, Bound::power, Bound::unknown};
std::string_view to_string(Bound bound);  ///< "host-bound", …, "power-limited", "unknown"

/// The GPU waits for the host when it is idle for this share of a phase or more.
inline constexpr double kHostWaitShare = 0.2;
/// Starting kernels is the bound when it takes this share of the GPU's busy time or more.
inline constexpr double kLaunchShare = 0.5;
/// Of its ceiling, what memory or arithmetic must reach over the time in which kernels work, to be called the bound.
inline constexpr double kWorkShare = 0.35;
/// The same over the whole time of the phase, where it is not known how long the GPU was busy.
inline constexpr double kWallShare = 0.6;
/// Where neither reaches even this over the whole time, the GPU can only have waited.
inline constexpr double kIdleWallShare = 0.15;

/// A phase as the diagnosis sees it.
struct BoundInput {
  double seconds = 0;
  std::optional<double> bytes;
  std::optional<double> flops;
  std::optional<double> gpu_busy_s;
  std::optional<double> launch_s;
  bool power_capped = false;  ///< the software power cap held the clock in this phase
  std::optional<Mhz> clock;   ///< seen; scales the ceiling of arithmetic
};

/// The bound and what it rests on; an absent number could not be known. Shares are 0..1 of the phase's time, or of the
/// ceiling, and may exceed 1 where a ceiling was measured low.
struct Diagnosis {
  Bound bound = Bound::unknown;
  std::optional<double> bytes_per_s;
  std::optional<double> flops_per_s;
  std::optional<double> memory_share;   ///< bytes_per_s / the better of copy and stream
  std::optional<double> compute_share;  ///< flops_per_s / GEMM, at the clock seen
  std::optional<double> busy_share;
  std::optional<double> launch_share;
  std::string why;  ///< a sentence without its full stop
};

Diagnosis diagnose(const BoundInput& phase, const std::optional<Ceilings>& ceilings);

/// In which phases the power cap held, of a point in which it did. Throttle reasons are known for the point alone, so
/// those count whose mean power is within 5 % of the highest of the point's phases; without energies by phase, the one
/// that took 90 % of the phases' time; else none.
std::array<bool, kPhaseCount> capped_phases(const std::array<PhaseTotals, kPhaseCount>& phases);

}  // namespace phasewatt::analysis
