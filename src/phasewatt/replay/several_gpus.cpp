#include "phasewatt/replay/several_gpus.h"

#include <algorithm>

namespace phasewatt::replay {
namespace {

/// Adds an energy and its relative error; without either side there is no sum.
void add(std::optional<Joules>& sum, std::optional<double>& error, const std::optional<Joules>& more,
         const std::optional<double>& more_error) {
  if (!sum || !more) {
    sum.reset();
    error.reset();
    return;
  }
  const double total = sum->value() + more->value();
  if (error && more_error && total > 0)
    error = (*error * sum->value() + *more_error * more->value()) / total;
  else
    error.reset();
  sum = Joules(total);
}

void add(std::optional<Joules>& sum, const std::optional<Joules>& more) {
  std::optional<double> no_error;
  add(sum, no_error, more, {});
}

template <class T, class Choose>
void choose(std::optional<T>& kept, const std::optional<T>& other, Choose better) {
  if (!kept || (other && better(other->value(), kept->value()))) kept = other;
}

void add(PhaseTotals& phase, const PhaseTotals& more) {
  add(phase.energy, phase.energy_rel_error, more.energy, more.energy_rel_error);
  add(phase.stacked_energy, phase.stacked_rel_error, more.stacked_energy, more.stacked_rel_error);
  // Of two methods the weaker one is named: repetition.
  if (!phase.energy)
    phase.method.reset();
  else if (more.method == EnergyMethod::stacked)
    phase.method = more.method;
}

void add(std::optional<SamplingReport>& report, const std::optional<SamplingReport>& more) {
  if (!report || !more) return;
  report->reads += more->reads;
  report->lost += more->lost;
  const auto sum = [](std::optional<double>& share, const std::optional<double>& other) {
    share = share && other ? std::optional(*share + *other) : std::nullopt;
  };
  sum(report->cpu_share, more->cpu_share);
  sum(report->driver_share, more->driver_share);
}

void add(RunRecord& record, const RunRecord& more) {
  record.throttle_mask |= more.throttle_mask;
  for (std::size_t i = 0; i < kPhaseCount; ++i) add(record.phases[i], more.phases[i]);
  add(record.energy, record.energy_rel_error, more.energy, more.energy_rel_error);
  add(record.cross_energy, record.cross_rel_error, more.cross_energy, more.cross_rel_error);
  add(record.idle_energy, more.idle_energy);
  if (!record.energy) record.method.reset();
  add(record.sampling, more.sampling);
  choose(record.clock.seen, more.clock.seen, std::less<>{});
  choose(record.temperature_begin, more.temperature_begin, std::greater<>{});
  choose(record.temperature_end, more.temperature_end, std::greater<>{});
  record.validity = std::max(record.validity, more.validity);
  for (const Reason reason : more.reasons)
    if (std::find(record.reasons.begin(), record.reasons.end(), reason) == record.reasons.end())
      record.reasons.push_back(reason);
  if (!more.detail.empty() && more.detail != record.detail)
    record.detail += (record.detail.empty() ? "" : "; ") + ("another GPU: " + more.detail);
  for (std::size_t i = 0; i < record.requests.size(); ++i) add(record.requests[i].energy, more.requests[i].energy);
}

}  // namespace

RunRecord sum_of_gpus(std::vector<RunRecord> records) {
  RunRecord sum = std::move(records.front());
  for (std::size_t i = 1; i < records.size(); ++i) add(sum, records[i]);
  return sum;
}

Ceilings sum_of_ceilings(const std::vector<Ceilings>& each) {
  Ceilings sum = each.front();
  const auto add = [](std::optional<double>& rate, const std::optional<double>& more) {
    rate = rate && more ? std::optional(*rate + *more) : std::nullopt;
  };
  for (std::size_t i = 1; i < each.size(); ++i) {
    const Ceilings& more = each[i];
    // By each MHz the sum does as much as its parts together.
    if (sum.gemm_flops_per_s && more.gemm_flops_per_s && sum.gemm_clock && more.gemm_clock) {
      const double by_mhz =
          *sum.gemm_flops_per_s / sum.gemm_clock->value() + *more.gemm_flops_per_s / more.gemm_clock->value();
      sum.gemm_clock = Mhz((*sum.gemm_flops_per_s + *more.gemm_flops_per_s) / by_mhz);
    } else {
      sum.gemm_clock.reset();
    }
    add(sum.copy_bytes_per_s, more.copy_bytes_per_s);
    add(sum.stream_bytes_per_s, more.stream_bytes_per_s);
    add(sum.gemm_flops_per_s, more.gemm_flops_per_s);
    if (more.source.empty() || more.source == each[i - 1].source) continue;
    sum.source += (sum.source.empty() ? "" : "; ") + more.source;
  }
  return sum;
}

}  // namespace phasewatt::replay
