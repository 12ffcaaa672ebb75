#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/analysis/bound.h"
#include "phasewatt/analysis/phase_tables.h"

namespace phasewatt::analysis {
namespace {

std::vector<const RunRecord*> records_of(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock) {
  std::vector<const RunRecord*> records;
  for (std::size_t dataset = 0; dataset < grid.datasets().size(); ++dataset) {
    for (const Sample& sample : grid.samples(model, dataset, batch, clock)) records.push_back(sample.record);
  }
  return records;
}

bool power_capped(const RunRecord& record) {
  return (record.throttle_mask & throttle_sw_power_cap) != 0 ||
         std::find(record.reasons.begin(), record.reasons.end(), Reason::power_limited) != record.reasons.end();
}

bool has_counts(const PhaseTotals& phase) { return phase.bytes || phase.flops || phase.gpu_busy_s; }

bool anything_counted(const Grid& grid) {
  return std::any_of(grid.records().begin(), grid.records().end(), [](const RunRecord* record) {
    return std::any_of(record->phases.begin(), record->phases.end(), has_counts);
  });
}

/// One phase over all points of a cell; a count that any of them lacks is absent.
BoundInput sum_of(const std::vector<const RunRecord*>& records, std::size_t phase) {
  BoundInput total;
  total.bytes = total.flops = total.gpu_busy_s = total.launch_s = 0;
  double capped_s = 0;
  double clock_s = 0;
  double clocked_s = 0;
  const auto add = [](std::optional<double>& sum, const std::optional<double>& part) {
    sum = sum && part ? std::optional(*sum + *part) : std::nullopt;
  };
  for (const RunRecord* record : records) {
    const PhaseTotals& totals = record->phases[phase];
    if (!(totals.seconds > 0)) continue;
    total.seconds += totals.seconds;
    add(total.bytes, totals.bytes);
    add(total.flops, totals.flops);
    add(total.gpu_busy_s, totals.gpu_busy_s);
    add(total.launch_s, totals.launch_s);
    if (power_capped(*record) && capped_phases(record->phases)[phase]) capped_s += totals.seconds;
    if (record->clock.seen) {
      clock_s += record->clock.seen->value() * totals.seconds;
      clocked_s += totals.seconds;
    }
  }
  total.power_capped = total.seconds > 0 && capped_s >= 0.5 * total.seconds;
  if (clocked_s > 0) total.clock = Mhz(clock_s / clocked_s);
  return total;
}

std::optional<double> times(const std::optional<double>& value, double factor) {
  return value ? std::optional(*value * factor) : std::nullopt;
}

std::string ceilings_note(const StudyPlan& plan) {
  const auto& ceilings = plan.ceilings;
  if (plan.environment.device_id == "none") return "No card was measured, so there are no ceilings.";
  if (!ceilings || (!ceilings->copy_bytes_per_s && !ceilings->stream_bytes_per_s && !ceilings->gemm_flops_per_s)) {
    return "No ceilings are known for this card, so memory and arithmetic cannot be told apart; measure them with "
           "'phasewatt calibrate'.";
  }
  std::string text =
      fmt::format("Ceilings from {}:", ceilings->source.empty() ? "an unnamed source" : ceilings->source);
  const auto memory = std::max(ceilings->copy_bytes_per_s.value_or(0), ceilings->stream_bytes_per_s.value_or(0));
  if (memory > 0) text += fmt::format(" {:.2f} TB/s", memory * 1e-12);
  if (const auto& flops = ceilings->gemm_flops_per_s) {
    text += fmt::format("{} {:.0f} TFLOP/s", memory > 0 ? "," : "", *flops * 1e-12);
    if (const auto& clock = ceilings->gemm_clock) text += fmt::format(" at {:.0f} MHz", clock->value());
  }
  return text + ".";
}

}  // namespace

Table bounds_table(const Context& context) {
  const Grid& grid = context.grid;
  const auto& ceilings = grid.data().plan.ceilings;
  Table table = context.table(
      "bounds", "Which limit held in each phase",
      fmt::format(
          "host-bound: the GPU waits {:.0f} % of the time or more, or starting kernels takes {:.0f} % of its busy "
          "time; "
          "then power-limited: the power cap held the clock; then whichever of memory and arithmetic is nearer its "
          "ceiling, from {:.0f} % on while kernels work. {}",
          100 * kHostWaitShare, 100 * kLaunchShare, 100 * kWorkShare, ceilings_note(grid.data().plan)),
      {column("model", "Model"), column("batch", "Batch", 0), column("clock_mhz", "Clock MHz", context.clock_digits),
       column("phase", "Phase"), column("bound", "Bound"), column("memory_gb_per_s", "GB/s", 0),
       column("memory_ceiling_pct", "of ceiling %"), column("tflop_per_s", "TFLOP/s"),
       column("compute_ceiling_pct", "of ceiling %"), column("gpu_busy_pct", "GPU busy %"),
       column("launch_pct", "Kernel starts %"), column("evidence", "Evidence")});
  if (!anything_counted(grid)) return table;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
        const auto records = records_of(grid, model, batch, clock);
        for (std::size_t phase = 0; phase < kPhaseCount; ++phase) {
          const BoundInput total = sum_of(records, phase);
          if (!(total.seconds > 0)) continue;
          const Diagnosis found = diagnose(total, ceilings);
          table.rows.push_back({cell(context.model(model)), context.batch(batch), context.clock(clock),
                                cell(std::string(to_string(kPhases[phase]))), cell(std::string(to_string(found.bound))),
                                cell(times(found.bytes_per_s, 1e-9)), cell(times(found.memory_share, 100)),
                                cell(times(found.flops_per_s, 1e-12)), cell(times(found.compute_share, 100)),
                                cell(times(found.busy_share, 100)), cell(times(found.launch_share, 100)),
                                cell(found.why)});
        }
      }
    }
  }
  return table;
}

}  // namespace phasewatt::analysis
