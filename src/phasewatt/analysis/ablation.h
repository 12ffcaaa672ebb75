#pragma once

#include "phasewatt/analysis/auc.h"
#include "phasewatt/analysis/difficulty.h"
#include "phasewatt/analysis/logistic.h"
#include "phasewatt/analysis/workload_view.h"

/// How well features tell easy queries from hard ones.
namespace phasewatt::analysis {

inline constexpr int kFolds = 5;
inline constexpr std::uint32_t kFoldSeed = 42;    ///< of the shuffled folds
inline constexpr std::size_t kLeastPerClass = 5;  ///< fewer easy or hard queries give no AUC
inline constexpr double kLengthThreshold = 150;   ///< tokens; the paper's baseline calls longer queries hard

/// The labels by each rule, in the order of kLabelRules.
using LabelSets = std::array<Labels, kLabelRules.size()>;
LabelSets label_sets(const WorkloadView& workload, const std::vector<std::optional<double>>& quality);

/// Out-of-fold decisions of a logistic regression on all features, fitted on the labelled queries at `positions` in
/// shuffled folds; empty where it cannot be fitted.
std::vector<double> model_scores(const WorkloadView& workload, const Labels& labels,
                                 const std::vector<std::size_t>& positions);

/// The area and both ends of its interval as cells.
void append_auc(std::vector<Cell>& row, const std::optional<Auc>& area);

/// Table VI: accuracy of logistic regressions on sets of features, by each definition of easy.
Table ablation_table(const WorkloadView& workload, const LabelSets& labels);

/// AUC of each feature and of logistic regressions, pooled and within each dataset.
struct AucFindings {
  Table table;
  std::string why_empty;               ///< why the table has no rows, when it has none
  std::vector<std::string> sentences;  ///< which features carry signal within datasets, which only between them
};
AucFindings auc_findings(const WorkloadView& workload, const LabelSets& labels);

}  // namespace phasewatt::analysis
