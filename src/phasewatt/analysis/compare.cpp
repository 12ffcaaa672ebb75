#include "phasewatt/analysis/compare.h"

#include <array>
#include <cmath>

namespace phasewatt::analysis {
namespace {

std::optional<double> ratio(std::optional<double> above, std::optional<double> below) {
  if (!above || !below || !(*below > 0) || !std::isfinite(*above / *below)) return std::nullopt;
  return *above / *below;
}

/// Decode as the paper's tables understand it.
double decode_s(const Cost& cost) { return cost.seconds(Phase::decode) + cost.seconds(Phase::score); }

/// Interval of mean(now)/mean(before) over the repeats that both clocks have.
template <class Field>
std::optional<Interval> ratio_interval(std::span<const Sample> before, std::span<const Sample> now, Field field) {
  std::vector<double> above;
  std::vector<double> below;
  for (const Sample& b : before) {
    for (const Sample& n : now) {
      const std::optional<double> was = field(b.cost);
      const std::optional<double> is = field(n.cost);
      if (b.repeat != n.repeat || !was || !is) continue;
      above.push_back(*is);
      below.push_back(*was);
    }
  }
  return bootstrap_ratio(above, below);
}

}  // namespace

std::optional<double> change_pct(std::optional<double> before, std::optional<double> now) {
  const auto r = ratio(now, before);
  if (!r) return std::nullopt;
  return 100 * (*r - 1);
}

std::optional<double> share_pct(std::optional<double> part, std::optional<double> whole) {
  const auto r = ratio(part, whole);
  if (!r) return std::nullopt;
  return 100 * *r;
}

std::optional<double> joules_per_output_token(const Cost& cost) { return ratio(cost.energy_j, cost.output_tokens); }

Change change(const Cost& baseline, const Cost& now) {
  Change result;
  if (const auto r = ratio(now.energy_j, baseline.energy_j)) result.energy_saving_pct = 100 * (1 - *r);
  result.latency_pct = change_pct(baseline.latency_s, now.latency_s);
  result.prefill_pct = change_pct(baseline.seconds(Phase::prefill), now.seconds(Phase::prefill));
  result.decode_pct = change_pct(decode_s(baseline), decode_s(now));
  const double in_phases = baseline.seconds(Phase::prefill) + decode_s(baseline);
  result.prefill_share_pct = share_pct(baseline.seconds(Phase::prefill), in_phases);
  result.decode_share_pct = share_pct(decode_s(baseline), in_phases);
  return result;
}

Change average(std::span<const Change> changes) {
  Change result;
  for (const auto field : {&Change::energy_saving_pct, &Change::latency_pct, &Change::prefill_pct, &Change::decode_pct,
                           &Change::prefill_share_pct, &Change::decode_share_pct}) {
    std::vector<double> values;
    for (const Change& one : changes) {
      if (one.*field) values.push_back(*(one.*field));
    }
    result.*field = mean(values);
  }
  return result;
}

std::optional<Comparison> compare(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock,
                                  std::span<const std::size_t> among) {
  if (!grid.baseline()) return std::nullopt;
  Comparison result;
  result.model = model;
  result.batch = batch;
  result.clock = clock;
  result.datasets = grid.present(model, batch, clock, grid.present(model, batch, *grid.baseline(), among));
  const auto before = grid.cost(model, batch, *grid.baseline(), result.datasets);
  const auto now = grid.cost(model, batch, clock, result.datasets);
  if (!before || !now) return std::nullopt;
  result.baseline = *before;
  result.now = *now;
  result.change = change(*before, *now);
  const auto repeats_before = grid.by_repeat(model, batch, *grid.baseline(), result.datasets);
  const auto repeats_now = grid.by_repeat(model, batch, clock, result.datasets);
  if (const auto r = ratio_interval(repeats_before, repeats_now, [](const Cost& c) { return c.energy_j; })) {
    result.saving_interval = Interval{100 * (1 - r->high), 100 * (1 - r->low)};
  }
  if (const auto r =
          ratio_interval(repeats_before, repeats_now, [](const Cost& c) { return std::optional(c.latency_s); })) {
    result.latency_interval = Interval{100 * (r->low - 1), 100 * (r->high - 1)};
  }
  return result;
}

std::optional<Comparison> compare(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock) {
  return compare(grid, model, batch, clock, grid.all_datasets());
}

std::vector<Comparison> compare_all(const Grid& grid, std::size_t clock) {
  std::vector<Comparison> result;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      if (auto one = compare(grid, model, batch, clock)) result.push_back(*std::move(one));
    }
  }
  return result;
}

}  // namespace phasewatt::analysis
