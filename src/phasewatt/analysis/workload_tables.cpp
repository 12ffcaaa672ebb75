#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/analysis/stats.h"
#include "phasewatt/analysis/workload_view.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

constexpr double kRedundant = 0.8;
constexpr double kShown = 0.5;  // weaker pairs are of no interest and would be most of the rows

/// Why nothing of the paper stands beside the paper's datasets; said where a reader may look for it.
void say_why_nothing_published(const WorkloadView& view, Table& table) {
  const bool expected =
      std::any_of(table.columns.begin(), table.columns.end(), [](const Column& c) { return c.published; }) &&
      std::any_of(view.datasets.begin(), view.datasets.end(), [](const auto& d) { return paper_dataset(d.id); });
  if (!expected || holds_published(table)) return;
  if (!view.paper)
    table.note += " No published value stands beside: the paper used profile paper with words.";
  else if (!view.paper_datasets)
    table.note += " No published value stands beside: the datasets are not the paper's four.";
}

std::optional<double> mean_of(const FeatureColumn& feature, const DatasetRows& dataset) {
  const auto value = mean(pick(feature.values, dataset.rows));
  return value ? std::optional(feature.scale * *value) : std::nullopt;
}

const std::string& mean_title(const FeatureColumn& feature) {
  return feature.mean_title.empty() ? feature.title : feature.mean_title;
}

Table models_table(const WorkloadView& workload) {
  Table table = workload.table(
      "table_1_models", "Table I: models", "",
      {column("model", "Model"), {"model_published", "paper", 0, true}, {"size_published", "paper: size", 0, true}});
  for (const auto& model : workload.data.names.models) {
    const auto name = paper_model(model);
    const auto size = paper_model_size(model);
    table.rows.push_back({cell(model), name ? cell(*name) : Cell(), size ? cell(*size) : Cell()});
  }
  return table;
}

Table datasets_table(const WorkloadView& workload) {
  const WorkloadNames& names = workload.data.names;
  const bool any_scored = std::any_of(workload.datasets.begin(), workload.datasets.end(),
                                      [](const auto& d) { return d.task == Task::classification; });
  Table table = workload.table(
      "table_1_datasets", "Table I: datasets", any_scored ? "LL: given options are scored, no token is generated." : "",
      {column("dataset", "Dataset"), column("task", "Task"), column("queries", "Queries", 0),
       column("avg_input_tokens", fmt::format("Input {}", counted(names.token_kind)), 1),
       paper_column("avg_input_tokens", 0), column("output", "Output"), paper_column("output", 0)});
  table.simulated = names.simulated && !names.output_tokens.empty();
  for (const DatasetRows& dataset : workload.datasets) {
    const auto name = workload.paper_name(dataset);
    const bool scored = dataset.task == Task::classification;
    const auto generated = names.output_tokens.find(dataset.id);
    Cell output;
    if (scored) output = std::string("LL");
    if (!scored && generated != names.output_tokens.end()) output = fmt::format("{:.0f}", generated->second);
    std::optional<double> tokens;
    std::optional<std::string> paper_output;
    for (std::size_t i = 0; name && i < kPaperDatasets; ++i) {
      const std::string row = fmt::format("I/datasets/{}/", i);
      if (published_text(row + "dataset") != *name) continue;
      tokens = published_number(row + "avg_input_tokens");
      paper_output = published_text(row + "output");
    }
    table.rows.push_back({cell(dataset.id), cell(std::string(to_string(dataset.task))), cell(dataset.rows.size()),
                          cell(mean(pick(workload.lengths, dataset.rows))), cell(tokens), output,
                          paper_output ? cell(*paper_output) : Cell()});
  }
  say_of_paper(table, "The paper's token means rest on 100 queries per dataset.");
  return table;
}

Table lengths_table(const WorkloadView& workload) {
  Table table = workload.table(
      "table_2_lengths", fmt::format("Table II: input lengths ({})", counted(workload.data.names.token_kind)),
      "Std: of these rows (divided by n). Range: longest / shortest.",
      {column("dataset", "Dataset"), column("queries", "Queries", 0), column("mean", "Mean"), paper_column("mean"),
       column("std", "Std"), paper_column("std"), column("min", "Min", 0), paper_column("min", 0),
       column("max", "Max", 0), paper_column("max", 0), column("range_x", "Range ×"), paper_column("range_x")});
  for (const DatasetRows& dataset : workload.datasets) {
    const auto values = pick(workload.lengths, dataset.rows);
    const auto name = workload.paper_name(dataset);
    const auto paper = [&](const char* key) { return name ? cell(published("II", {*name}, key)) : Cell(); };
    const double shortest = *minimum(values);
    const double longest = *maximum(values);
    table.rows.push_back({cell(dataset.id), cell(values.size()), cell(mean(values)), paper("mean"),
                          cell(population_standard_deviation(values)), paper("std"), shortest, paper("min"), longest,
                          paper("max"), shortest > 0 ? Cell(longest / shortest) : Cell(), paper("range_x")});
  }
  return table;
}

Table features_table(const WorkloadView& workload) {
  std::vector<Column> columns{column("feature", "Feature")};
  for (const DatasetRows& dataset : workload.datasets) {
    columns.push_back(column("mean_" + dataset.id, paper_dataset(dataset.id).value_or(dataset.id), 2));
    if (paper_dataset(dataset.id)) columns.push_back(paper_column("mean_" + dataset.id, 2));
  }
  Table table = workload.table("table_3_features", "Table III: features by dataset (means)", "", std::move(columns));
  for (const FeatureColumn* feature : workload.features) {
    std::vector<Cell> row{cell(mean_title(*feature))};
    const std::string key = paper_row_of(*feature, "III");
    for (const DatasetRows& dataset : workload.datasets) {
      row.push_back(cell(mean_of(*feature, dataset)));
      const auto name = workload.paper_name(dataset);
      if (paper_dataset(dataset.id)) row.push_back(name ? cell(published("III", {key}, *name)) : Cell());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table causal_table(const WorkloadView& workload) {
  const FeatureColumn* causal = workload.paper_feature("causal_question");
  Table table =
      workload.table("table_4_causal", "Table IV: causal questions by dataset", "",
                     {column("dataset", "Dataset"), column("queries", "Queries", 0),
                      column("causal_questions_pct", "Causal questions %"), paper_column("causal_questions_pct")});
  if (causal == nullptr) return table;
  for (const DatasetRows& dataset : workload.datasets) {
    const auto name = workload.paper_name(dataset);
    const auto share = mean(pick(causal->values, dataset.rows));
    table.rows.push_back({cell(dataset.id), cell(dataset.rows.size()), share ? Cell(100 * *share) : Cell(),
                          name ? cell(published("IV", {*name}, "causal_questions_pct")) : Cell()});
  }
  return table;
}

Table feature_correlations_table(const WorkloadView& workload) {
  const bool same = workload.paper && workload.paper_datasets;
  Table table = workload.table(
      "table_5_length", "Table V: correlation of each feature with input length",
      fmt::format(
          "Pearson's r over all {} queries pooled; 95 % interval by Fisher's z. Empty where a feature does not vary.",
          workload.data.queries.size()),
      {column("feature", "Feature"), column("r", "r", 2), column("r_low", "from", 2), column("r_high", "to", 2),
       paper_column("r", 2)});
  for (const FeatureColumn* feature : workload.features) {
    std::vector<Cell> row{cell(feature->title)};
    append_correlation(row, pearson(feature->values, workload.lengths), workload.lengths.size());
    row.push_back(same ? cell(published("V", {paper_row_of(*feature, "V")}, "corr_with_length")) : Cell());
    table.rows.push_back(std::move(row));
  }
  return table;
}

struct Pair {
  const FeatureColumn* a = nullptr;
  const FeatureColumn* b = nullptr;
  double r = 0;
};

/// By |r|, the strongest first; features that do not vary are in no pair.
std::vector<Pair> pairs_of(const WorkloadView& workload) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < workload.features.size(); ++i) {
    for (std::size_t j = i + 1; j < workload.features.size(); ++j) {
      if (const auto r = pearson(workload.features[i]->values, workload.features[j]->values))
        pairs.push_back({workload.features[i], workload.features[j], *r});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return std::abs(a.r) > std::abs(b.r); });
  return pairs;
}

Table redundancy_table(const WorkloadView& workload, const std::vector<Pair>& pairs) {
  const auto shown = static_cast<std::size_t>(
      std::count_if(pairs.begin(), pairs.end(), [](const Pair& pair) { return std::abs(pair.r) >= kShown; }));
  Table table = workload.table(
      "feature_redundancy", "Which features say the same",
      fmt::format(
          "Pearson's r of two features over all {} queries pooled, 95 % interval by Fisher's z; the {} of {} pairs "
          "with |r| of {} or more, the strongest first. Redundant: |r| above {}.",
          workload.data.queries.size(), shown, pairs.size(), kShown, kRedundant),
      {column("feature_a", "Feature"), column("feature_b", "and"), column("r", "r", 2), column("r_low", "from", 2),
       column("r_high", "to", 2), column("redundant", "Redundant")});
  for (std::size_t i = 0; i < shown; ++i) {
    std::vector<Cell> row{cell(pairs[i].a->title), cell(pairs[i].b->title)};
    append_correlation(row, pairs[i].r, workload.data.queries.size());
    row.push_back(cell(std::string(std::abs(pairs[i].r) > kRedundant ? "yes" : "no")));
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string redundancy_sentence(const std::vector<Pair>& pairs) {
  if (!pairs.empty() && std::abs(pairs.front().r) < kShown)
    return fmt::format("No two of the features correlate with |r| of {} or more ({} pair{}).", kShown, pairs.size(),
                       pairs.size() == 1 ? "" : "s");
  std::vector<std::string> named;
  for (const Pair& pair : pairs) {
    if (std::abs(pair.r) > kRedundant)
      named.push_back(fmt::format("{} and {} (r = {:.2f})", pair.a->title, pair.b->title, pair.r));
  }
  if (named.empty()) return "";
  return "Features that say almost the same (|r| above 0.8): " + join(named, "; ") + ".";
}

}  // namespace

WorkloadFindings describe_queries(const WorkloadData& data) {
  WorkloadFindings findings;
  if (data.queries.empty()) return findings;
  if (!lengths_finite(data)) {
    findings.sentences.emplace_back("Nothing is described, because a query has a length that is not finite.");
    return findings;
  }
  const WorkloadView workload(data);
  const std::vector<Pair> pairs = pairs_of(workload);
  auto& tables = findings.tables;
  if (!data.names.models.empty()) tables.push_back(models_table(workload));
  for (Table table :
       {datasets_table(workload), lengths_table(workload), features_table(workload), causal_table(workload),
        feature_correlations_table(workload), redundancy_table(workload, pairs)}) {
    if (table.rows.empty()) continue;
    say_why_nothing_published(workload, table);
    tables.push_back(std::move(table));
  }
  if (!workload.broken_features.empty())
    findings.sentences.push_back(
        "Left out, because not every query has a finite value: " + join(workload.broken_features, ", ") + ".");
  if (auto sentence = redundancy_sentence(pairs); !sentence.empty()) findings.sentences.push_back(std::move(sentence));
  return findings;
}

}  // namespace phasewatt::analysis
