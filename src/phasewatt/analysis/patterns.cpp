#include "phasewatt/analysis/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "phasewatt/analysis/difficulty.h"
#include "phasewatt/analysis/model_size.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

constexpr double kSmallBelowBillions = 4;

/// Positions of the named models; empty when one is not there.
std::vector<std::size_t> positions(const WorkloadData& data, const std::vector<std::string>& models) {
  std::vector<std::size_t> found;
  for (const auto& model : models) {
    const auto at = std::find_if(data.qualities.begin(), data.qualities.end(),
                                 [&](const ModelQuality& one) { return one.model == model; });
    if (at == data.qualities.end()) return {};
    found.push_back(static_cast<std::size_t>(at - data.qualities.begin()));
  }
  return found;
}

}  // namespace

std::string_view to_string(Pattern pattern) {
  switch (pattern) {
    case Pattern::always_easy: return "Always Easy";
    case Pattern::scaling_helps: return "Scaling Helps";
    case Pattern::always_hard: return "Always Hard";
    case Pattern::inconsistent: break;
  }
  return "Inconsistent";
}

std::string describe(const PatternRule& rule) {
  return fmt::format(
      "Quality min-max normalised within a dataset; small = mean of {}; large = mean of {}; threshold {}. Always Easy: "
      "both reach it; Scaling Helps: only large; Always Hard: neither; Inconsistent: only small.",
      join(rule.small, ", "), join(rule.large, ", "), rule.threshold);
}

Pattern classify(double small, double large, double threshold) {
  if (large >= threshold) return small >= threshold ? Pattern::always_easy : Pattern::scaling_helps;
  return small >= threshold ? Pattern::inconsistent : Pattern::always_hard;
}

std::optional<PatternRule> pattern_rule(const std::vector<ModelQuality>& models) {
  PatternRule rule;
  const auto there = [&](const std::string& name) {
    return std::any_of(models.begin(), models.end(), [&](const ModelQuality& one) { return one.model == name; });
  };
  if (models.size() == rule.small.size() + rule.large.size() &&
      std::all_of(rule.small.begin(), rule.small.end(), there) &&
      std::all_of(rule.large.begin(), rule.large.end(), there))
    return rule;
  rule.small.clear();
  rule.large.clear();
  for (const ModelQuality& one : models) {
    const auto billions = model_billions(one.model);
    if (!billions) return std::nullopt;
    (*billions < kSmallBelowBillions ? rule.small : rule.large).push_back(one.model);
  }
  if (rule.small.empty() || rule.large.empty()) return std::nullopt;
  return rule;
}

std::vector<QueryPattern> scaling_patterns(const WorkloadData& data, const PatternRule& rule) {
  const auto small = positions(data, rule.small);
  const auto large = positions(data, rule.large);
  std::vector<QueryPattern> out;
  if (small.empty() || large.empty()) return out;
  std::vector<std::size_t> models = small;
  models.insert(models.end(), large.begin(), large.end());
  const auto by_query = normalised_qualities(data, models);
  for (std::size_t query = 0; query < by_query.size(); ++query) {
    if (by_query[query].empty()) continue;
    const std::span<const double> values(by_query[query]);
    const double mean_small = *mean(values.first(small.size()));
    const double mean_large = *mean(values.subspan(small.size()));
    out.push_back({query, mean_small, mean_large, classify(mean_small, mean_large, rule.threshold)});
  }
  return out;
}

}  // namespace phasewatt::analysis
