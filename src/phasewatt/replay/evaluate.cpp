#include "phasewatt/replay/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "phasewatt/replay/energy/attribution.h"
#include "phasewatt/replay/energy/reconcile.h"
#include "phasewatt/replay/gates.h"

namespace phasewatt::replay {
namespace {

/// Above this relative error (the common gain apart) a total, or a phase, is called too uncertain.
constexpr double kMaxError = 0.05;
constexpr double kMaxPhaseError = 0.10;
constexpr double kNoTime = 1e-9;
/// What the parts may lack of the total, or exceed it, in units of their combined half width.
constexpr double kMaxClosure = 1.5;
/// Repetition measures a phase under conditions that differ a little from its own: heat, power cap, context, mixture of
/// lengths. So much of it is systematic even where the passes take the same time; docs/energy.md has the measurement.
constexpr double kStackedModelError = 0.03;
/// A lower clock takes less power by more than it takes time: dynamic power goes with V²f, idle and memory power do
/// not.
constexpr double kPowerPerTime = 2;
/// Power per clock, both relative: the voltage falls too.
constexpr double kPowerPerClock = 3;

/// The part of the half width that does not cancel between measurements of one card.
double own_half_width(const Estimate& e) {
  return std::sqrt(std::max(0.0, e.half_width * e.half_width - e.common * e.common));
}
double relative(double half_width, double value) { return value > 0 ? half_width / value : 1; }

class Evaluation {
 public:
  Evaluation(const device::SensorTrace& trace, const PointWork& work, const PointBasis& basis)
      : trace_(trace), work_(work), basis_(basis), n_(work.passes) {}

  RunRecord carry_out() {
    record_.point = basis_.point;
    record_.clock.asked = basis_.point.clock_asked;
    record_.clock.snapped = basis_.point.clock;
    record_.passes = work_.passes;
    keep_times();
    const WindowEnergy energy = window_energy(trace_, work_.window, basis_.calibration);
    keep_total(energy);
    keep_phases();
    blame_uncertain();
    keep_requests();
    keep_sampling();
    if (work_.unsettled_c)
      blame(record_, Reason::not_settled,
            fmt::format("warmed by {:.0f} degrees over the last seconds of the warm-up", *work_.unsettled_c));
    if (work_.sums.extrapolated()) blame(record_, Reason::extrapolated, {});
    if (basis_.calibration.assumed) blame(record_, Reason::not_calibrated, {});
    apply_gates(trace_, work_.window, work_.stretches, energy, basis_.calibration, basis_.context.limits, record_);
    return std::move(record_);
  }

 private:
  /// Means over the passes.
  void keep_times() {
    record_.phases = work_.sums.totals();
    for (PhaseTotals& phase : record_.phases) {
      phase.seconds /= n_;
      phase.tokens /= n_;
      phase.spans /= work_.passes;
      phase.energy_truth = phase.energy ? std::optional(*phase.energy / n_) : std::nullopt;
      phase.energy.reset();
      for (auto* sum : {&phase.bytes, &phase.flops, &phase.gpu_busy_s, &phase.launch_s})
        if (*sum) **sum /= n_;
    }
    record_.wall_s = work_.sums.wall_s() / n_;
    record_.idle_s = std::max(0.0, work_.window.seconds() / n_ - busy_s());
    if (record_.idle_s < kNoTime * record_.wall_s) record_.idle_s = 0;  // what rounding left
    record_.tail_s = work_.sums.tail_s() / n_;
  }

  [[nodiscard]] double busy_s() const {
    double seconds = 0;
    for (const PhaseTotals& phase : record_.phases) seconds += phase.seconds;
    return seconds;
  }

  void keep_total(const WindowEnergy& energy) {
    const auto& main = energy.counter ? energy.counter : energy.integral;
    if (!main) {
      blame(record_, Reason::no_energy, "neither the energy counter nor the power reading gave enough");
      return;
    }
    record_.method = energy.counter ? EnergyMethod::counter_delta : EnergyMethod::power_integral;
    record_.energy = Joules(main->value / n_);
    record_.energy_rel_error = relative(main->half_width, main->value);
    total_own_ = own_half_width(*main) / n_;
    if (energy.counter && energy.integral) {
      record_.cross_energy = Joules(energy.integral->value / n_);
      record_.cross_rel_error = relative(energy.integral->half_width, energy.integral->value);
    }
    if (relative(own_half_width(*main), main->value) > kMaxError)
      blame(record_, Reason::sensor_too_slow,
            fmt::format("the total is uncertain by {:.0f} %", 100 * relative(own_half_width(*main), main->value)));
  }

  /// Whichever method is more certain; each checks the other.
  void keep_phases() {
    const auto in_place = phases_in_place(trace_, work_.window, work_.stretches, basis_.calibration);
    bool all_in_place = in_place.has_value();
    for (const Phase which : kPhases) {
      const auto i = static_cast<std::size_t>(which);
      PhaseTotals& phase = record_.phases[i];
      if (phase.spans == 0) continue;
      std::optional<Estimate> here = in_place ? in_place->phases[i] : std::nullopt;
      if (here)
        for (double* part : {&here->value, &here->half_width, &here->common}) *part /= n_;
      const auto there = by_repetition(i, phase);
      if (there) {
        phase.stacked_energy = Joules(there->value);
        phase.stacked_rel_error = relative(there->half_width, there->value);
      }
      const bool better_here = here && (!there || own_half_width(*here) <= own_half_width(*there));
      told_[i] = better_here ? here : there;
      phase.method = better_here ? EnergyMethod::window_regression : EnergyMethod::stacked;
      if (!told_[i]) phase.method.reset();
      keep(i);
      all_in_place = all_in_place && phase.method == EnergyMethod::window_regression;
      check(which, here, there);
    }
    if (!all_in_place) {
      close_by_difference();
      return;
    }
    record_.idle_energy = in_place->idle ? Joules(in_place->idle->value / n_) : Joules(0);
    if (in_place->total_method != EnergyMethod::window_regression) return;
    total_from(*in_place);
  }

  /// Without a counter the parts know the total better than the integral, which then checks them.
  void total_from(const PhaseEnergies& in_place) {
    record_.cross_energy = std::exchange(record_.energy, Joules(in_place.total / n_));
    record_.cross_rel_error = record_.energy_rel_error;
    double own = 0;
    double common = 0;
    const auto add = [&](const std::optional<Estimate>& part) {
      if (!part) return;
      own = std::hypot(own, own_half_width(*part));
      common += part->common;
    };
    for (const auto& phase : in_place.phases) add(phase);
    add(in_place.idle);
    record_.energy_rel_error = relative(std::hypot(own, common), in_place.total);
    record_.method = EnergyMethod::window_regression;
    std::erase(record_.reasons, Reason::no_energy);
  }

  /// Mean power of the repetition times the phase's time. Where its passes took another time than in place, the card
  /// did not do the same (a power cap that a short burst escapes, say): that goes into the interval.
  [[nodiscard]] std::optional<Estimate> by_repetition(std::size_t i, const PhaseTotals& phase) const {
    const auto& stacked = work_.stacked[i];
    if (!stacked || stacked->seconds <= 0 || stacked->expected_s <= 0) return std::nullopt;
    auto power = stacked_power(trace_, stacked->window, basis_.calibration);
    if (!power) return std::nullopt;
    const double slower = std::abs(stacked->seconds / stacked->expected_s - 1);
    const double unlike = std::max(kPowerPerTime * slower, kPowerPerClock * clock_change(i, *stacked));
    const double model = power->value * (kStackedModelError + unlike);
    power->half_width = std::hypot(power->half_width, model);
    for (double* part : {&power->value, &power->half_width, &power->common}) *part *= phase.seconds;
    return power;
  }

  /// By how much the clock during the repetition differed from that in the phase in place, relative: a power cap acts
  /// on the mean over about a second, which a short phase escapes, and the time of a host-bound pass does not show it.
  [[nodiscard]] double clock_change(std::size_t i, const StackedWork& stacked) const {
    const auto here = mean_clock([&](Nanos at) {
      const auto next = std::ranges::lower_bound(work_.stretches, at, {},
                                                 [](const PhaseStretch& stretch) { return stretch.time.end; });
      return next != work_.stretches.end() && static_cast<std::size_t>(next->phase) == i && at > next->time.begin;
    });
    const auto there = mean_clock([&](Nanos at) { return at > stacked.window.begin && at <= stacked.window.end; });
    return here && there && *here > 0 ? std::abs(*there / *here - 1) : 0;
  }

  /// Mean of the SM clocks that were seen at instants for which `counts` holds, MHz.
  template <class Counts>
  [[nodiscard]] std::optional<double> mean_clock(Counts counts) const {
    double sum = 0;
    double n = 0;
    for (const auto& read : trace_.clocks) {
      if (!read.sm_clock || !counts(read.at)) continue;
      sum += read.sm_clock->value();
      n += 1;
    }
    return n > 0 ? std::optional(sum / n) : std::nullopt;
  }

  /// The estimate of a phase into its totals.
  void keep(std::size_t i) {
    if (!told_[i]) return;
    record_.phases[i].energy = Joules(told_[i]->value);
    record_.phases[i].energy_rel_error = relative(told_[i]->half_width, told_[i]->value);
  }

  void check(Phase which, const std::optional<Estimate>& here, const std::optional<Estimate>& there) {
    if (!here && !there) {
      blame(record_, Reason::sensor_too_slow, fmt::format("no method can tell the {} apart", to_string(which)));
      return;
    }
    if (!here || !there) return;
    if (std::abs(here->value - there->value) > std::hypot(own_half_width(*here), own_half_width(*there)))
      blame(record_, Reason::phases_disagree,
            fmt::format("{} {:.1f} J in place, {:.1f} J by repetition", to_string(which), here->value, there->value));
  }

  /// With a phase from repetition the parts are made to sum to the total, which is known better than they are.
  void close_by_difference() {
    if (!record_.energy) return;
    std::array<Part, kPhaseCount + 1> parts{};
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      if (record_.phases[i].spans > 0 && !told_[i]) return;
      if (told_[i]) parts[i] = {told_[i]->value, own_half_width(*told_[i])};
    }
    // Nobody measured the idle time: what the card draws at rest, give or take all of it.
    const double mean_w = record_.energy->value() / std::max(record_.wall_s, 1e-9);
    const double idle_w = basis_.calibration.idle_context ? basis_.calibration.idle_context->value() : mean_w / 2;
    parts.back() = {idle_w * record_.idle_s, idle_w * record_.idle_s};
    check_closure(parts);
    reconcile(parts, record_.energy->value(), total_own_);
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      if (!told_[i]) continue;
      const double common = told_[i]->value > 0 ? told_[i]->common * parts[i].value / told_[i]->value : 0;
      told_[i] = Estimate{parts[i].value, std::hypot(parts[i].half_width, common), common};
      keep(i);
    }
    record_.idle_energy = Joules(parts.back().value);
  }

  void check_closure(std::span<const Part> parts) {
    double sum = 0;
    double allowed = total_own_;
    for (const Part& part : parts) {
      sum += part.value;
      allowed = std::hypot(allowed, part.half_width);
    }
    if (std::abs(record_.energy->value() - sum) > kMaxClosure * allowed)
      blame(record_, Reason::phases_disagree,
            fmt::format("the parts come to {:.1f} J of {:.1f} J", sum, record_.energy->value()));
  }

  void blame_uncertain() {
    for (const Phase which : kPhases) {
      const auto& told = told_[static_cast<std::size_t>(which)];
      if (!told) continue;
      if (const double error = relative(own_half_width(*told), told->value); error > kMaxPhaseError)
        blame(record_, Reason::sensor_too_slow,
              fmt::format("the {} is uncertain by {:.0f} %", to_string(which), 100 * error));
    }
  }

  /// Mean power of each phase and of the idle time, spread over each batch's time in them, then over its requests.
  void keep_requests() {
    const double between = std::max(0.0, work_.window.seconds() - work_.sums.wall_s());
    for (const BatchWork& batch : work_.batches) {
      const auto joules = batch_energy(batch, between);
      std::vector<RequestTokens> tokens;
      for (std::size_t i = 0; i < batch.requests.size(); ++i)
        tokens.push_back(tokens_of(batch.requests[i], batch.outcomes[i]));
      const auto shares = joules ? attribute(*joules, tokens) : std::vector<double>();
      for (std::size_t i = 0; i < batch.requests.size(); ++i) {
        record_.requests.push_back(
            request_record(basis_.context, basis_.point.model, batch.requests[i], batch.outcomes[i], batch.first));
        if (joules) record_.requests.back().energy = Joules(shares[i]);
      }
    }
  }

  [[nodiscard]] std::optional<BatchEnergy> batch_energy(const BatchWork& batch, double between_s) const {
    BatchEnergy out;
    double busy = 0;
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      const PhaseTotals& phase = record_.phases[i];
      if (phase.spans == 0) continue;
      if (!phase.energy) return std::nullopt;
      if (phase.seconds > 0) out.phases[i] = phase.energy->value() * (batch.phase_s[i] / n_) / phase.seconds;
      busy += batch.phase_s[i];
    }
    if (!record_.idle_energy) return std::nullopt;
    // Time between batches belongs to each batch by its length.
    const double idle_s = batch.wall_s - busy + between_s * batch.wall_s / work_.sums.wall_s();
    if (record_.idle_s > 0) out.idle = record_.idle_energy->value() * (idle_s / n_) / record_.idle_s;
    return out;
  }

  void keep_sampling() {
    SamplingReport report;
    report.reads = static_cast<std::int64_t>(trace_.reads);
    report.lost = static_cast<std::int64_t>(trace_.missed + trace_.dropped + trace_.failed + trace_.bad);
    if (const double recorded = recorded_s(); trace_.cpu_s > 0 && recorded > 0) {
      report.cpu_share = trace_.cpu_s / recorded;
      report.driver_share = trace_.driver_s / recorded;
    }
    record_.sampling = report;
  }

  /// How long the sensors were read.
  [[nodiscard]] double recorded_s() const {
    const auto extent = [](const std::vector<device::SensorRead>& reads) {
      return reads.empty() ? 0 : to_seconds(reads.back().end - reads.front().begin);
    };
    return std::max({extent(trace_.power_instant), extent(trace_.power_average), extent(trace_.energy)});
  }

  const device::SensorTrace& trace_;
  const PointWork& work_;
  const PointBasis& basis_;
  const double n_;                                           ///< passes
  std::array<std::optional<Estimate>, kPhaseCount> told_{};  ///< the estimate that each phase's energy is, per pass
  double total_own_ = 0;                                     ///< own half width of the total, J per pass
  RunRecord record_;
};

}  // namespace

RunRecord evaluate(const device::SensorTrace& trace, const PointWork& work, const PointBasis& basis) {
  return Evaluation(trace, work, basis).carry_out();
}

}  // namespace phasewatt::replay
