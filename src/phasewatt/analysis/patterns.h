#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/workload.h"

namespace phasewatt::analysis {

/// How a query's quality moves with model size (the paper's Table IX).
enum class Pattern { always_easy, scaling_helps, always_hard, inconsistent };
inline constexpr std::array kPatterns{Pattern::always_easy, Pattern::scaling_helps, Pattern::always_hard,
                                      Pattern::inconsistent};
std::string_view to_string(Pattern pattern);  ///< "Always Easy", as the paper writes it

/// Which models count as small and as large, and from which mean normalised quality on a group passes. The paper gives
/// no thresholds; these are ours (docs/decisions/004-simulated-quality.md), so every output names them: describe().
struct PatternRule {
  std::vector<std::string> small{"llama-3.2-1b", "llama-3.2-3b"};
  std::vector<std::string> large{"llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"};
  double threshold = 0.5;
};

/// The rule as a sentence, for the note of a table.
std::string describe(const PatternRule& rule);

/// Always Easy: both groups reach the threshold. Scaling Helps: only the large. Always Hard: neither. Inconsistent:
/// only the small. Inputs are mean normalised qualities, 0..1.
Pattern classify(double small, double large, double threshold);

struct QueryPattern {
  std::size_t query = 0;  ///< index into WorkloadData::queries
  double small = 0;       ///< mean normalised quality of the small models
  double large = 0;
  Pattern pattern = Pattern::always_hard;
};

/// The rule for these models: the paper's groups when all five are there, else small below 4 billion parameters, by the
/// number in the model's id, and large the rest. Absent when a size is not told or a group is empty.
std::optional<PatternRule> pattern_rule(const std::vector<ModelQuality>& models);

/// The pattern of every query that all models of the rule have answered, in order. Qualities are normalised as in
/// normalised_qualities (difficulty.h), over the models of the rule. Empty when a group of the rule is, or when one of
/// its models is not there. Pure and thread-safe.
std::vector<QueryPattern> scaling_patterns(const WorkloadData& data, const PatternRule& rule = {});

}  // namespace phasewatt::analysis
