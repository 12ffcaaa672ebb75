#include "phasewatt/analysis/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "phasewatt/analysis/inference.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

/// Points of reference that do the same work.
struct Kind {
  RunPoint point;
  std::size_t voided = 0;
  std::vector<double> order;
  std::vector<Cost> costs;
};

std::size_t queries_of(const Grid& grid, const std::string& dataset) {
  return static_cast<std::size_t>(
      std::count_if(grid.data().plan.queries.begin(), grid.data().plan.queries.end(),
                    [&](const StudyQuery& entry) { return entry.query.dataset == dataset; }));
}

/// In order of first appearance.
std::vector<Kind> kinds_of(const Grid& grid) {
  std::vector<Kind> kinds;
  for (const RunRecord* record : grid.references()) {
    const RunPoint& point = record->point;
    const auto same = [&](const Kind& kind) {
      return std::tie(kind.point.model, kind.point.dataset, kind.point.batch, kind.point.clock) ==
             std::tie(point.model, point.dataset, point.batch, point.clock);
    };
    auto found = std::find_if(kinds.begin(), kinds.end(), same);
    if (found == kinds.end()) found = kinds.insert(kinds.end(), Kind{point, 0, {}, {}});
    const std::size_t queries = queries_of(grid, point.dataset);
    if (record->validity == Validity::void_ || queries == 0) {
      ++found->voided;
      continue;
    }
    found->order.push_back(point.repeat);
    found->costs.push_back(cost_of(*record, static_cast<double>(queries)));
  }
  return kinds;
}

struct Measured {
  const char* measure;
  std::size_t points = 0;
  std::optional<Drift> drift;
};

Measured look(const Kind& kind, const char* measure, std::optional<double> (*field)(const Cost&)) {
  std::vector<double> order;
  std::vector<double> values;
  for (std::size_t i = 0; i < kind.costs.size(); ++i) {
    const auto value = field(kind.costs[i]);
    if (!value) continue;
    order.push_back(kind.order[i]);
    values.push_back(*value);
  }
  return {measure, values.size(), drift_of(order, values)};
}

std::vector<Measured> look(const Kind& kind) {
  return {look(kind, "energy", [](const Cost& cost) { return cost.energy_j; }),
          look(kind, "latency", [](const Cost& cost) -> std::optional<double> { return cost.latency_s; })};
}

}  // namespace

std::string_view to_string(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::steady: return "steady";
    case DriftVerdict::drifted: return "drifted";
    case DriftVerdict::cannot_be_told: break;
  }
  return "cannot be told";
}

std::optional<Drift> drift_of(std::span<const double> order, std::span<const double> values) {
  const auto centre = mean(values);
  if (order.size() != values.size() || values.size() < 3 || !(*centre > 0)) return std::nullopt;
  const double first = *minimum(order);
  const double length = *maximum(order) - first;
  if (!(length > 0)) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  double middle = 0;
  for (const double at : order) middle += (at - first) / length / n;
  double xx = 0;
  double xy = 0;
  Drift drift;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = (order[i] - first) / length - middle;
    const double y = values[i] / *centre - 1;
    xx += x * x;
    xy += x * y;
    if (std::abs(y) > std::abs(drift.largest_deviation)) drift.largest_deviation = y;
  }
  drift.change = xy / xx;
  double residual = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = (order[i] - first) / length - middle;
    const double off = values[i] / *centre - 1 - drift.change * x;
    residual += off * off;
  }
  const double error = std::sqrt(residual / (n - 2) / xx) * *student_quantile(0.975, values.size() - 2);
  drift.interval = {drift.change - error, drift.change + error};
  if (drift.interval.low > kDriftTolerance || drift.interval.high < -kDriftTolerance) {
    drift.verdict = DriftVerdict::drifted;
  } else if (drift.interval.low >= -kDriftTolerance && drift.interval.high <= kDriftTolerance) {
    drift.verdict = DriftVerdict::steady;
  }
  return drift;
}

Table drift_table(const Context& context) {
  Table table;
  table.id = "drift";
  table.title = "Drift of the points of reference over the study";
  table.note = fmt::format(
      "The same work at the same clock, run again and again between the other points. Change: of a line through them, "
      "from the first to the last, with its 95 % interval. drifted: the interval lies outside ±{0:g} %; steady: within "
      "±{0:g} %; otherwise it cannot be told. These points are in no other table.",
      100 * kDriftTolerance);
  table.simulated = context.simulated;
  table.columns = {column("model", "Model"),
                   column("dataset", "Dataset"),
                   column("batch", "Batch", 0),
                   column("clock_mhz", "Clock MHz", context.clock_digits),
                   column("measure", "Measure"),
                   column("points", "Points", 0),
                   column("void_points", "Void", 0),
                   column("change_pct", "Change %", 2),
                   column("change_low_pct", "from %", 2),
                   column("change_high_pct", "to %", 2),
                   column("largest_deviation_pct", "Largest deviation %", 2),
                   column("verdict", "Verdict")};
  for (const Kind& kind : kinds_of(context.grid)) {
    for (const Measured& one : look(kind)) {
      std::vector<Cell> row{cell(kind.point.model),
                            cell(kind.point.dataset),
                            Cell(static_cast<double>(kind.point.batch)),
                            kind.point.clock ? Cell(kind.point.clock->value()) : cell(std::string("stock")),
                            cell(std::string(one.measure)),
                            cell(one.points),
                            cell(kind.voided)};
      if (const auto& d = one.drift) {
        row.insert(row.end(), {Cell(100 * d->change), Cell(100 * d->interval.low), Cell(100 * d->interval.high),
                               Cell(100 * d->largest_deviation), cell(std::string(to_string(d->verdict)))});
      } else {
        row.insert(row.end(), {Cell(), Cell(), Cell(), Cell(),
                               cell(std::string(one.points < 3 ? "needs three points" : "cannot be told"))});
      }
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

std::vector<std::string> drift_sentences(const Context& context) {
  std::vector<std::string> sentences;
  for (const Kind& kind : kinds_of(context.grid)) {
    for (const Measured& one : look(kind)) {
      if (!one.drift || one.drift->verdict != DriftVerdict::drifted) continue;
      sentences.push_back(fmt::format(
          "The reference point ({}, {}, batch {}) drifted over the study: its {} changed by {:+.1f} % ({:+.1f} to "
          "{:+.1f} %). Points run early and late are not alike; the interleaved order keeps this out of the "
          "comparisons as far as it can.",
          kind.point.model, kind.point.dataset, kind.point.batch, one.measure, 100 * one.drift->change,
          100 * one.drift->interval.low, 100 * one.drift->interval.high));
    }
  }
  return sentences;
}

}  // namespace phasewatt::analysis
