#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/workload.h"

/// From qualities to "easy" and "hard" (the paper's Section V-D and Figure 2). Pure and thread-safe.
namespace phasewatt::analysis {

/// The qualities of `models` (positions in WorkloadData::qualities) by query, min–max normalised within each dataset
/// over all of its values that enter. Empty for a query that one of the models has no quality for, and for all queries
/// of a dataset whose qualities are all equal.
std::vector<std::vector<double>> normalised_qualities(const WorkloadData& data, const std::vector<std::size_t>& models);

/// Mean over all models of the qualities as they are, by query; absent where a model has none.
std::vector<std::optional<double>> mean_quality(const WorkloadData& data);

/// Mean over all models of the normalised qualities, by query; absent where these are.
std::vector<std::optional<double>> mean_normalised_quality(const WorkloadData& data);

/// The paper defines "easy" twice.
enum class LabelRule {
  dataset_median,  ///< V-D: mean normalised quality above the median of the query's own dataset; equal is hard
  half,            ///< Figure 2: mean normalised quality above 0.5; equal is hard
};
inline constexpr std::array kLabelRules{LabelRule::dataset_median, LabelRule::half};
std::string_view to_string(LabelRule rule);  ///< "dataset median", "0.5"

struct Labels {
  std::vector<std::size_t> rows;   ///< the labelled queries, ascending
  std::vector<std::uint8_t> easy;  ///< 1 = easy; as long as `rows`
  std::size_t ties = 0;            ///< how many lie exactly at the limit, and so are hard
};

/// Labels of the queries that have a mean normalised quality.
Labels difficulty_labels(const WorkloadData& data, const std::vector<std::optional<double>>& quality, LabelRule rule);

}  // namespace phasewatt::analysis
