#include "phasewatt/analysis/pattern_tables.h"

#include "phasewatt/analysis/patterns.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

/// The features whose means stand beside each pattern, with the paper's column for them.
struct Profile {
  const char* feature;
  const char* key;
};
constexpr std::array kProfile{Profile{"entity_density", "entity_mean"}, Profile{"causal_question", "causal_mean"},
                              Profile{"token_entropy_bits", "entropy_mean"}};

}  // namespace

Table patterns_table(const WorkloadView& workload) {
  std::vector<Column> columns{column("pattern", "Pattern"), column("queries", "Queries", 0),
                              column("share_pct", "Share %"), paper_column("share_pct")};
  for (const Profile& profile : kProfile) {
    const FeatureColumn* feature = workload.paper_feature(profile.feature);
    if (feature == nullptr) continue;
    columns.push_back(column(profile.key, feature->title, feature->digits));
    columns.push_back(paper_column(profile.key, feature->digits));
  }
  const auto rule = pattern_rule(workload.data.qualities);
  Table table = workload.quality_table("table_9_patterns", "Table IX: query scaling patterns across model sizes",
                                       describe(rule.value_or(PatternRule{})), std::move(columns));
  if (!rule) return table;
  const auto patterns = scaling_patterns(workload.data, *rule);
  if (patterns.empty()) return table;
  const bool same = workload.paper_profile && workload.paper_datasets && rule->small == PatternRule{}.small &&
                    rule->large == PatternRule{}.large;
  for (const Pattern pattern : kPatterns) {
    const std::string name(to_string(pattern));
    const auto paper = [&](const char* key) { return same ? cell(published("IX", {name}, key)) : Cell(); };
    std::vector<std::size_t> rows;
    for (const QueryPattern& one : patterns)
      if (one.pattern == pattern) rows.push_back(one.query);
    std::vector<Cell> row{cell(name), cell(rows.size()),
                          100 * static_cast<double>(rows.size()) / static_cast<double>(patterns.size()), paper("pct")};
    for (const Profile& profile : kProfile) {
      const FeatureColumn* feature = workload.paper_feature(profile.feature);
      if (feature == nullptr) continue;
      row.push_back(cell(mean(pick(feature->values, rows))));
      row.push_back(paper(profile.key));
    }
    table.rows.push_back(std::move(row));
  }
  say_of_paper(table, "The paper: 800 queries; it gives no threshold.");
  return table;
}

}  // namespace phasewatt::analysis
