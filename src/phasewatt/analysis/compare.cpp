#include "phasewatt/analysis/compare.h"

#include <array>
#include <cmath>
#include <utility>

namespace phasewatt::analysis {
namespace {

std::optional<double> ratio(std::optional<double> above, std::optional<double> below) {
  if (!above || !below || !(*below > 0) || !std::isfinite(*above / *below)) return std::nullopt;
  return *above / *below;
}

/// Decode as the paper's tables understand it.
double decode_s(const Cost& cost) { return cost.seconds(Phase::decode) + cost.seconds(Phase::score); }

/// The clock against the baseline, from the repeats of all clocks over the same datasets.
template <class Field>
std::optional<LogRatio> against_baseline(const Grid& grid, const Comparison& at, Field field) {
  std::vector<Series> all;
  for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
    Series series;
    for (const Sample& sample : grid.by_repeat(at.model, at.batch, clock, at.datasets)) {
      const std::optional<double> value = field(sample.cost);
      if (!value) continue;
      series.repeats.push_back(sample.repeat);
      series.values.push_back(*value);
    }
    all.push_back(std::move(series));
  }
  return LogRatios(all).of(at.clock, *grid.baseline());
}

std::optional<Interval> interval_of(const std::optional<LogRatio>& ratio) {
  return ratio ? ratio->ratio_interval() : std::nullopt;
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
  result.energy_ratio = against_baseline(grid, result, [](const Cost& c) { return c.energy_j; });
  result.latency_ratio = against_baseline(grid, result, [](const Cost& c) { return std::optional(c.latency_s); });
  if (const auto r = interval_of(result.energy_ratio)) {
    result.saving_interval = Interval{100 * (1 - r->high), 100 * (1 - r->low)};
  }
  if (const auto r = interval_of(result.latency_ratio)) {
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
