#include "phasewatt/analysis/pattern_tables.h"

#include "phasewatt/analysis/patterns.h"
#include "phasewatt/analysis/quality_tables.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

struct Profile {
  const char* key;
  const char* title;
  double Features::*value;
};
constexpr std::array kProfile{Profile{"entity_mean", "Entity density", &Features::entity_density},
                              Profile{"causal_mean", "Causal question", &Features::causal_question},
                              Profile{"entropy_mean", "Token entropy", &Features::token_entropy_bits}};

}  // namespace

Table patterns_table(const Context& context) {
  const StudyData& data = context.grid.data();
  std::vector<Column> columns{column("pattern", "Pattern"), column("queries", "Queries", 0),
                              column("share_pct", "Share %"), paper_column("share_pct")};
  for (const Profile& feature : kProfile) {
    columns.push_back(column(feature.key, feature.title, 2));
    columns.push_back(paper_column(feature.key, 2));
  }
  const PatternRule rule;
  Table table = quality_marked(context, "table_9_patterns", "Table IX: query scaling patterns across model sizes",
                               describe(rule) + " The paper: 800 queries.", std::move(columns));
  const auto patterns = scaling_patterns(data, rule);
  if (patterns.empty()) return table;
  for (const Pattern pattern : kPatterns) {
    const std::string name(to_string(pattern));
    const auto paper = [&](const char* key) {
      return context.paper_datasets ? cell(published("IX", {name}, key)) : Cell();
    };
    std::vector<const Features*> features;
    for (const QueryPattern& one : patterns) {
      if (one.pattern == pattern) features.push_back(&data.plan.queries[one.query].features);
    }
    std::vector<Cell> row{cell(name), cell(features.size()),
                          cell(share_pct(static_cast<double>(features.size()), static_cast<double>(patterns.size()))),
                          paper("pct")};
    for (const Profile& feature : kProfile) {
      std::vector<double> values;
      values.reserve(features.size());
      for (const Features* one : features) values.push_back(one->*feature.value);
      row.push_back(cell(mean(values)));
      row.push_back(paper(feature.key));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace phasewatt::analysis
