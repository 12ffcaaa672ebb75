#include "phasewatt/analysis/workload_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace phasewatt::analysis {
namespace {

/// The paper's tables do not name a feature alike.
struct PaperRows {
  const char* key;
  const char* in_iii;
  const char* in_v;
  const char* in_viii;
};
constexpr std::array kPaperRows{
    PaperRows{"complexity_score", "complexity_score", "complexity_score", ""},
    PaperRows{"reasoning_complexity", "reasoning_complexity", "reasoning_complexity", ""},
    PaperRows{"entity_density", "entity_density", "entity_density", "entity_density"},
    PaperRows{"token_entropy_bits", "token_entropy_bits", "token_entropy", "token_entropy"},
    PaperRows{"causal_question", "causal_questions_pct", "causal_question_score", "causal_question"},
};

bool usable(const FeatureColumn& feature, std::size_t queries) {
  return feature.values.size() == queries &&
         std::all_of(feature.values.begin(), feature.values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace

bool lengths_finite(const WorkloadData& data) {
  return std::all_of(data.queries.begin(), data.queries.end(), [](const auto& q) { return std::isfinite(q.length); });
}

WorkloadView::WorkloadView(const WorkloadData& workload) : data(workload) {
  std::unordered_map<std::string, std::size_t> known;
  lengths.reserve(data.queries.size());
  for (std::size_t row = 0; row < data.queries.size(); ++row) {
    const WorkloadQuery& query = data.queries[row];
    const auto [found, fresh] = known.emplace(query.dataset, datasets.size());
    if (fresh) datasets.push_back({query.dataset, query.task, {}});
    datasets[found->second].rows.push_back(row);
    lengths.push_back(query.length);
  }
  for (const FeatureColumn& feature : data.features) {
    if (usable(feature, data.queries.size()))
      features.push_back(&feature);
    else
      broken_features.push_back(feature.title);
  }
  paper_profile = data.names.profile == "paper";
  paper = paper_profile && data.names.token_kind == TokenKind::word;
  paper_datasets =
      datasets.size() == kPaperDatasets &&
      std::all_of(datasets.begin(), datasets.end(), [](const auto& d) { return paper_dataset(d.id).has_value(); });
  note = fmt::format("Profile {}; token kind {}{}.", data.names.profile, to_string(data.names.token_kind),
                     data.names.tokenizer.empty() ? "" : " of " + data.names.tokenizer);
  note += sentences(data.names.samples);
}

const FeatureColumn* WorkloadView::paper_feature(std::string_view key) const {
  const auto found = std::find_if(features.begin(), features.end(), [&](const auto* f) { return f->paper_key == key; });
  return found == features.end() ? nullptr : *found;
}

const FeatureColumn* WorkloadView::feature(std::string_view key) const {
  const auto found = std::find_if(features.begin(), features.end(), [&](const auto* f) { return f->key == key; });
  return found == features.end() ? nullptr : *found;
}

std::optional<std::string> WorkloadView::paper_name(const DatasetRows& dataset) const {
  return paper ? paper_dataset(dataset.id) : std::nullopt;
}

Table WorkloadView::table(const char* id, const std::string& title, const std::string& text,
                          std::vector<Column> columns) const {
  Table table;
  table.id = id;
  table.title = title;
  table.note = text + (text.empty() ? "" : " ") + note;
  table.columns = std::move(columns);
  return table;
}

Table WorkloadView::quality_table(const char* id, const std::string& title, const std::string& text,
                                  std::vector<Column> columns) const {
  Table table = this->table(id, title, text, std::move(columns));
  const std::size_t models = data.qualities.size();
  table.note += fmt::format(" {} queries; {} model{}.", data.queries.size(), models, models == 1 ? "" : "s");
  table.simulated = data.names.simulated_qualities;
  if (table.simulated) {
    table.title += " (simulated, calibrated to the published table)";
    table.note +=
        " No text was generated: quality comes from an item-response model calibrated to the published table.";
  }
  return table;
}

std::string_view counted(TokenKind kind) {
  switch (kind) {
    case TokenKind::word: return "words";
    case TokenKind::icu_word: return "ICU words";
    case TokenKind::bpe: return "BPE tokens";
  }
  return "tokens";
}

bool holds_published(const Table& table) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (!table.columns[i].published) continue;
    for (const auto& row : table.rows)
      if (!std::holds_alternative<std::monostate>(row[i])) return true;
  }
  return false;
}

void say_of_paper(Table& table, std::string_view sentence) {
  if (holds_published(table)) table.note.append(" ").append(sentence);
}

std::string label_apart(std::string label, const std::vector<std::string>& names) {
  while (std::find(names.begin(), names.end(), label) != names.end()) label += " (pooled row)";
  return label;
}

std::vector<std::string> model_names(const WorkloadData& data) {
  std::vector<std::string> names;
  names.reserve(data.qualities.size());
  for (const ModelQuality& one : data.qualities) names.push_back(one.model);
  return names;
}

std::vector<double> pick(const std::vector<double>& values, const std::vector<std::size_t>& rows) {
  std::vector<double> picked;
  picked.reserve(rows.size());
  for (const std::size_t row : rows) picked.push_back(values[row]);
  return picked;
}

std::string paper_row_of(const FeatureColumn& feature, std::string_view table) {
  for (const PaperRows& rows : kPaperRows) {
    if (feature.paper_key != rows.key) continue;
    if (table == "III") return rows.in_iii;
    if (table == "V") return rows.in_v;
    if (table == "VIII") return rows.in_viii;
  }
  return "";
}

void append_interval(std::vector<Cell>& row, const std::optional<Interval>& interval) {
  row.emplace_back();
  row.emplace_back();
  if (!interval) return;
  row[row.size() - 2] = interval->low;
  row[row.size() - 1] = interval->high;
}

void append_correlation(std::vector<Cell>& row, std::optional<double> r, std::size_t n) {
  row.push_back(cell(r));
  append_interval(row, r ? correlation_interval(*r, n) : std::nullopt);
}

}  // namespace phasewatt::analysis
