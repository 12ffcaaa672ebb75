#include "phasewatt/analysis/difficulty.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

struct Range {
  double low = 1;
  double high = 0;
};

/// Absent unless within 0..1; what is not a number is not.
std::optional<double> checked(const ModelQuality& model, std::size_t row) {
  if (row >= model.values.size() || !model.values[row]) return std::nullopt;
  const double value = *model.values[row];
  return value >= 0 && value <= 1 ? std::optional(value) : std::nullopt;
}

}  // namespace

std::vector<std::vector<double>> normalised_qualities(const WorkloadData& data,
                                                      const std::vector<std::size_t>& models) {
  std::vector<std::vector<double>> result(data.queries.size());
  if (models.empty()) return result;
  std::unordered_map<std::string, Range> ranges;
  for (std::size_t row = 0; row < result.size(); ++row) {
    std::vector<double>& values = result[row];
    for (const std::size_t model : models) {
      if (const auto value = checked(data.qualities[model], row)) values.push_back(*value);
    }
    if (values.size() != models.size()) {
      values.clear();
      continue;
    }
    Range& range = ranges[data.queries[row].dataset];
    for (const double value : values) {
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  for (std::size_t row = 0; row < result.size(); ++row) {
    if (result[row].empty()) continue;
    const Range range = ranges[data.queries[row].dataset];
    if (range.high <= range.low) {
      result[row].clear();
      continue;
    }
    for (double& value : result[row]) value = (value - range.low) / (range.high - range.low);
  }
  return result;
}

std::vector<std::optional<double>> mean_quality(const WorkloadData& data) {
  std::vector<std::optional<double>> means;
  for (std::size_t row = 0; row < data.queries.size(); ++row) {
    std::vector<double> values;
    for (const ModelQuality& model : data.qualities) {
      if (const auto value = checked(model, row)) values.push_back(*value);
    }
    means.push_back(values.size() == data.qualities.size() ? mean(values) : std::nullopt);
  }
  return means;
}

std::vector<std::optional<double>> mean_normalised_quality(const WorkloadData& data) {
  std::vector<std::size_t> models(data.qualities.size());
  std::iota(models.begin(), models.end(), std::size_t{0});
  std::vector<std::optional<double>> means;
  means.reserve(data.queries.size());
  for (const auto& values : normalised_qualities(data, models)) means.push_back(mean(values));
  return means;
}

std::string_view to_string(LabelRule rule) { return rule == LabelRule::half ? "0.5" : "dataset median"; }

Labels difficulty_labels(const WorkloadData& data, const std::vector<std::optional<double>>& quality, LabelRule rule) {
  std::unordered_map<std::string, std::vector<double>> by_dataset;
  if (rule == LabelRule::dataset_median) {
    for (std::size_t row = 0; row < quality.size(); ++row)
      if (quality[row]) by_dataset[data.queries[row].dataset].push_back(*quality[row]);
  }
  std::unordered_map<std::string, double> limits;
  for (const auto& [dataset, values] : by_dataset) limits[dataset] = *median(values);
  Labels labels;
  for (std::size_t row = 0; row < quality.size(); ++row) {
    if (!quality[row]) continue;
    const double limit = rule == LabelRule::half ? 0.5 : limits[data.queries[row].dataset];
    labels.rows.push_back(row);
    labels.easy.push_back(*quality[row] > limit ? 1 : 0);
    if (*quality[row] == limit) ++labels.ties;
  }
  return labels;
}

}  // namespace phasewatt::analysis
