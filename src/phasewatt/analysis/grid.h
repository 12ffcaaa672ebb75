#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"

/// A study's points as a grid of model × dataset × batch × clock × repeat, and what a request costs in each cell.
namespace phasewatt::analysis {

/// What one request costs: of one point, or a mean of such. Times are per batch (at batch > 1 a request waits for its
/// batch, so that is its latency), energies and tokens per request.
struct Cost {
  double latency_s = 0;                                      ///< wall time of a batch
  std::array<double, kPhaseCount> phase_s{};                 ///< its time in each phase
  double idle_s = 0;                                         ///< its time in no phase
  std::optional<double> energy_j;                            ///< a request's share of the point's energy
  std::array<std::optional<double>, kPhaseCount> phase_j{};  ///< and of each phase's
  std::optional<double> idle_j;
  double output_tokens = 0;  ///< tokens of the decode phase per request
  bool degraded = false;     ///< some point in it is degraded

  [[nodiscard]] double seconds(Phase phase) const { return phase_s[static_cast<std::size_t>(phase)]; }
  [[nodiscard]] std::optional<double> joules(Phase phase) const { return phase_j[static_cast<std::size_t>(phase)]; }
};

/// The cost of one point whose dataset has this many queries, above 0.
Cost cost_of(const RunRecord& record, double queries);

/// Field by field; an energy is absent in the mean when it is absent in any part, degraded when any part is. Undefined
/// for no costs.
std::optional<Cost> mean_cost(std::span<const Cost> costs);

/// The cost of one repeat of a cell.
struct Sample {
  int repeat = 0;
  Cost cost;
  const RunRecord* record = nullptr;  ///< null where the cost is over several points
};

/// The grid; holds a reference to the study, which must outlive it. Read-only after construction, so any number of
/// threads may read. Models, datasets, batches and clocks are told apart by their position in the lists.
class Grid {
 public:
  explicit Grid(const StudyData& data);

  [[nodiscard]] const StudyData& data() const { return data_; }
  /// The finished points, by index; without those of reference, which are in no cell.
  [[nodiscard]] const std::vector<const RunRecord*>& records() const { return records_; }
  /// The finished points of reference, in the order of the run.
  [[nodiscard]] const std::vector<const RunRecord*>& references() const { return references_; }
  [[nodiscard]] std::size_t planned() const { return planned_; }  ///< points of the plan, without those of reference
  [[nodiscard]] const std::vector<std::string>& models() const { return models_; }         ///< in study order
  [[nodiscard]] const std::vector<std::string>& datasets() const { return datasets_; }     ///< in study order
  [[nodiscard]] const std::vector<int>& batches() const { return batches_; }               ///< ascending
  [[nodiscard]] const std::vector<std::optional<Mhz>>& clocks() const { return clocks_; }  ///< ascending, stock last

  /// Position of the clock that all comparisons refer to. Absent when no clock is there at all. A plan without a
  /// baseline means stock, and the highest clock when the study has no stock points.
  [[nodiscard]] std::optional<std::size_t> baseline() const { return baseline_; }
  /// Position of the lowest locked clock below the baseline; absent when there is none.
  [[nodiscard]] std::optional<std::size_t> lowest() const { return lowest_; }
  /// Position of batch size 1, or of the smallest there is.
  [[nodiscard]] std::size_t first_batch() const { return 0; }
  /// Positions of the datasets that generate text.
  [[nodiscard]] std::vector<std::size_t> generating() const;
  [[nodiscard]] std::size_t queries(std::size_t dataset) const { return queries_[dataset]; }
  [[nodiscard]] Task task(std::size_t dataset) const { return tasks_[dataset]; }

  /// The repeats of one cell that are not void, by repeat.
  [[nodiscard]] const std::vector<Sample>& samples(std::size_t model, std::size_t dataset, std::size_t batch,
                                                   std::size_t clock) const;
  /// Of `among`, the datasets with a sample in the cell.
  [[nodiscard]] std::vector<std::size_t> present(std::size_t model, std::size_t batch, std::size_t clock,
                                                 std::span<const std::size_t> among) const;
  [[nodiscard]] std::vector<std::size_t> all_datasets() const;

  /// Mean over the repeats of each dataset, then the unweighted mean over the datasets, so that each dataset counts the
  /// same whatever its number of queries. Absent when a dataset has no sample.
  [[nodiscard]] std::optional<Cost> cost(std::size_t model, std::size_t batch, std::size_t clock,
                                         std::span<const std::size_t> datasets) const;
  /// The same for each repeat that has all the datasets.
  [[nodiscard]] std::vector<Sample> by_repeat(std::size_t model, std::size_t batch, std::size_t clock,
                                              std::span<const std::size_t> datasets) const;

  /// Highest number of repeats that any cell has.
  [[nodiscard]] int repeats() const { return repeats_; }
  [[nodiscard]] std::size_t void_records() const { return void_records_; }
  [[nodiscard]] std::size_t used_records() const { return used_records_; }
  [[nodiscard]] std::size_t degraded_records() const { return degraded_records_; }  ///< of the used ones
  /// Records left out because the plan has no query of their dataset.
  [[nodiscard]] std::size_t orphan_records() const { return orphan_records_; }

  /// The clock in MHz, for an axis: as locked; for stock the mean seen clock; absent when that is not known either.
  [[nodiscard]] std::optional<double> axis_mhz(std::size_t clock) const;
  /// "960", "487.5" or "stock".
  [[nodiscard]] std::string clock_text(std::size_t clock) const;

 private:
  [[nodiscard]] std::size_t cell(std::size_t model, std::size_t dataset, std::size_t batch, std::size_t clock) const;
  void list_axes();
  void fill();
  void choose_baseline();

  const StudyData& data_;
  std::vector<const RunRecord*> records_;
  std::vector<const RunRecord*> references_;
  std::size_t planned_ = 0;
  std::vector<std::string> models_;
  std::vector<std::string> datasets_;
  std::vector<int> batches_;
  std::vector<std::optional<Mhz>> clocks_;
  std::vector<std::size_t> queries_;
  std::vector<Task> tasks_;
  std::vector<std::vector<Sample>> cells_;
  std::vector<std::vector<double>> seen_;  // by clock
  std::optional<std::size_t> baseline_;
  std::optional<std::size_t> lowest_;
  int repeats_ = 0;
  std::size_t void_records_ = 0;
  std::size_t used_records_ = 0;
  std::size_t degraded_records_ = 0;
  std::size_t orphan_records_ = 0;
};

/// "960" or "487.5".
std::string mhz_text(double mhz);

}  // namespace phasewatt::analysis
