#pragma once

#include <optional>
#include <span>
#include <vector>

#include "phasewatt/analysis/grid.h"
#include "phasewatt/analysis/inference.h"

/// One clock against the baseline.
namespace phasewatt::analysis {

/// 100·(now/before − 1) and 100·part/whole; absent when a side is absent, or `before` or `whole` is not above 0.
std::optional<double> change_pct(std::optional<double> before, std::optional<double> now);
std::optional<double> share_pct(std::optional<double> part, std::optional<double> whole);

/// All energy of a request / its tokens of the decode phase; absent where nothing was generated.
std::optional<double> joules_per_output_token(const Cost& cost);

/// What a clock saves and costs. As in the paper's Table XI, scoring passes count as decode here, and the shares are of
/// the baseline's time in phases, so that latency = share_prefill·prefill + share_decode·decode when nothing is idle.
struct Change {
  std::optional<double> energy_saving_pct;  ///< 100·(1 − E/E_baseline)
  std::optional<double> latency_pct;        ///< 100·(T/T_baseline − 1)
  std::optional<double> prefill_pct;
  std::optional<double> decode_pct;
  std::optional<double> prefill_share_pct;
  std::optional<double> decode_share_pct;
};
Change change(const Cost& baseline, const Cost& now);

/// Field by field the unweighted mean of the changes that have the field: the rule of the paper's "Avg" rows.
Change average(std::span<const Change> changes);

/// A model and batch size at one clock against the baseline, over the datasets that both have.
struct Comparison {
  std::size_t model = 0;
  std::size_t batch = 0;
  std::size_t clock = 0;
  std::vector<std::size_t> datasets;
  Cost baseline;
  Cost now;
  Change change;
  [[nodiscard]] bool degraded() const { return baseline.degraded || now.degraded; }  ///< rests on a degraded point
  std::optional<LogRatio> energy_ratio;  ///< now / baseline over paired repeats; absent with fewer than two
  std::optional<LogRatio> latency_ratio;
  std::optional<Interval> saving_interval;   ///< 95 %, of energy_saving_pct
  std::optional<Interval> latency_interval;  ///< the same for latency_pct
};

/// Absent when the grid has no baseline, or no dataset has samples at both clocks. `among` narrows the datasets.
std::optional<Comparison> compare(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock,
                                  std::span<const std::size_t> among);
std::optional<Comparison> compare(const Grid& grid, std::size_t model, std::size_t batch, std::size_t clock);

/// Every model × batch of the study at one clock, in study order, without the absent ones.
std::vector<Comparison> compare_all(const Grid& grid, std::size_t clock);

}  // namespace phasewatt::analysis
