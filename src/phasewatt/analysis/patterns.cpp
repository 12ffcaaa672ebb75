#include "phasewatt/analysis/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <span>

#include "phasewatt/base/text.h"

namespace phasewatt::analysis {

namespace {

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

using Answers = std::map<std::string, double, std::less<>>;  // quality by model

bool answered_by(const Answers& answers, std::span<const std::string> models) {
  return std::all_of(models.begin(), models.end(), [&](const auto& model) { return answers.contains(model); });
}

double mean_of(const Answers& answers, std::span<const std::string> models, Range range) {
  double sum = 0;
  for (const auto& model : models) sum += (answers.find(model)->second - range.low) / (range.high - range.low);
  return sum / static_cast<double>(models.size());
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
      "both "
      "reach it; Scaling Helps: only large; Always Hard: neither; Inconsistent: only small. The paper gives no "
      "thresholds.",
      join(rule.small, ", "), join(rule.large, ", "), rule.threshold);
}

Pattern classify(double small, double large, double threshold) {
  if (large >= threshold) return small >= threshold ? Pattern::always_easy : Pattern::scaling_helps;
  return small >= threshold ? Pattern::inconsistent : Pattern::always_hard;
}

std::vector<QueryPattern> scaling_patterns(const StudyData& data, const PatternRule& rule) {
  std::vector<QueryPattern> out;
  if (rule.small.empty() || rule.large.empty()) return out;
  const auto counts = [&](const std::string& model) {
    return std::find(rule.small.begin(), rule.small.end(), model) != rule.small.end() ||
           std::find(rule.large.begin(), rule.large.end(), model) != rule.large.end();
  };
  std::map<std::uint32_t, Answers> queries;
  for (const auto& row : data.qualities)
    if (row.query < data.plan.queries.size() && counts(row.model)) queries[row.query][row.model] = row.quality;
  std::erase_if(queries, [&](const auto& entry) {
    return !answered_by(entry.second, rule.small) || !answered_by(entry.second, rule.large);
  });

  std::map<std::string, Range, std::less<>> ranges;
  for (const auto& [query, answers] : queries) {
    auto& range = ranges[data.plan.queries[query].query.dataset];
    for (const auto& [model, quality] : answers) {
      range.low = std::min(range.low, quality);
      range.high = std::max(range.high, quality);
    }
  }
  for (const auto& [query, answers] : queries) {
    const auto range = ranges[data.plan.queries[query].query.dataset];
    if (range.high <= range.low) continue;
    const double small = mean_of(answers, rule.small, range);
    const double large = mean_of(answers, rule.large, range);
    out.push_back({query, small, large, classify(small, large, rule.threshold)});
  }
  return out;
}

}  // namespace phasewatt::analysis
