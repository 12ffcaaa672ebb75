#include "phasewatt/replay/sensor_measure.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "phasewatt/replay/evaluate.h"
#include "phasewatt/replay/several_gpus.h"
#include "phasewatt/replay/span_log.h"

namespace phasewatt::replay {
namespace {

/// Over this span of a warm-up the temperature may still change by a degree, its resolution.
constexpr double kSteadyS = 10;
constexpr double kSteadyC = 1;
/// One call of the engine while a phase is repeated: short, so that Ctrl-C is heard.
constexpr double kChunkS = 0.2;
/// A window holds at least so many refreshes, for the phases to be told apart and their scatter to be seen.
constexpr double kLeastRefreshes = 60;

double longest_update_s(const device::Calibration& calibration) {
  double longest = 0;
  for (const auto& timing : {calibration.power_instant, calibration.energy})
    if (timing) longest = std::max(longest, timing->update_s);
  if (longest == 0 && calibration.power_average) longest = calibration.power_average->update_s;
  return longest;
}

/// Until all sensors have shown what lies before a moment.
double delay_s(const device::Calibration& calibration) {
  double longest = 0;
  for (const auto& timing : {calibration.power_instant, calibration.power_average, calibration.energy})
    if (timing) longest = std::max(longest, 2 * timing->update_s + timing->lag_s + timing->window_s);
  return longest;
}

/// Why a point ends early: nothing went wrong, or what did.
struct Ended {
  std::optional<Error> failure;  ///< of the engine; absent when the study was stopped
};

class SensorRun {
 public:
  SensorRun(const RunContext& context, const RunPoint& point, Rig& rig, const std::atomic<bool>& stop,
            const std::atomic<bool>& abandoned)
      : context_(context), point_(point), rig_(rig), stop_(stop), abandoned_(abandoned) {
    for (const QueryRange range : batches_of(*context.plan, queries_of(*context.plan, point.dataset), point.batch))
      batches_.push_back(context.requests_of(point.model).subspan(range.begin, range.end - range.begin));
    for (const Meter& other : rig.others) calibrations_.push_back(&other.calibration);
  }

  Result<std::optional<RunRecord>> carry_out() {
    rig_.recorder->start();
    for (const Meter& other : rig_.others) other.recorder->start();
    auto went = go();
    std::vector<Result<device::SensorTrace>> traces;
    traces.push_back(rig_.recorder->stop());
    for (const Meter& other : rig_.others) traces.push_back(other.recorder->stop());
    PHASEWATT_ASSIGN(const std::optional<Ended> ended, std::move(went));
    if (ended && !ended->failure) return std::optional<RunRecord>();
    if (ended) return std::optional(void_record(point_, reason_of(*ended->failure), to_string(*ended->failure)));
    for (const auto& trace : traces) PHASEWATT_TRY(trace);
    // A clock that was lost on the way may have been right whenever it was looked at.
    if (auto held = rig_.clock ? rig_.clock->held() : ok(); !held)
      return std::optional(void_record(point_, Reason::lease_lost, to_string(held.error())));
    std::vector<RunRecord> records;
    for (std::size_t i = 0; i < traces.size(); ++i)
      records.push_back(evaluate(*traces[i], work_, {point_, context_, *calibrations_[i]}));
    return std::optional(sum_of_gpus(std::move(records)));
  }

 private:
  using Batch = std::span<const Request>;
  /// What a step gives: nothing when it went well.
  using Step = Result<std::optional<Ended>>;

  Step go() {
    // What lies before the load tells the estimators how it began.
    rig_.device->wait(from_seconds(2 * longest(longest_update_s)));
    for (const auto step : {&SensorRun::warm_up, &SensorRun::measure, &SensorRun::stack}) {
      PHASEWATT_ASSIGN(auto ended, (this->*step)());
      if (ended) return ended;
    }
    // The sensors show the last of it with a delay.
    rig_.device->wait(from_seconds(longest(delay_s)));
    return std::optional<Ended>();
  }

  /// Over the GPUs that are measured.
  template <class SecondsOf>
  [[nodiscard]] double longest(SecondsOf seconds_of) const {
    double most = 0;
    for (const auto* calibration : calibrations_) most = std::max(most, seconds_of(*calibration));
    return most;
  }

  [[nodiscard]] Result<device::Readings> look(bool temperature) const {
    return rig_.device->read({.temperature = temperature});
  }

  [[nodiscard]] bool stopped() const { return stop_ || abandoned_; }

  /// One batch through the engine.
  Result<std::vector<Outcome>> run(Batch batch, engine::PhaseListener& listener) const {
    return batch.front().query->task == Task::classification
               ? rig_.engine->score(batch, listener)
               : rig_.engine->generate(batch, context_.study->decoding, listener);
  }

  /// The queries, as often as it takes, until the card's temperature is steady.
  Step warm_up() {
    const MeasureRules& rules = context_.study->measure;
    if (rules.warmup_max_s == 0) return std::optional<Ended>();
    struct Seen {
      Nanos at{};
      double celsius = 0;
    };
    std::deque<Seen> seen;
    SpanLog unused;
    Nanos begin{};
    for (std::size_t i = 0;; i = (i + 1) % batches_.size()) {
      PHASEWATT_ASSIGN(const auto now, look(true));
      if (seen.empty() && begin == Nanos()) begin = now.at;
      const double elapsed = to_seconds(now.at - begin);
      if (now.temperature) seen.push_back({now.at, now.temperature->value()});
      while (seen.size() > 2 && to_seconds(now.at - seen[1].at) >= kSteadyS) seen.pop_front();
      const double span = seen.empty() ? 0 : to_seconds(now.at - seen.front().at);
      const double change = seen.empty() ? 0 : std::abs(seen.back().celsius - seen.front().celsius);
      // A reading of whole degrees says nothing over less than the whole span. A read that failed is not yet one.
      const bool steady = !rig_.device->info().readable.temperature || (span >= kSteadyS && change <= kSteadyC);
      if (elapsed >= rules.warmup_s && steady) break;
      if (elapsed >= rules.warmup_max_s) {
        if (change > kSteadyC * span / kSteadyS) work_.unsettled_c = change;
        break;
      }
      if (stopped()) return std::optional(Ended{});
      auto outcomes = run(batches_[i], unused);
      if (!outcomes) return std::optional(Ended{std::move(outcomes).error()});
      unused = SpanLog();
    }
    return std::optional<Ended>();
  }

  /// Whole passes over the queries until the window is long enough for the sensors.
  Step measure() {
    const double needed =
        longest([&](const auto& calibration) { return needed_window_s(context_.study->measure, calibration); });
    work_.batches.resize(batches_.size());
    SpanLog log(&work_.sums);
    do {
      for (std::size_t i = 0; i < batches_.size(); ++i) {
        if (stopped()) return std::optional(Ended{});
        if (auto error = measure_batch(i, log)) return std::optional(Ended{std::move(error)});
      }
      ++work_.passes;
      if (log.whole()->seconds() <= 0)
        return std::optional(Ended{Error{ErrorCode::internal, "the engine's phases take no time", {}}});
    } while (log.whole()->seconds() < needed);
    work_.window = *log.whole();
    work_.stretches = log.stretches();
    return std::optional<Ended>();
  }

  std::optional<Error> measure_batch(std::size_t i, SpanLog& log) {
    work_.sums.begin_batch();
    auto outcomes = run(batches_[i], log);
    if (!outcomes) return std::move(outcomes).error();
    const auto took = work_.sums.end_batch();
    if (!took) return Error{ErrorCode::internal, "the engine's phases overlap or lack a prefill", {}};
    if (outcomes->size() != batches_[i].size())
      return Error{ErrorCode::internal, "the engine did not answer each request of a batch once", {}};
    BatchWork& kept = work_.batches[i];
    if (work_.passes == 0) kept = {batches_[i], std::move(*outcomes), *took, {}, 0};
    for (std::size_t phase = 0; phase < kPhaseCount; ++phase)
      kept.phase_s[phase] += static_cast<double>(took->phases[phase].ns) * 1e-9;
    kept.wall_s += static_cast<double>(took->wall_ns) * 1e-9;
    return std::nullopt;
  }

  /// Each phase back to back, over batches that lie evenly among the point's, so that the mixture of lengths is alike.
  Step stack() {
    const double wanted = context_.study->measure.stacked_s;
    if (wanted == 0 || !rig_.engine->info().can_repeat) return std::optional<Ended>();
    const auto totals = work_.sums.totals();
    for (const Phase phase : kPhases) {
      const PhaseTotals& in_place = totals[static_cast<std::size_t>(phase)];
      if (in_place.spans == 0) continue;
      PHASEWATT_ASSIGN(auto ended, stack_phase(phase, in_place.seconds / static_cast<double>(in_place.spans), wanted));
      if (ended) return ended;
    }
    return std::optional<Ended>();
  }

  /// Whole rounds over some of the batches, so that each length counts as often as the others.
  Step stack_phase(Phase phase, double span_s, double wanted) {
    const auto chosen = batches_for(phase, span_s, wanted);
    if (chosen.empty()) return std::optional<Ended>();
    // Of steps at a fixed context, which hardly differ, a stretch each.
    const int times = phase == Phase::decode ? std::max(1, static_cast<int>(kChunkS / span_s)) : 1;
    PhaseSums sums;
    SpanLog log(&sums);
    double expected_s = 0;
    do {
      for (const std::size_t i : chosen) {
        if (stopped()) return std::optional(Ended{});
        const int context = context_.study->decoding.max_new_tokens / 2;
        // A cross-check that fails is no reason to lose the point.
        if (!rig_.engine->repeat(phase, batches_[i], context, times, log)) return std::optional<Ended>();
        expected_s += times * in_place_s(phase, work_.batches[i]);
      }
      if (!log.whole() || log.whole()->seconds() <= 0) return std::optional<Ended>();
    } while (log.whole()->seconds() < wanted);
    const auto which = static_cast<std::size_t>(phase);
    work_.stacked[which] = StackedWork{*log.whole(), sums.totals()[which].seconds, expected_s};
    return std::optional<Ended>();
  }

  /// What one repetition of the phase took in place: a prefill, the options of a scoring, or a mean decode step.
  [[nodiscard]] double in_place_s(Phase phase, const BatchWork& batch) const {
    const double once = batch.phase_s[static_cast<std::size_t>(phase)] / work_.passes;
    if (phase != Phase::decode) return once;
    int steps = 1;
    for (const Outcome& outcome : batch.outcomes) steps = std::max(steps, outcome.output_tokens);
    return once / steps;
  }

  /// Batches that have the phase, as many as one round of about `wanted` seconds can take, evenly among all.
  [[nodiscard]] std::vector<std::size_t> batches_for(Phase phase, double span_s, double wanted) const {
    std::vector<std::size_t> suitable;
    for (std::size_t i = 0; i < batches_.size(); ++i)
      if (work_.batches[i].phase_s[static_cast<std::size_t>(phase)] > 0) suitable.push_back(i);
    if (suitable.empty()) return suitable;
    double call_s = phase == Phase::decode ? std::max(kChunkS, span_s) : 0;
    if (phase != Phase::decode)
      for (const std::size_t i : suitable) call_s += in_place_s(phase, work_.batches[i]) / double(suitable.size());
    const auto count = static_cast<std::size_t>(std::clamp(wanted / call_s, 1.0, double(suitable.size())));
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(suitable[i * suitable.size() / count]);
    return chosen;
  }

  const RunContext& context_;
  const RunPoint& point_;
  Rig& rig_;
  const std::atomic<bool>& stop_;
  const std::atomic<bool>& abandoned_;
  std::vector<Batch> batches_;
  std::vector<const device::Calibration*> calibrations_{&rig_.calibration};  ///< of the rig's device, then the others
  PointWork work_;
};

}  // namespace

double needed_window_s(const MeasureRules& rules, const device::Calibration& calibration) {
  if (rules.window_s > 0) return rules.window_s;
  return std::max({kLeastRefreshes * longest_update_s(calibration), device::shortest_window_s(calibration),
                   least_in_place_window_s(calibration)});
}

Result<std::optional<RunRecord>> measure_by_sensors(const RunContext& context, const RunPoint& point, Rig& rig,
                                                    const std::atomic<bool>& stop, const std::atomic<bool>& abandoned) {
  return SensorRun(context, point, rig, stop, abandoned).carry_out();
}

}  // namespace phasewatt::replay
