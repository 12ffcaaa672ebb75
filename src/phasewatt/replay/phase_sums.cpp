#include "phasewatt/replay/phase_sums.h"

namespace phasewatt::replay {

void PhaseSums::on_span(const PhaseSpan& span) {
  Open& batch = batch_;
  if (!batch.any) {
    batch.any = true;
    batch.begin = batch.end = span.begin;
  }
  const std::int64_t ns = (span.end - span.begin).count();
  if (ns < 0 || span.begin < batch.end) batch.disordered = true;
  batch.end = span.end;
  batch.busy_ns += ns;
  if (span.phase == Phase::prefill) {
    batch.prefilled = true;
    batch.prefill_end = span.end;
  }

  if (span.phase == Phase::decode) {
    if (batch.decoding == 0) batch.decoding = span.batch;
    if (span.batch < batch.decoding) tail_ns_ += ns;
  }
  Part& part = batch.phases[static_cast<std::size_t>(span.phase)];
  part.ns += ns;

  Sum& sum = sums_[static_cast<std::size_t>(span.phase)];
  sum.ns += ns;
  sum.tokens += span.tokens;
  ++sum.spans;
  if (span.energy_truth) {
    sum.joules += span.energy_truth->value();
    batch.joules += span.energy_truth->value();
    part.joules += span.energy_truth->value();
  } else {
    sum.energy_known = batch.energy_known = false;
  }
  if (span.clock_truth)
    mhz_ns_ += span.clock_truth->value() * static_cast<double>(ns);
  else
    clock_known_ = false;
  sum.bytes += span.bytes.value_or(0);
  sum.flops += span.flops.value_or(0);
  sum.work_known = sum.work_known && span.bytes && span.flops;
  sum.busy_s += span.gpu_busy_s.value_or(0);
  sum.launch_s += span.launch_s.value_or(0);
  sum.busy_known = sum.busy_known && span.gpu_busy_s;
  sum.launch_known = sum.launch_known && span.launch_s;
  extrapolated_ |= span.extrapolated;
}

std::optional<PhaseSums::Batch> PhaseSums::end_batch() {
  if (!batch_.prefilled || batch_.disordered) return std::nullopt;
  Batch done;
  done.phases = batch_.phases;
  done.wall_ns = (batch_.end - batch_.begin).count();
  done.idle_ns = done.wall_ns - batch_.busy_ns;
  done.ttft_ns = (batch_.prefill_end - batch_.begin).count();
  if (batch_.energy_known && done.idle_ns == 0) done.energy = Joules(batch_.joules);
  wall_ns_ += done.wall_ns;
  idle_ns_ += done.idle_ns;
  return done;
}

std::array<PhaseTotals, kPhaseCount> PhaseSums::totals() const {
  std::array<PhaseTotals, kPhaseCount> totals{};
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    const Sum& sum = sums_[i];
    totals[i].seconds = static_cast<double>(sum.ns) * 1e-9;
    totals[i].tokens = sum.tokens;
    totals[i].spans = sum.spans;
    if (sum.spans == 0) continue;
    if (sum.energy_known) totals[i].energy = Joules(sum.joules);
    if (sum.work_known) {
      totals[i].bytes = sum.bytes;
      totals[i].flops = sum.flops;
    }
    if (sum.busy_known) totals[i].gpu_busy_s = sum.busy_s;
    if (sum.launch_known) totals[i].launch_s = sum.launch_s;
  }
  return totals;
}

std::optional<Joules> PhaseSums::busy_energy() const {
  Joules total{};
  for (const Sum& sum : sums_) {
    if (!sum.energy_known) return std::nullopt;
    total += Joules(sum.joules);
  }
  return total;
}

std::optional<Mhz> PhaseSums::clock() const {
  std::int64_t ns = 0;
  for (const Sum& sum : sums_) ns += sum.ns;
  if (!clock_known_ || ns == 0) return std::nullopt;
  return Mhz(mhz_ns_ / static_cast<double>(ns));
}

}  // namespace phasewatt::replay
