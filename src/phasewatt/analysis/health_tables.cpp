#include "phasewatt/analysis/health_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "phasewatt/analysis/inference.h"
#include "phasewatt/analysis/repeat_tables.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

Table marked(const Context& context, const char* id, const char* title, const char* note, std::vector<Column> columns) {
  Table table;
  table.id = id;
  table.title = title;
  table.note = note;
  table.columns = std::move(columns);
  table.simulated = context.simulated;
  return table;
}

template <class Predicate>
std::size_t count(const std::vector<const RunRecord*>& records, Predicate predicate) {
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [&](const RunRecord* record) { return predicate(*record); }));
}

bool has(const RunRecord& record, Reason reason) {
  return std::find(record.reasons.begin(), record.reasons.end(), reason) != record.reasons.end();
}

}  // namespace

Table validity_table(const Context& context) {
  const auto& records = context.grid.records();
  Table table = marked(context, "validity", "Validity of the points",
                       "Void points enter no other table. A point with several reasons counts under each of them.",
                       {column("validity", "Validity"), column("reason", "Reason"), column("points", "Points", 0),
                        column("share_pct", "Share of finished %"), column("meaning", "Meaning")});
  const auto finished = static_cast<double>(records.size());
  const auto add = [&](std::string_view validity, std::string_view reason, std::size_t points,
                       std::string_view meaning) {
    table.rows.push_back({cell(std::string(validity)), cell(std::string(reason)), cell(points),
                          cell(share_pct(static_cast<double>(points), finished)), cell(std::string(meaning))});
  };
  for (const Validity validity : {Validity::valid, Validity::degraded, Validity::void_}) {
    add(to_string(validity), "all", count(records, [&](const RunRecord& r) { return r.validity == validity; }), "");
    for (const Reason reason : kReasons) {
      const std::size_t points =
          count(records, [&](const RunRecord& r) { return r.validity == validity && has(r, reason); });
      if (points > 0) add(to_string(validity), to_string(reason), points, explain(reason));
    }
  }
  const std::size_t apart = outlier_points(outliers(context.grid));
  if (apart > 0) {
    add("flagged", "outlier", apart,
        "energy or latency lies apart from the other repeats (table 'outliers'); the point stays in every table");
  }
  if (!records.empty() && context.grid.repeats() < static_cast<int>(kOutlierRepeats)) {
    table.note += fmt::format(" Outliers were not looked for: no cell has {} valid repeats.", kOutlierRepeats);
  }
  const std::size_t planned = std::max(context.grid.planned(), records.size());
  if (planned > records.size()) {
    table.rows.push_back({cell(std::string("not run")), cell(std::string("all")), cell(planned - records.size()),
                          Cell(), cell(std::string("planned and not finished"))});
  }
  return table;
}

Table clocks_table(const Context& context) {
  const Grid& grid = context.grid;
  const int digits = context.clock_digits;
  Table table =
      marked(context, "clocks", "SM clocks: asked, snapped and seen",
             "Seen: time-weighted under load, over all finished points of the clock, void ones too. Power-limited "
             "points are valid.",
             {column("asked_mhz", "Asked MHz"), column("snapped_mhz", "Snapped MHz", digits),
              column("seen_min_mhz", "Seen from MHz"), column("seen_max_mhz", "to MHz"), column("points", "Points", 0),
              column("power_limited_points", "Power-limited", 0), column("void_points", "Void", 0)});
  for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
    std::set<double> asked;
    std::vector<double> seen;
    std::size_t points = 0;
    std::size_t limited = 0;
    std::size_t voided = 0;
    for (const RunRecord* one : grid.records()) {
      const RunRecord& record = *one;
      if (record.point.clock != grid.clocks()[clock]) continue;
      ++points;
      if (record.point.clock_asked) asked.insert(record.point.clock_asked->value());
      if (record.clock.seen) seen.push_back(record.clock.seen->value());
      if (has(record, Reason::power_limited)) ++limited;
      if (record.validity == Validity::void_) ++voided;
    }
    std::vector<std::string> asked_words;
    asked_words.reserve(asked.size());
    for (const double mhz : asked) asked_words.push_back(mhz_text(mhz));
    const std::string asked_text =
        asked_words.empty() ? (grid.clocks()[clock] ? "" : "stock") : join(asked_words, ", ");
    table.rows.push_back({asked_text.empty() ? Cell() : cell(asked_text), context.clock(clock), cell(minimum(seen)),
                          cell(maximum(seen)), cell(points), cell(limited), cell(voided)});
  }
  return table;
}

}  // namespace phasewatt::analysis
