#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"

namespace phasewatt::replay {

/// The clocks a verdict is made against.
struct ClockLimits {
  std::vector<Mhz> supported;          ///< ascending; may be empty
  std::optional<Mhz> highest_planned;  ///< absent when only stock is planned
};

/// How far the seen clock may lie from `lock`: 1 % of it, or half a step where that is more.
Mhz clock_tolerance(const ClockLimits& limits, Mhz lock);

/// Adds reasons to `record` from its clock and throttle mask, and sets its validity to the worst of all its reasons.
///
/// - A thermal or hardware slowdown: `throttled`, void.
/// - The software power cap at the stock clock, or at the highest supported or planned one: `power_limited`, valid even
///   where the seen clock falls short. At full load today's cards cannot hold their highest clocks.
/// - Otherwise a seen clock that misses the lock by more than the tolerance, or none seen: `clock_not_attained`, void.
///
/// `capped_share`: of the looks under load, those that showed the power cap; absent where only the union of all reasons
/// is known. Below kLeastCapped the cap is no excuse for a clock that was missed.
void judge(RunRecord& record, const ClockLimits& limits, std::optional<double> capped_share = std::nullopt);

/// Whether `lock` is the highest clock there is or was planned, where the power cap is normal.
bool is_highest(const ClockLimits& limits, Mhz lock);

/// Below this share of capped looks the power cap is no excuse: a single one may be a burst after which the lock held.
inline constexpr double kLeastCapped = 0.02;

/// Adds a reason with its detail; the verdict is judge()'s.
void blame(RunRecord& record, Reason reason, std::string_view detail);

/// A record without numbers, for a point that could not be carried out.
RunRecord void_record(const RunPoint& point, Reason reason, std::string detail);

}  // namespace phasewatt::replay
