#include "phasewatt/analysis/bound.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace phasewatt::analysis {
namespace {

constexpr double kNearHighestPower = 0.95;
constexpr double kMostOfTime = 0.9;

std::optional<double> over(std::optional<double> part, std::optional<double> whole) {
  if (!part || !whole || !(*whole > 0) || !std::isfinite(*part / *whole)) return std::nullopt;
  return *part / *whole;
}

std::optional<double> memory_ceiling(const std::optional<Ceilings>& ceilings) {
  if (!ceilings) return std::nullopt;
  const auto& copy = ceilings->copy_bytes_per_s;
  const auto& stream = ceilings->stream_bytes_per_s;
  if (copy && stream) return std::max(*copy, *stream);
  return copy ? copy : stream;
}

/// Arithmetic goes with the SM clock, so a ceiling read at one clock is another at a lower one. Not at a higher one:
/// the GEMM was read at all the clock that its power left it, and a point's clock is that of its longest phase, which
/// may be one that needs less power than this.
std::optional<double> compute_ceiling(const std::optional<Ceilings>& ceilings, const std::optional<Mhz>& clock) {
  if (!ceilings || !ceilings->gemm_flops_per_s) return std::nullopt;
  const auto& at = ceilings->gemm_clock;
  const bool scaled = clock && at && clock->value() > 0 && at->value() > 0;
  return *ceilings->gemm_flops_per_s * (scaled ? std::min(1.0, *clock / *at) : 1);
}

std::string whole_pct(double share) { return fmt::format("{:.0f} %", 100 * share); }

/// The larger of the two shares of their ceilings, over a part of the time, when it is large enough.
void by_ceilings(Diagnosis& found, double part_of_time, double enough, const char* over_what) {
  const auto memory = over(found.memory_share, part_of_time);
  const auto compute = over(found.compute_share, part_of_time);
  if (!memory && !compute) {
    found.why = "no ceiling is known to compare with";
    return;
  }
  if (!memory || !compute) {
    const double known = memory ? *memory : *compute;
    // One alone at its ceiling is a bound whatever the other does.
    if (known >= 0.8) {
      found.bound = memory ? Bound::memory : Bound::compute;
      found.why =
          fmt::format("{} runs at {} of its ceiling {}", memory ? "memory" : "arithmetic", whole_pct(known), over_what);
    } else {
      found.why = fmt::format("only {} has a ceiling, and it runs at {} of that", memory ? "memory" : "arithmetic",
                              whole_pct(known));
    }
    return;
  }
  const bool memory_first = *memory >= *compute;
  const std::string shares = fmt::format("memory at {} and arithmetic at {} of their ceilings {}", whole_pct(*memory),
                                         whole_pct(*compute), over_what);
  if (std::max(*memory, *compute) >= enough) found.bound = memory_first ? Bound::memory : Bound::compute;
  found.why = found.bound == Bound::unknown ? shares + ": neither is near" : shares;
}

}  // namespace

std::string_view to_string(Bound bound) {
  switch (bound) {
    case Bound::host: return "host-bound";
    case Bound::memory: return "memory-bound";
    case Bound::compute: return "compute-bound";
    case Bound::power: return "power-limited";
    case Bound::unknown: break;
  }
  return "unknown";
}

Diagnosis diagnose(const BoundInput& phase, const std::optional<Ceilings>& ceilings) {
  Diagnosis found;
  if (!(phase.seconds > 0)) {
    found.why = "no time was spent in it";
    return found;
  }
  found.bytes_per_s = over(phase.bytes, phase.seconds);
  found.flops_per_s = over(phase.flops, phase.seconds);
  found.memory_share = over(found.bytes_per_s, memory_ceiling(ceilings));
  found.compute_share = over(found.flops_per_s, compute_ceiling(ceilings, phase.clock));
  found.busy_share = over(phase.gpu_busy_s, phase.seconds);
  if (found.busy_share) found.busy_share = std::clamp(*found.busy_share, 0.0, 1.0);
  found.launch_share = over(phase.launch_s, phase.seconds);
  const auto launches_of_busy = over(found.launch_share, found.busy_share);
  if (found.busy_share && 1 - *found.busy_share >= kHostWaitShare) {
    found.bound = Bound::host;
    found.why = fmt::format("the GPU waits for the host {} of the time", whole_pct(1 - *found.busy_share));
  } else if (launches_of_busy && *launches_of_busy >= kLaunchShare) {
    found.bound = Bound::host;
    found.why = fmt::format("starting kernels takes {} of the GPU's busy time", whole_pct(*launches_of_busy));
  } else if (phase.power_capped) {
    found.bound = Bound::power;
    found.why = "the software power cap held the clock down";
  } else if (found.busy_share) {
    const double working = *found.busy_share * (1 - std::clamp(launches_of_busy.value_or(0), 0.0, 1.0));
    by_ceilings(found, working, kWorkShare, "while kernels work");
  } else {
    by_ceilings(found, 1, kWallShare, "over the whole time (how long the GPU was busy is not known)");
    const bool both = found.memory_share && found.compute_share;
    if (both && std::max(*found.memory_share, *found.compute_share) < kIdleWallShare) {
      found.bound = Bound::host;
      found.why += ", so the GPU waited";
    }
  }
  return found;
}

std::array<bool, kPhaseCount> capped_phases(const std::array<PhaseTotals, kPhaseCount>& phases) {
  std::array<std::optional<double>, kPhaseCount> watts{};
  double highest = 0;
  double seconds = 0;
  bool all_known = true;
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    if (!(phases[i].seconds > 0)) continue;
    seconds += phases[i].seconds;
    if (phases[i].energy) watts[i] = phases[i].energy->value() / phases[i].seconds;
    all_known = all_known && watts[i].has_value();
    highest = std::max(highest, watts[i].value_or(0));
  }
  std::array<bool, kPhaseCount> capped{};
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    if (!(phases[i].seconds > 0)) continue;
    capped[i] = all_known ? *watts[i] >= kNearHighestPower * highest : phases[i].seconds >= kMostOfTime * seconds;
  }
  return capped;
}

}  // namespace phasewatt::analysis
