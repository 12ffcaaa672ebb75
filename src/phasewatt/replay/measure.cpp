#include "phasewatt/replay/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/replay/load_watch.h"
#include "phasewatt/replay/phase_sums.h"

namespace phasewatt::replay {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kSettlePoll = milliseconds(5);
constexpr Nanos kSettleLimit = milliseconds(2000);
// A released lock cannot be read back; clocks switch within some hundred milliseconds (arXiv 2502.20075).
constexpr Nanos kStockSettle = milliseconds(500);
/// The counters seen so far are refreshed every 100 ms, so that a window is off by up to that much power × time at each
/// edge. Until a card's own period is known, this one is assumed.
constexpr double kCounterRefreshS = 0.1;
/// Above this relative error of a point's energy the sensor is too slow for it.
constexpr double kMaxEdgeError = 0.05;
/// Counter and mean power × time may differ by this, edges and the instant sensor's gaps included.
constexpr double kMaxDisagreement = 0.2;
/// Share of the looks under load that may be off: the sampler can look just before a pass begins.
constexpr double kMaxOff = 0.05;
/// Share of a point's time in which no phase ran. Host gaps between batches take 1 to 4 %.
constexpr double kMaxIdle = 0.15;

/// Asks for the point's clock and waits, in device time, until the card shows it. A clock that never comes is no error
/// here: the verdict looks at the clock under load.
Status settle(Rig& rig, const RunPoint& point, const ClockLimits& limits) {
  if (!point.clock) {
    if (rig.clock) PHASEWATT_TRY(rig.clock->reset());
    rig.device->wait(kStockSettle);
    return ok();
  }
  if (!rig.clock) return Error{ErrorCode::internal, "a locked clock was planned without clock control", {}};
  PHASEWATT_TRY(rig.clock->lock(*point.clock));
  const double tolerance = half_step(limits.supported, *point.clock).value();
  // In real time the reads take time too.
  const Nanos begin = rig.real_time ? monotonic_now() : Nanos();
  for (Nanos waited{}; waited < kSettleLimit; waited = rig.real_time ? monotonic_now() - begin : waited + kSettlePoll) {
    PHASEWATT_ASSIGN(const auto readings, rig.device->read({.clocks = true}));
    if (readings.sm_clock && std::abs(readings.sm_clock->value() - point.clock->value()) <= tolerance) return ok();
    rig.device->wait(kSettlePoll);
  }
  return ok();
}

/// One point in progress.
class Measurement {
 public:
  Measurement(const RunContext& context, const RunPoint& point, Rig& rig) : context_(context), rig_(rig) {
    record_.point = point;
    record_.clock.asked = point.clock_asked;
    record_.clock.snapped = point.clock;
    if (rig.real_time) watch_.emplace(*rig.device);
  }

  /// An engine's error in `failure`, a device's as the result.
  Status run_batch(QueryRange range, std::optional<Error>& failure) {
    const auto batch = std::span(context_.requests).subspan(range.begin, range.end - range.begin);
    sums_.begin_batch();
    if (watch_) watch_->begin_load();
    auto outcomes = batch.front().query->task == Task::classification
                        ? rig_.engine->score(batch, sums_)
                        : rig_.engine->generate(batch, context_.decoding, sums_);
    if (watch_) {
      watch_->end_load();
      if (auto lost = watch_->lost()) return *std::move(lost);
    }
    if (!outcomes) {
      failure = std::move(outcomes).error();
      return ok();
    }
    const auto took = sums_.end_batch();
    if (!took || outcomes->size() != batch.size()) {
      failure = Error{ErrorCode::internal,
                      !took ? "the engine's phases overlap or lack a prefill"
                            : fmt::format("the engine answered {} of {} requests", outcomes->size(), batch.size()),
                      {}};
      return ok();
    }
    keep_requests(range, *outcomes, *took);
    return look();
  }

  Status begin() {
    PHASEWATT_ASSIGN(record_.temperature_begin, temperature());
    if (!watch_) return ok();
    PHASEWATT_ASSIGN(counter_begin_, rig_.device->read({.energy = true}));
    return ok();
  }

  Result<RunRecord> finish() {
    if (watch_) PHASEWATT_TRY(read_counter());
    PHASEWATT_ASSIGN(record_.temperature_end, temperature());
    record_.phases = sums_.totals();
    record_.wall_s = sums_.wall_s();
    record_.idle_s = sums_.idle_s();
    if (const auto busy = sums_.busy_energy()) {
      record_.method = EnergyMethod::sim_truth;
      record_.energy_rel_error = 0;
      if (record_.idle_s == 0) {
        record_.idle_energy = Joules(0);
        record_.energy = busy;
      }
    }
    if (watch_) take_watch();
    if (!record_.clock.seen) record_.clock.seen = sums_.clock();
    if (!record_.clock.seen) record_.clock.seen = median_of_looks();
    if (sums_.extrapolated()) record_.reasons.push_back(Reason::extrapolated);
    judge(record_, context_.limits);
    return std::move(record_);
  }

 private:
  void blame(Reason reason, std::string_view detail) {
    record_.reasons.push_back(reason);
    if (!record_.detail.empty()) record_.detail += "; ";
    record_.detail += detail;
  }

  /// Total of the point by the counter, edges included; what its phases took is for estimators to say.
  Status read_counter() {
    PHASEWATT_ASSIGN(const auto end, rig_.device->read({.energy = true}));
    if (!counter_begin_.energy || !end.energy) {
      blame(Reason::no_energy, "the energy counter could not be read");
      return ok();
    }
    window_s_ = to_seconds(end.at - counter_begin_.at);
    const Joules energy = *end.energy - *counter_begin_.energy;
    if (energy == Joules(0) && window_s_ < 2 * kCounterRefreshS) {
      blame(Reason::sensor_too_slow, fmt::format("the energy counter did not move in {:.0f} ms", 1e3 * window_s_));
      return ok();
    }
    if (energy <= Joules(0)) {
      blame(Reason::no_energy,
            energy < Joules(0) ? "the energy counter ran backwards" : "the energy counter stood still");
      return ok();
    }
    record_.energy = energy;
    record_.method = EnergyMethod::counter_delta;
    const double error = window_s_ > 0 ? 2 * kCounterRefreshS / window_s_ : 1;
    record_.energy_rel_error = std::min(1.0, error);
    if (error > kMaxEdgeError) record_.reasons.push_back(Reason::sensor_too_slow);
    return ok();
  }

  /// What was seen under load: the clock, and whatever speaks against the point.
  void take_watch() {
    const auto seen = watch_->seen();
    record_.clock.seen = median_clock(seen.looks);
    std::size_t missed = 0;
    std::size_t locked = 0;
    for (const auto& look : seen.looks) {
      record_.throttle_mask |= look.throttle_mask;
      locked += (look.throttle_mask & throttle_locked_clocks) != 0 ? 1 : 0;
      if (!record_.clock.snapped || !look.clock) continue;
      const Mhz lock = *record_.clock.snapped;
      const bool capped = (look.throttle_mask & throttle_sw_power_cap) != 0 && *look.clock < lock;
      const double off = std::abs(look.clock->value() - lock.value());
      missed += !capped && off > clock_tolerance(context_.limits, lock).value() ? 1 : 0;
    }
    const auto share = [&](std::size_t count) {
      return seen.looks.empty() ? 0 : static_cast<double>(count) / static_cast<double>(seen.looks.size());
    };
    // Where the median misses it too, the verdict on the seen clock says so.
    const bool told = record_.clock.snapped && record_.clock.seen &&
                      std::abs(record_.clock.seen->value() - record_.clock.snapped->value()) >
                          clock_tolerance(context_.limits, *record_.clock.snapped).value();
    if (share(missed) > kMaxOff && !told)
      blame(Reason::clock_not_attained,
            fmt::format("{:.0f} % of {} looks under load missed the lock", 100 * share(missed), seen.looks.size()));
    if (!record_.clock.snapped && share(locked) > kMaxOff)
      blame(Reason::foreign_lock, fmt::format("seen {:.0f} MHz under a lock of somebody else's",
                                              record_.clock.seen ? record_.clock.seen->value() : 0));
    if (!seen.others.empty())
      blame(Reason::foreign_process, fmt::format("process {} used the GPU too", fmt::join(seen.others, ", ")));
    if (sums_.wall_s() > 0 && sums_.idle_s() + between_s() > kMaxIdle * window_s_)
      blame(Reason::stalled, fmt::format("{:.1f} s of {:.1f} s in no phase", sums_.idle_s() + between_s(), window_s_));
    if (!record_.energy || !seen.power) return;
    // The load fills nearly all of the window, so that its mean power times the window is what the counter should show.
    const double expected = seen.power->value() * window_s_;
    if (std::abs(record_.energy->value() - expected) > std::max(kMaxDisagreement, *record_.energy_rel_error) * expected)
      blame(Reason::counter_power_disagree, fmt::format("the counter says {:.0f} J, mean power times time {:.0f} J",
                                                        record_.energy->value(), expected));
  }

  /// Time of the window that lies between batches.
  [[nodiscard]] double between_s() const { return std::max(0.0, window_s_ - sums_.wall_s()); }

  void keep_requests(QueryRange range, const std::vector<Outcome>& outcomes, const PhaseSums::Batch& took) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      const Request& request = context_.requests[range.begin + i];
      RequestRecord& kept = record_.requests.emplace_back();
      kept.index = request.index;
      kept.query = range.begin + static_cast<std::uint32_t>(i);
      kept.prompt_tokens = request.prompt_tokens;
      kept.output_tokens = outcomes[i].output_tokens;
      kept.ttft_s = static_cast<double>(took.ttft_ns) * 1e-9;
      kept.latency_s = static_cast<double>(took.wall_ns) * 1e-9;
      if (took.energy) kept.energy = *took.energy / static_cast<double>(outcomes.size());
      kept.quality = outcomes[i].simulated_quality;
    }
  }

  [[nodiscard]] Result<std::optional<Celsius>> temperature() const {
    PHASEWATT_ASSIGN(const auto readings, rig_.device->read({.temperature = true}));
    return readings.temperature;
  }

  /// The card right after a batch, while it is still as the load left it.
  Status look() {
    PHASEWATT_ASSIGN(const auto readings, rig_.device->read({.clocks = true, .throttle = true}));
    if (readings.throttle_mask) record_.throttle_mask |= *readings.throttle_mask;
    if (readings.sm_clock) clocks_read_.push_back(*readings.sm_clock);
    return ok();
  }

  [[nodiscard]] std::optional<Mhz> median_of_looks() {
    if (clocks_read_.empty()) return std::nullopt;
    const auto middle = clocks_read_.begin() + static_cast<std::ptrdiff_t>(clocks_read_.size() / 2);
    std::nth_element(clocks_read_.begin(), middle, clocks_read_.end());
    return *middle;
  }

  const RunContext& context_;
  Rig& rig_;
  RunRecord record_;
  PhaseSums sums_;
  std::vector<Mhz> clocks_read_;
  std::optional<LoadWatch> watch_;  ///< in real time
  device::Readings counter_begin_;
  double window_s_ = 0;  ///< between the counter's two readings
};

}  // namespace

RunContext make_context(const StudyPlan& plan, const Decoding& decoding, std::vector<Mhz> supported) {
  RunContext context;
  context.plan = &plan;
  context.decoding = decoding;
  context.limits.supported = std::move(supported);
  for (const auto& point : plan.points)
    context.limits.highest_planned = std::max(context.limits.highest_planned, point.clock);
  context.requests.reserve(plan.queries.size());
  for (std::size_t i = 0; i < plan.queries.size(); ++i) {
    const StudyQuery& q = plan.queries[i];
    const bool first = i == 0 || plan.queries[i - 1].query.dataset != q.query.dataset;
    const std::uint32_t index = first ? 0 : context.requests.back().index + 1;
    context.requests.push_back(Request{index, &q.query, &q.features, q.prompt_tokens, q.option_tokens});
  }
  return context;
}

Reason reason_of(const Error& error) {
  return error.code == ErrorCode::out_of_memory ? Reason::out_of_memory : Reason::engine_failed;
}

Result<std::optional<RunRecord>> measure_point(const RunContext& context, const RunPoint& point, Rig& rig,
                                               const std::atomic<bool>& stop, const std::atomic<bool>& abandoned) {
  using Measured = std::optional<RunRecord>;
  if (auto begun = rig.engine->begin_point(point); !begun)
    return Measured(void_record(point, reason_of(begun.error()), to_string(begun.error())));
  PHASEWATT_TRY(settle(rig, point, context.limits));
  Measurement measurement(context, point, rig);
  PHASEWATT_TRY(measurement.begin());
  for (const QueryRange range : batches_of(*context.plan, queries_of(*context.plan, point.dataset), point.batch)) {
    if (stop || abandoned) return Measured();
    std::optional<Error> failure;
    PHASEWATT_TRY(measurement.run_batch(range, failure));
    if (failure) return Measured(void_record(point, reason_of(*failure), to_string(*failure)));
  }
  // A clock that was lost on the way may have been right whenever it was looked at.
  if (auto held = rig.clock ? rig.clock->held() : ok(); !held)
    return Measured(void_record(point, Reason::lease_lost, to_string(held.error())));
  PHASEWATT_ASSIGN(RunRecord record, measurement.finish());
  return Measured(std::move(record));
}

}  // namespace phasewatt::replay
