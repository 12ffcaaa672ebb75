#include "phasewatt/analysis/study_workload.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "phasewatt/analysis/model_size.h"

namespace phasewatt::analysis {
namespace {

struct PaperFeature {
  const char* key;
  const char* title;
  double scale;
  const char* mean_title;
  double Features::*value;
};
constexpr std::array kPaperFeatures{
    PaperFeature{"complexity_score", "Complexity score", 1, "", &Features::complexity_score},
    PaperFeature{"reasoning_complexity", "Reasoning complexity", 1, "", &Features::reasoning_complexity},
    PaperFeature{"entity_density", "Entity density", 1, "", &Features::entity_density},
    PaperFeature{"token_entropy_bits", "Token entropy", 1, "Token entropy (bits)", &Features::token_entropy_bits},
    PaperFeature{"causal_question", "Causal question", 100, "Causal questions (%)", &Features::causal_question},
};

ModelQuality& quality_of(WorkloadData& data, const std::string& model) {
  const auto found = std::find_if(data.qualities.begin(), data.qualities.end(),
                                  [&](const ModelQuality& known) { return known.model == model; });
  if (found != data.qualities.end()) return *found;
  return data.qualities.emplace_back(
      ModelQuality{model, std::vector<std::optional<double>>(data.queries.size(), std::nullopt)});
}

void sort_by_size(std::vector<ModelQuality>& qualities) {
  const auto size = [](const ModelQuality& one) { return model_billions(one.model); };
  if (!std::all_of(qualities.begin(), qualities.end(), size)) return;
  std::stable_sort(qualities.begin(), qualities.end(),
                   [&](const ModelQuality& a, const ModelQuality& b) { return *size(a) < *size(b); });
}

}  // namespace

WorkloadData workload_of(const std::vector<StudyQuery>& queries, WorkloadNames names) {
  WorkloadData data;
  data.names = std::move(names);
  const bool words = data.names.token_kind == TokenKind::word;
  data.queries.reserve(queries.size());
  for (const StudyQuery& entry : queries) {
    // Under words the length is the feature itself, so that it needs no engine.
    data.queries.push_back({entry.query.id, entry.query.dataset, entry.query.task,
                            words ? entry.features.words : static_cast<double>(entry.prompt_tokens)});
  }
  for (const PaperFeature& feature : kPaperFeatures) {
    FeatureColumn column{feature.key, feature.title, feature.key, feature.scale, 2, feature.mean_title};
    column.values.reserve(queries.size());
    for (const StudyQuery& entry : queries) column.values.push_back(entry.features.*feature.value);
    data.features.push_back(std::move(column));
  }
  data.easy_below = {{"entity_density", 0.20}, {"causal_question", 0.05}};
  return data;
}

void add_qualities(WorkloadData& data, const std::vector<QualityRow>& rows, const std::vector<std::string>& models) {
  std::unordered_map<std::string, std::vector<std::optional<double>>> by_model;
  for (const QualityRow& row : rows) {
    if (row.query >= data.queries.size()) continue;
    auto& values = by_model[row.model];
    values.resize(data.queries.size());
    values[row.query] = row.quality;
  }
  for (const auto& model : models) {
    if (const auto found = by_model.find(model); found != by_model.end())
      data.qualities.push_back({model, std::move(found->second)});
  }
}

std::size_t add_qualities(WorkloadData& data, const std::vector<QualityScore>& scores) {
  std::unordered_map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < data.queries.size(); ++row) rows.emplace(data.queries[row].id, row);
  std::size_t strangers = 0;
  for (const QualityScore& score : scores) {
    const auto found = rows.find(score.id);
    if (found == rows.end()) {
      ++strangers;
    } else {
      quality_of(data, score.model).values[found->second] = score.quality;
    }
  }
  sort_by_size(data.qualities);
  return strangers;
}

}  // namespace phasewatt::analysis
