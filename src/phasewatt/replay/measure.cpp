#include "phasewatt/replay/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/replay/phase_sums.h"
#include "phasewatt/replay/sensor_measure.h"
#include "phasewatt/replay/span_log.h"
#include "phasewatt/workload/scores.h"

namespace phasewatt::replay {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kSettlePoll = milliseconds(5);
constexpr Nanos kSettleLimit = milliseconds(2000);
// A released lock cannot be read back; clocks switch within some hundred milliseconds (arXiv 2502.20075).
constexpr Nanos kStockSettle = milliseconds(500);

/// Asks for the point's clock and waits, in device time, until the card shows it. A clock that never comes is no error
/// here: the verdict looks at the clock under load.
Status settle(Rig& rig, const RunPoint& point, const ClockLimits& limits) {
  if (!point.clock) {
    if (!rig.clock) return ok();  // nobody changes it
    PHASEWATT_TRY(rig.clock->reset());
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

/// One point in progress whose spans tell the truth.
class TruthRun {
 public:
  TruthRun(const RunContext& context, const RunPoint& point, Rig& rig) : context_(context), rig_(rig) {
    record_.point = point;
    record_.clock.asked = point.clock_asked;
    record_.clock.snapped = point.clock;
  }

  /// A real engine pays on its way through the first batch for what later ones find: memory, kernels, graphs.
  std::optional<Error> warm_up(QueryRange range) {
    if (rig_.engine->info().simulated) return std::nullopt;
    SpanLog unused;
    auto outcomes = run(batch_of(range), unused);
    return outcomes ? std::nullopt : std::optional(std::move(outcomes).error());
  }

  /// An engine's error in `failure`, a device's as the result.
  Status run_batch(QueryRange range, std::optional<Error>& failure) {
    const auto batch = batch_of(range);
    sums_.begin_batch();
    auto outcomes = run(batch, sums_);
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
    keep_requests(batch, *outcomes, *took);
    return look();
  }

  Status begin() {
    PHASEWATT_ASSIGN(record_.temperature_begin, temperature());
    return ok();
  }

  Result<RunRecord> finish() {
    PHASEWATT_ASSIGN(record_.temperature_end, temperature());
    record_.phases = sums_.totals();
    record_.wall_s = sums_.wall_s();
    record_.idle_s = sums_.idle_s();
    record_.tail_s = sums_.tail_s();
    if (const auto busy = sums_.busy_energy()) {
      record_.method = EnergyMethod::sim_truth;
      record_.energy_rel_error = 0;
      if (record_.idle_s == 0) {
        record_.idle_energy = Joules(0);
        record_.energy = busy;
      }
    }
    record_.clock.seen = sums_.clock();
    if (!record_.clock.seen) record_.clock.seen = median_of_looks();
    if (sums_.extrapolated()) record_.reasons.push_back(Reason::extrapolated);
    if (!record_.energy && !rig_.engine->info().simulated)
      blame(record_, Reason::no_energy, "nothing measures it in this study");
    judge(record_, context_.limits);
    return std::move(record_);
  }

 private:
  [[nodiscard]] std::span<const Request> batch_of(QueryRange range) const {
    return context_.requests_of(record_.point.model).subspan(range.begin, range.end - range.begin);
  }

  Result<std::vector<Outcome>> run(std::span<const Request> batch, engine::PhaseListener& listener) const {
    return batch.front().query->task == Task::classification
               ? rig_.engine->score(batch, listener)
               : rig_.engine->generate(batch, context_.study->decoding, listener);
  }

  void keep_requests(std::span<const Request> batch, const std::vector<Outcome>& outcomes,
                     const PhaseSums::Batch& took) {
    tokens_.clear();
    for (std::size_t i = 0; i < batch.size(); ++i) tokens_.push_back(tokens_of(batch[i], outcomes[i]));
    BatchEnergy joules;
    for (std::size_t i = 0; i < kPhaseCount; ++i) joules.phases[i] = took.phases[i].joules;
    const auto shares = took.energy ? attribute(joules, tokens_) : std::vector<double>();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      record_.requests.push_back(request_record(context_, record_.point.model, batch[i], outcomes[i], took));
      if (took.energy) record_.requests.back().energy = Joules(shares[i]);
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
  std::vector<RequestTokens> tokens_;
};

Result<std::optional<RunRecord>> measure_by_truth(const RunContext& context, const RunPoint& point, Rig& rig,
                                                  const std::atomic<bool>& stop, const std::atomic<bool>& abandoned) {
  using Measured = std::optional<RunRecord>;
  TruthRun run(context, point, rig);
  PHASEWATT_TRY(run.begin());
  const auto batches = batches_of(*context.plan, queries_of(*context.plan, point.dataset), point.batch);
  std::optional<Error> failure = run.warm_up(batches.front());
  if (failure) return Measured(void_record(point, reason_of(*failure), to_string(*failure)));
  for (const QueryRange range : batches) {
    if (stop || abandoned) return Measured();
    PHASEWATT_TRY(run.run_batch(range, failure));
    if (failure) return Measured(void_record(point, reason_of(*failure), to_string(*failure)));
  }
  // A clock that was lost on the way may have been right whenever it was looked at.
  if (auto held = rig.clock ? rig.clock->held() : ok(); !held)
    return Measured(void_record(point, Reason::lease_lost, to_string(held.error())));
  PHASEWATT_ASSIGN(RunRecord record, run.finish());
  return Measured(std::move(record));
}

}  // namespace

RunContext make_context(const StudyPlan& plan, const Study& study, std::vector<Mhz> supported) {
  RunContext context;
  context.plan = &plan;
  context.study = &study;
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
  for (const auto& [model, tokens] : plan.model_tokens) {
    auto& own = context.model_requests[model] = context.requests;
    for (std::size_t i = 0; i < own.size(); ++i) {
      own[i].prompt_tokens = tokens[i].prompt;
      own[i].option_tokens = tokens[i].options;
    }
  }
  return context;
}

RequestRecord request_record(const RunContext& context, const std::string& model, const Request& request,
                             const Outcome& outcome, const PhaseSums::Batch& took) {
  RequestRecord kept;
  kept.index = request.index;
  kept.query = static_cast<std::uint32_t>(&request - context.requests_of(model).data());
  kept.prompt_tokens = request.prompt_tokens;
  kept.output_tokens = outcome.output_tokens;
  kept.ttft_s = static_cast<double>(took.ttft_ns) * 1e-9;
  kept.latency_s = static_cast<double>(took.wall_ns) * 1e-9;
  kept.quality =
      outcome.simulated_quality ? outcome.simulated_quality : workload::answer_quality(*request.query, outcome);
  return kept;
}

RequestTokens tokens_of(const Request& request, const Outcome& outcome) {
  RequestTokens tokens;
  tokens.prompt = request.prompt_tokens;
  tokens.output = outcome.output_tokens;
  for (const int option : request.option_tokens) tokens.options += option;
  return tokens;
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
  return rig.recorder ? measure_by_sensors(context, point, rig, stop, abandoned)
                      : measure_by_truth(context, point, rig, stop, abandoned);
}

}  // namespace phasewatt::replay
