#include "phasewatt/analysis/ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "phasewatt/analysis/folds.h"

namespace phasewatt::analysis {
namespace {

using FeatureValues = std::vector<const std::vector<double>*>;  // by query

struct FeatureSet {
  std::string title;
  std::string paper_row;  // of Table VI; empty = none
  FeatureValues features;
};

/// The paper's sets where its two features are there, and all features without and with the length.
std::vector<FeatureSet> feature_sets(const WorkloadView& workload) {
  const std::vector<double>* length = &workload.lengths;
  std::vector<FeatureSet> sets{{"Length (fitted)", "", {length}}};
  const FeatureColumn* entity = workload.paper_feature("entity_density");
  const FeatureColumn* causal = workload.paper_feature("causal_question");
  if (entity != nullptr) sets.push_back({"Length + entity density", "plus_entity_density", {length, &entity->values}});
  if (entity != nullptr && causal != nullptr) {
    sets.push_back({"Length + entity density + causal question",
                    "plus_causal_question_score",
                    {length, &entity->values, &causal->values}});
    sets.push_back({"Entity density + causal question", "features_only_no_length", {&entity->values, &causal->values}});
  }
  FeatureValues all;
  for (const FeatureColumn* feature : workload.features) all.push_back(&feature->values);
  if (all.empty()) return sets;
  sets.push_back({"All features", "", all});
  all.push_back(length);
  sets.push_back({"All features + length", "", all});
  return sets;
}

/// The features at the labelled queries (those of `positions`), and spans of them.
struct Selected {
  Selected(const FeatureValues& features, const Labels& labels, const std::vector<std::size_t>& positions) {
    for (const auto* values : features) {
      auto& picked = columns.emplace_back();
      picked.reserve(positions.size());
      for (const std::size_t position : positions) picked.push_back((*values)[labels.rows[position]]);
    }
    for (const auto& column : columns) spans.emplace_back(column);
    for (const std::size_t position : positions) easy.push_back(labels.easy[position]);
  }
  std::vector<std::vector<double>> columns;
  FeatureSpans spans;
  std::vector<std::uint8_t> easy;
};

/// Absent when no feature varies: only the folds' intercepts would tell the queries apart.
std::optional<CrossValidation> validate(const Selected& selected, std::optional<std::uint32_t> seed) {
  const auto varies = [](const std::vector<double>& v) {
    return std::any_of(v.begin(), v.end(), [&](double x) { return x != v[0]; });
  };
  if (std::none_of(selected.columns.begin(), selected.columns.end(), varies)) return std::nullopt;
  const auto folds = stratified_folds(selected.easy, kFolds, seed);
  return folds ? cross_validate(selected.spans, selected.easy, *folds) : std::nullopt;
}

std::vector<std::size_t> all_positions(const Labels& labels) {
  std::vector<std::size_t> positions(labels.rows.size());
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  return positions;
}

std::optional<double> percent(const std::optional<CrossValidation>& result) {
  return result ? std::optional(100 * result->accuracy) : std::nullopt;
}

/// Lowest and highest accuracy of a fold, in per cent.
std::optional<Interval> fold_range(const CrossValidation& result) {
  const auto [low, high] = std::minmax_element(result.fold_accuracy.begin(), result.fold_accuracy.end());
  return Interval{100 * *low, 100 * *high};
}

/// Without training: the more frequent label, and the paper's length threshold.
void add_baselines(const WorkloadView& workload, const Labels& labels, const std::string& rule, bool same,
                   Table& table) {
  const auto n = static_cast<double>(labels.rows.size());
  const auto easy = static_cast<double>(std::count(labels.easy.begin(), labels.easy.end(), 1));
  double right = 0;
  for (std::size_t i = 0; i < labels.rows.size(); ++i)
    right += (workload.lengths[labels.rows[i]] <= kLengthThreshold) == (labels.easy[i] != 0) ? 1 : 0;
  const auto add = [&](std::string title, double accuracy, Cell paper) {
    std::vector<Cell> row(table.columns.size());
    row[0] = rule;
    row[1] = std::move(title);
    row[2] = 0.0;
    row[3] = 100 * accuracy;
    row[6] = std::move(paper);
    table.rows.push_back(std::move(row));
  };
  add("The more frequent label", std::max(easy, n - easy) / n, {});
  add(fmt::format("Length only (> {} {} is hard)", kLengthThreshold, counted(workload.data.names.token_kind)),
      right / n, same ? cell(published("VI", {"length_only_gt150"}, "accuracy_pct")) : Cell());
}

}  // namespace

LabelSets label_sets(const WorkloadView& workload, const std::vector<std::optional<double>>& quality) {
  LabelSets sets;
  for (std::size_t i = 0; i < kLabelRules.size(); ++i)
    sets.at(i) = difficulty_labels(workload.data, quality, kLabelRules.at(i));
  return sets;
}

std::vector<double> model_scores(const WorkloadView& workload, const Labels& labels,
                                 const std::vector<std::size_t>& positions) {
  FeatureValues features;
  for (const FeatureColumn* feature : workload.features) features.push_back(&feature->values);
  if (features.empty()) return {};
  auto result = validate(Selected(features, labels, positions), kFoldSeed);
  return result ? std::move(result->decisions) : std::vector<double>{};
}

void append_auc(std::vector<Cell>& row, const std::optional<Auc>& area) {
  row.emplace_back();
  if (area) row.back() = area->value;
  append_interval(row, area ? area->interval : std::nullopt);
}

Table ablation_table(const WorkloadView& workload, const LabelSets& labels) {
  std::string counts;
  for (std::size_t i = 0; i < kLabelRules.size(); ++i) {
    const Labels& one = labels.at(i);
    counts +=
        fmt::format(" Easy above {}: {} of {} queries, {} at the limit and so hard.", to_string(kLabelRules.at(i)),
                    std::count(one.easy.begin(), one.easy.end(), 1), one.rows.size(), one.ties);
  }
  Table table = workload.quality_table(
      "table_6_ablation", "Table VI: accuracy of telling easy from hard by sets of features",
      fmt::format(
          "Logistic regression, L2, C = 1, standardised features, {}-fold stratified cross-validation as "
          "scikit-learn's: "
          "folds in the order of the queries (its default, so that a fold holds much of one dataset), and shuffled "
          "with "
          "seed {}. Mean of the folds' accuracies. AUC: of the shuffled folds' out-of-fold scores, all queries pooled. "
          "Labels: mean normalised quality above the limit.{}",
          kFolds, kFoldSeed, counts),
      {column("labels", "Easy above"), column("feature_set", "Features"), column("features", "Number", 0),
       column("accuracy_pct", "Accuracy %"), column("fold_low_pct", "lowest fold"),
       column("fold_high_pct", "highest fold"), paper_column("accuracy_pct"),
       column("accuracy_shuffled_pct", "Shuffled: accuracy %"), column("auc", "AUC", 3), column("auc_low", "from", 3),
       column("auc_high", "to", 3)});
  const bool comparable = workload.paper && workload.paper_datasets && workload.data.qualities.size() == kPaperModels;
  const auto sets = feature_sets(workload);
  for (std::size_t i = 0; i < kLabelRules.size(); ++i) {
    const Labels& one = labels.at(i);
    const auto positions = all_positions(one);
    if (!stratified_folds(one.easy, kFolds)) continue;
    const std::string rule(to_string(kLabelRules.at(i)));
    const bool same = comparable && kLabelRules.at(i) == LabelRule::dataset_median;
    add_baselines(workload, one, rule, same, table);
    for (const FeatureSet& set : sets) {
      const Selected selected(set.features, one, positions);
      const auto in_order = validate(selected, std::nullopt);
      const auto shuffled = validate(selected, kFoldSeed);
      const auto area = shuffled ? auc(shuffled->decisions, selected.easy) : std::nullopt;
      std::vector<Cell> row{cell(rule), cell(set.title), cell(set.features.size()), cell(percent(in_order))};
      append_interval(row, in_order ? fold_range(*in_order) : std::nullopt);
      row.push_back(same && !set.paper_row.empty() ? cell(published("VI", {set.paper_row}, "accuracy_pct")) : Cell());
      row.push_back(cell(percent(shuffled)));
      append_auc(row, area);
      table.rows.push_back(std::move(row));
    }
  }
  say_of_paper(table, "The paper: dataset median, 49 % easy of 800.");
  return table;
}

}  // namespace phasewatt::analysis
