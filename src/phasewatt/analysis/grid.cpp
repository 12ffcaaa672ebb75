#include "phasewatt/analysis/grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/analysis/published.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

template <class T>
std::size_t position(const std::vector<T>& list, const T& value) {
  return static_cast<std::size_t>(std::find(list.begin(), list.end(), value) - list.begin());
}

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (position(list, value) == list.size()) list.push_back(value);
}

std::optional<double> per(const std::optional<Joules>& energy, double count) {
  if (!energy) return std::nullopt;
  return energy->value() / count;
}

void add(std::optional<double>& total, const std::optional<double>& part) {
  total = total && part ? std::optional(*total + *part) : std::nullopt;
}

}  // namespace

Cost cost_of(const RunRecord& record, double queries) {
  const double batches = std::ceil(queries / std::max(record.point.batch, 1));
  Cost cost;
  cost.latency_s = record.wall_s / batches;
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    cost.phase_s[i] = record.phases[i].seconds / batches;
    cost.phase_j[i] = per(record.phases[i].energy, queries);
    // A phase that did not occur took nothing; only one that did and was not measured is unknown.
    if (record.energy && !cost.phase_j[i] && record.phases[i].seconds == 0) cost.phase_j[i] = 0;
  }
  cost.idle_s = record.idle_s / batches;
  cost.energy_j = per(record.energy, queries);
  cost.idle_j = per(record.idle_energy, queries);
  cost.degraded = record.validity == Validity::degraded;
  cost.output_tokens = record.phases[static_cast<std::size_t>(Phase::decode)].tokens / queries;
  return cost;
}

std::optional<Cost> mean_cost(std::span<const Cost> costs) {
  if (costs.empty()) return std::nullopt;
  Cost total = costs.front();
  for (const Cost& cost : costs.subspan(1)) {
    total.latency_s += cost.latency_s;
    total.idle_s += cost.idle_s;
    total.output_tokens += cost.output_tokens;
    total.degraded = total.degraded || cost.degraded;
    add(total.energy_j, cost.energy_j);
    add(total.idle_j, cost.idle_j);
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      total.phase_s[i] += cost.phase_s[i];
      add(total.phase_j[i], cost.phase_j[i]);
    }
  }
  const auto n = static_cast<double>(costs.size());
  total.latency_s /= n;
  total.idle_s /= n;
  total.output_tokens /= n;
  if (total.energy_j) *total.energy_j /= n;
  if (total.idle_j) *total.idle_j /= n;
  for (std::size_t i = 0; i < kPhaseCount; ++i) {
    total.phase_s[i] /= n;
    if (total.phase_j[i]) *total.phase_j[i] /= n;
  }
  return total;
}

Grid::Grid(const StudyData& data) : data_(data) {
  for (const auto& record : data.records) (record.point.reference ? references_ : records_).push_back(&record);
  std::stable_sort(references_.begin(), references_.end(),
                   [](const RunRecord* a, const RunRecord* b) { return a->point.repeat < b->point.repeat; });
  planned_ = static_cast<std::size_t>(std::count_if(data.plan.points.begin(), data.plan.points.end(),
                                                    [](const RunPoint& point) { return !point.reference; }));
  list_axes();
  fill();
  choose_baseline();
}

void Grid::list_axes() {
  const auto add_point = [this](const RunPoint& point) {
    add_once(models_, point.model);
    add_once(datasets_, point.dataset);
    add_once(batches_, point.batch);
    add_once(clocks_, point.clock);
  };
  for (const auto& point : data_.plan.points) {
    if (!point.reference) add_point(point);
  }
  for (const RunRecord* record : records_) add_point(record->point);
  std::sort(batches_.begin(), batches_.end());
  std::sort(clocks_.begin(), clocks_.end(), [](const auto& a, const auto& b) { return a && (!b || *a < *b); });
  queries_.resize(datasets_.size());
  tasks_.resize(datasets_.size(), Task::generation);
  for (const auto& entry : data_.plan.queries) {
    const std::size_t dataset = position(datasets_, entry.query.dataset);
    if (dataset == datasets_.size()) continue;
    ++queries_[dataset];
    tasks_[dataset] = entry.query.task;
  }
}

void Grid::fill() {
  cells_.resize(models_.size() * datasets_.size() * batches_.size() * clocks_.size());
  seen_.resize(clocks_.size());
  for (const RunRecord* one : records_) {
    const RunRecord& record = *one;
    const RunPoint& point = record.point;
    const std::size_t dataset = position(datasets_, point.dataset);
    if (record.validity == Validity::void_) {
      ++void_records_;
      continue;
    }
    if (queries_[dataset] == 0) {
      ++orphan_records_;
      continue;
    }
    ++used_records_;
    if (record.validity == Validity::degraded) ++degraded_records_;
    const std::size_t clock = position(clocks_, point.clock);
    cells_[cell(position(models_, point.model), dataset, position(batches_, point.batch), clock)].push_back(
        {point.repeat, cost_of(record, static_cast<double>(queries_[dataset])), one});
    if (record.clock.seen) seen_[clock].push_back(record.clock.seen->value());
  }
  for (auto& samples : cells_) {
    std::stable_sort(samples.begin(), samples.end(),
                     [](const Sample& a, const Sample& b) { return a.repeat < b.repeat; });
    repeats_ = std::max(repeats_, static_cast<int>(samples.size()));
  }
}

void Grid::choose_baseline() {
  if (clocks_.empty()) return;
  const auto& wanted = data_.plan.baseline;
  for (std::size_t i = 0; i < clocks_.size(); ++i) {
    // A plan may name the baseline as asked or as snapped; the two are less than 1 % apart.
    const bool near = wanted && clocks_[i] && same_clock(clocks_[i]->value(), wanted->value());
    if (clocks_[i] == wanted || (near && !baseline_)) baseline_ = i;
  }
  if (!baseline_ && !wanted) baseline_ = clocks_.size() - 1;
  if (baseline_ && *baseline_ > 0 && clocks_.front()) lowest_ = 0;
}

std::size_t Grid::cell(std::size_t model, std::size_t dataset, std::size_t batch, std::size_t clock) const {
  return ((model * datasets_.size() + dataset) * batches_.size() + batch) * clocks_.size() + clock;
}

const std::vector<Sample>& Grid::samples(std::size_t model, std::size_t dataset, std::size_t batch,
                                         std::size_t clock) const {
  return cells_[cell(model, dataset, batch, clock)];
}

std::vector<std::size_t> Grid::all_datasets() const {
  std::vector<std::size_t> all(datasets_.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return all;
}

std::vector<std::size_t> Grid::generating() const {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < datasets_.size(); ++i) {
    if (queries_[i] > 0 && tasks_[i] == Task::generation) found.push_back(i);
  }
  return found;
}

std::vector<std::size_t> Grid::present(std::size_t model, std::size_t batch, std::size_t clock,
                                       std::span<const std::size_t> among) const {
  std::vector<std::size_t> found;
  for (const std::size_t dataset : among) {
    if (!samples(model, dataset, batch, clock).empty()) found.push_back(dataset);
  }
  return found;
}

std::optional<Cost> Grid::cost(std::size_t model, std::size_t batch, std::size_t clock,
                               std::span<const std::size_t> datasets) const {
  std::vector<Cost> means;
  for (const std::size_t dataset : datasets) {
    std::vector<Cost> repeats;
    for (const Sample& sample : samples(model, dataset, batch, clock)) repeats.push_back(sample.cost);
    const auto mean_of_repeats = mean_cost(repeats);
    if (!mean_of_repeats) return std::nullopt;
    means.push_back(*mean_of_repeats);
  }
  return mean_cost(means);
}

std::vector<Sample> Grid::by_repeat(std::size_t model, std::size_t batch, std::size_t clock,
                                    std::span<const std::size_t> datasets) const {
  std::vector<Sample> result;
  if (datasets.empty()) return result;
  for (const Sample& first : samples(model, datasets.front(), batch, clock)) {
    std::vector<Cost> parts;
    for (const std::size_t dataset : datasets) {
      const auto& there = samples(model, dataset, batch, clock);
      const auto same =
          std::find_if(there.begin(), there.end(), [&](const Sample& s) { return s.repeat == first.repeat; });
      if (same != there.end()) parts.push_back(same->cost);
    }
    if (parts.size() == datasets.size()) result.push_back({first.repeat, *mean_cost(parts), nullptr});
  }
  return result;
}

std::optional<double> Grid::axis_mhz(std::size_t clock) const {
  if (clocks_[clock]) return clocks_[clock]->value();
  return mean(seen_[clock]);
}

std::string Grid::clock_text(std::size_t clock) const {
  return clocks_[clock] ? mhz_text(clocks_[clock]->value()) : "stock";
}

std::string mhz_text(double mhz) { return fmt::format("{:g}", mhz); }

}  // namespace phasewatt::analysis
