#include "phasewatt/replay/validity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/replay/plan.h"

namespace phasewatt::replay {
namespace {

constexpr double kTolerance = 0.01;
constexpr std::uint64_t kSlowdown = throttle_hw_slowdown | throttle_sw_thermal | throttle_hw_thermal;

}  // namespace

bool is_highest(const ClockLimits& limits, Mhz lock) {
  return (!limits.supported.empty() && lock >= limits.supported.back()) ||
         (limits.highest_planned && lock >= *limits.highest_planned);
}

Mhz clock_tolerance(const ClockLimits& limits, Mhz lock) {
  return std::max(lock * kTolerance, half_step(limits.supported, lock));
}

void blame(RunRecord& record, Reason reason, std::string_view detail) {
  if (std::find(record.reasons.begin(), record.reasons.end(), reason) == record.reasons.end())
    record.reasons.push_back(reason);
  if (detail.empty()) return;
  if (!record.detail.empty()) record.detail += "; ";
  record.detail += detail;
}

void judge(RunRecord& record, const ClockLimits& limits, std::optional<double> capped_share) {
  const auto lock = record.clock.snapped;
  const auto seen = record.clock.seen;
  if ((record.throttle_mask & kSlowdown) != 0)
    blame(record, Reason::throttled, "throttle reasons: " + throttle_words(record.throttle_mask & kSlowdown));

  const bool capped = (record.throttle_mask & throttle_sw_power_cap) != 0 && capped_share.value_or(1) >= kLeastCapped &&
                      (!lock || is_highest(limits, *lock));
  if (capped)
    blame(record, Reason::power_limited,
          seen ? fmt::format("power cap at {}, seen {:.0f} MHz", lock ? fmt::format("{} MHz", lock->value()) : "stock",
                             seen->value())
               : "power cap");
  if (lock && !seen) {
    blame(record, Reason::clock_not_attained, "no clock could be read under load");
  } else if (lock) {
    const bool misses = std::abs(seen->value() - lock->value()) > clock_tolerance(limits, *lock).value();
    if (misses && !(capped && *seen < *lock))
      blame(record, Reason::clock_not_attained,
            fmt::format("asked for {} MHz, seen {:.1f} MHz", lock->value(), seen->value()));
  }
  for (const Reason reason : record.reasons) record.validity = std::max(record.validity, severity(reason));
}

RunRecord void_record(const RunPoint& point, Reason reason, std::string detail) {
  RunRecord record;
  record.point = point;
  record.clock.asked = point.clock_asked;
  record.clock.snapped = point.clock;
  record.validity = Validity::void_;
  record.reasons.push_back(reason);
  record.detail = std::move(detail);
  return record;
}

}  // namespace phasewatt::replay
