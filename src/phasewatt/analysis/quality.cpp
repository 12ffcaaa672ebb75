#include "phasewatt/analysis/quality.h"

#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {

std::optional<double> mean_quality(const StudyData& data, const std::string& model, const QualityFilter& filter) {
  std::vector<double> values;
  for (const QualityRow& row : data.qualities) {
    if (row.model != model || row.query >= data.plan.queries.size()) continue;
    const Query& query = data.plan.queries[row.query].query;
    if (!filter.dataset.empty() && query.dataset != filter.dataset) continue;
    if (filter.task && query.task != *filter.task) continue;
    values.push_back(row.quality);
  }
  return mean(values);
}

std::optional<double> mean_quality(const StudyData& data, const std::string& model,
                                   const std::vector<std::string>& datasets) {
  std::vector<double> means;
  for (const auto& dataset : datasets) {
    const auto one = mean_quality(data, model, {dataset, std::nullopt});
    if (!one) return std::nullopt;
    means.push_back(*one);
  }
  return mean(means);
}

}  // namespace phasewatt::analysis
