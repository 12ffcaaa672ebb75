#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "phasewatt/analysis/findings.h"
#include "phasewatt/analysis/table.h"
#include "phasewatt/base/records.h"

/// Studies whose numbers are known by hand.
namespace phasewatt::analysis::testing {

/// What one request (and its batch) costs; turned into a point's totals by `StudyBuilder`.
struct Spent {
  double prefill_s = 0;
  double decode_s = 0;
  double score_s = 0;
  double idle_s = 0;
  double joules = 0;  ///< per request; negative = not measured
  bool voided = false;
  bool degraded = false;
};

struct StudyBuilder {
  std::vector<std::string> models{"llama-3.2-1b"};
  std::vector<std::string> datasets{"boolq", "hellaswag", "truthfulqa", "narrativeqa"};
  std::vector<int> batches{1};
  std::vector<double> clocks{180, 960, 2842};
  int repeats = 3;
  int queries = 8;  ///< per dataset
  double baseline = 2842;
  std::function<Spent(const RunPoint&)> spent;

  [[nodiscard]] StudyData build() const {
    StudyData data;
    data.plan.name = "synthetic";
    data.plan.baseline = Mhz(baseline);
    data.plan.environment.device_name = "RTX PRO 6000";
    data.plan.environment.engine = "sim";
    for (const auto& dataset : datasets) {
      const bool scored = dataset == "boolq" || dataset == "hellaswag";
      for (int i = 0; i < queries; ++i) {
        StudyQuery entry;
        entry.query.id = dataset + "/" + std::to_string(i);
        entry.query.dataset = dataset;
        entry.query.task = scored ? Task::classification : Task::generation;
        entry.features.words = 10 + i;
        entry.features.entity_density = i % 2 == 0 ? 0.1 : 0.3;
        entry.prompt_tokens = 10 + i;
        data.plan.queries.push_back(entry);
      }
    }
    for (const auto& model : models)
      for (const auto& dataset : datasets)
        for (const int batch : batches)
          for (const double clock : clocks)
            for (int repeat = 0; repeat < repeats; ++repeat) add(data, model, dataset, batch, clock, repeat);
    return data;
  }

 private:
  void add(StudyData& data, const std::string& model, const std::string& dataset, int batch, double clock,
           int repeat) const {
    RunPoint point;
    point.index = static_cast<std::uint32_t>(data.plan.points.size());
    point.model = model;
    point.dataset = dataset;
    point.batch = batch;
    point.clock = Mhz(clock);
    point.clock_asked = Mhz(clock);
    point.repeat = repeat;
    data.plan.points.push_back(point);
    const Spent one = spent(point);
    const double n_batches = std::ceil(static_cast<double>(queries) / batch);
    RunRecord record;
    record.point = point;
    record.clock = {Mhz(clock), Mhz(clock), Mhz(clock - 1)};
    const double seconds[] = {one.prefill_s, one.decode_s, one.score_s};
    const double total = one.prefill_s + one.decode_s + one.score_s + one.idle_s;
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      record.phases[i].seconds = seconds[i] * n_batches;
      if (one.joules >= 0 && seconds[i] > 0)
        record.phases[i].energy = Joules(one.joules * queries * seconds[i] / total);
    }
    if (one.decode_s > 0) record.phases[static_cast<std::size_t>(Phase::decode)].tokens = 100.0 * queries;
    record.wall_s = total * n_batches;
    record.idle_s = one.idle_s * n_batches;
    if (one.joules >= 0) record.energy = Joules(one.joules * queries);
    if (one.degraded) {
      record.validity = Validity::degraded;
      record.reasons = {Reason::extrapolated};
    }
    if (one.voided) {
      record.validity = Validity::void_;
      record.reasons = {Reason::clock_not_attained};
    }
    data.records.push_back(record);
  }
};

inline const Table* find_table(const Findings& findings, const std::string& id) {
  for (const auto& table : findings.tables)
    if (table.id == id) return &table;
  return nullptr;
}

/// The row whose first cells are `key`, or nullptr.
inline const std::vector<Cell>* find_row(const Table& table, const std::vector<Cell>& key) {
  for (const auto& row : table.rows)
    if (std::equal(key.begin(), key.end(), row.begin())) return &row;
  return nullptr;
}

/// A number by row and column key; NaN when empty or not there, which no expectation accepts.
inline double number_at(const Table& table, const std::vector<Cell>& key, const std::string& column) {
  const auto* row = find_row(table, key);
  if (row == nullptr) return std::nan("");
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    if (table.columns[i].key == column)
      if (const auto* value = std::get_if<double>(&(*row)[i])) return *value;
  return std::nan("");
}

inline Cell cell_at(const Table& table, const std::vector<Cell>& key, const std::string& column) {
  const auto* row = find_row(table, key);
  for (std::size_t i = 0; row != nullptr && i < table.columns.size(); ++i)
    if (table.columns[i].key == column) return (*row)[i];
  return std::string("no such cell");
}

/// What must hold of everything that analysis returns: rows as long as the columns, no NaN, unique keys and ids.
inline std::string defect(const Findings& findings) {
  std::map<std::string, int> ids;
  const auto check = [&](const Table& table) -> std::string {
    if (++ids[table.id] > 1) return table.id + ": id used twice";
    if (table.id.empty() || table.title.empty() || table.note.empty()) return table.id + ": id, title or note missing";
    std::map<std::string, int> keys;
    for (const auto& column : table.columns)
      if (++keys[column.key] > 1) return table.id + ": column key used twice: " + column.key;
    for (const auto& row : table.rows) {
      if (row.size() != table.columns.size()) return table.id + ": row of another length";
      for (const auto& cell : row)
        if (const auto* value = std::get_if<double>(&cell); value != nullptr && !std::isfinite(*value))
          return table.id + ": a cell is not finite";
    }
    return "";
  };
  if (findings.verdict_sentence.empty()) return "no verdict";
  for (const auto& table : findings.tables)
    if (auto wrong = check(table); !wrong.empty()) return wrong;
  for (const auto& figure : findings.figures) {
    if (auto wrong = check(figure.data); !wrong.empty()) return wrong;
    for (const auto& channel : {figure.x, figure.y, figure.color, figure.facet, figure.published}) {
      bool found = channel.empty();
      for (const auto& column : figure.data.columns) found = found || column.key == channel;
      if (!found) return figure.data.id + ": no column " + channel;
    }
  }
  return "";
}

}  // namespace phasewatt::analysis::testing
