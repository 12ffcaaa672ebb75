#include "phasewatt/analysis/quality_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

using Means = std::vector<std::optional<double>>;

/// The qualities of one model at some rows that pass.
template <class Passes>
std::vector<double> values_where(const ModelQuality& model, const std::vector<std::size_t>& rows, Passes passes) {
  std::vector<double> values;
  for (const std::size_t row : rows) {
    if (row < model.values.size() && model.values[row] && passes(row)) values.push_back(*model.values[row]);
  }
  return values;
}

std::optional<double> dataset_quality(const ModelQuality& model, const DatasetRows& dataset) {
  return mean(values_where(model, dataset.rows, [](std::size_t) { return true; }));
}

/// Absent when one of them is.
std::optional<double> mean_of_all(const Means& values) {
  std::vector<double> present;
  for (const auto& value : values) {
    if (!value) return std::nullopt;
    present.push_back(*value);
  }
  return mean(present);
}

bool paper_models(const WorkloadView& workload) {
  const auto& all = workload.data.qualities;
  return all.size() == kPaperModels && std::all_of(all.begin(), all.end(), [](const ModelQuality& one) {
           return paper_model(one.model).has_value();
         });
}

}  // namespace

Table quality_table(const WorkloadView& workload) {
  const auto& models = workload.data.qualities;
  std::vector<Column> columns{column("dataset", "Dataset")};
  for (const ModelQuality& one : models) {
    columns.push_back(column("quality_" + one.model, paper_model_size(one.model).value_or(one.model), 3));
    columns.push_back(paper_column("quality_" + one.model, 3));
  }
  columns.push_back(column("quality_avg", "Avg", 3));
  columns.push_back(paper_column("quality_avg", 3));
  Table table =
      workload.quality_table("table_7_quality", "Table VII: quality by dataset and model",
                             "Means of the scores given; those of phasewatt are accuracy for scored datasets, ROUGE-L "
                             "for generating ones. Averages are unweighted.",
                             std::move(columns));
  const bool same_models = paper_models(workload);
  const auto add = [&](const std::string& name, const std::optional<std::string>& paper_name, const Means& means) {
    std::vector<Cell> row{cell(name)};
    for (std::size_t i = 0; i < models.size(); ++i) {
      const auto size = paper_model_size(models[i].model);
      row.push_back(cell(means[i]));
      row.push_back(paper_name && size ? cell(published("VII", {*paper_name}, *size)) : Cell());
    }
    row.push_back(cell(mean_of_all(means)));
    row.push_back(paper_name && same_models ? cell(published("VII", {*paper_name}, "avg")) : Cell());
    table.rows.push_back(std::move(row));
  };
  std::vector<Means> by_model(models.size());
  for (const DatasetRows& dataset : workload.datasets) {
    Means means;
    for (std::size_t i = 0; i < models.size(); ++i) {
      means.push_back(dataset_quality(models[i], dataset));
      by_model[i].push_back(means.back());
    }
    add(dataset.id, paper_dataset(dataset.id), means);
  }
  Means averages;
  for (const Means& means : by_model) averages.push_back(mean_of_all(means));
  std::vector<std::string> names;
  for (const DatasetRows& dataset : workload.datasets) names.push_back(dataset.id);
  add(label_apart("Model average", names),
      workload.paper_datasets ? std::optional<std::string>("Model Avg") : std::nullopt, averages);
  say_of_paper(table, "The paper's values rest on 200 queries per dataset.");
  return table;
}

Table thresholds_table(const WorkloadView& workload) {
  const auto& rule = workload.data.easy_below;
  std::vector<std::string> words;
  std::vector<std::pair<const FeatureColumn*, double>> limits;
  for (const Threshold& one : rule) {
    const FeatureColumn* feature = workload.feature(one.feature);
    words.push_back(
        fmt::format("{} < {:.2f}", feature == nullptr ? one.feature : to_lower_ascii(feature->title), one.below));
    if (feature != nullptr) limits.emplace_back(feature, one.below);
  }
  const bool paper_rule = rule.size() == 2 && rule[0].feature == "entity_density" && rule[0].below == 0.20 &&
                          rule[1].feature == "causal_question" && rule[1].below == 0.05;
  Table table = workload.quality_table(
      "table_10_difficulty", "Table X: quality of easy and hard queries by model",
      fmt::format("Easy: {}. Means over queries, datasets pooled.{}", join(words, " and "),
                  paper_rule && !workload.paper_profile
                      ? " These limits are the paper's and fit the features of profile paper; under another profile "
                        "entity density has another scale, so that they divide the queries otherwise."
                      : ""),
      {column("model", "Model"), column("easy_queries", "Easy queries", 0), column("hard_queries", "Hard queries", 0),
       column("easy", "Easy", 3), paper_column("easy", 3), column("hard", "Hard", 3), paper_column("hard", 3),
       column("gap", "Gap", 3), paper_column("gap", 3)});
  if (rule.empty() || limits.size() != rule.size()) return table;
  const auto easy = [&](std::size_t row) {
    return std::all_of(limits.begin(), limits.end(),
                       [&](const auto& limit) { return limit.first->values[row] < limit.second; });
  };
  const bool same = paper_rule && workload.paper_profile && workload.paper_datasets;
  const auto add = [&](const std::string& name, const std::optional<std::string>& paper_name, Cell n_easy, Cell n_hard,
                       std::optional<double> mean_easy, std::optional<double> mean_hard) {
    const auto gap = mean_easy && mean_hard ? std::optional(*mean_easy - *mean_hard) : std::nullopt;
    const auto paper = [&](const char* key) {
      return paper_name && same ? cell(published("X", {*paper_name}, key)) : Cell();
    };
    table.rows.push_back({cell(name), std::move(n_easy), std::move(n_hard), cell(mean_easy), paper("easy"),
                          cell(mean_hard), paper("hard"), cell(gap), paper("gap")});
  };
  std::vector<std::size_t> all_rows;
  for (std::size_t row = 0; row < workload.data.queries.size(); ++row) all_rows.push_back(row);
  std::vector<double> means_easy;
  std::vector<double> means_hard;
  for (const ModelQuality& one : workload.data.qualities) {
    const auto easy_values = values_where(one, all_rows, easy);
    const auto hard_values = values_where(one, all_rows, [&](std::size_t row) { return !easy(row); });
    const auto mean_easy = mean(easy_values);
    const auto mean_hard = mean(hard_values);
    if (mean_easy) means_easy.push_back(*mean_easy);
    if (mean_hard) means_hard.push_back(*mean_hard);
    add(one.model, paper_model(one.model), cell(easy_values.size()), cell(hard_values.size()), mean_easy, mean_hard);
  }
  add(label_apart("Average", model_names(workload.data)),
      paper_models(workload) ? std::optional<std::string>("Average") : std::nullopt, {}, {}, mean(means_easy),
      mean(means_hard));
  say_of_paper(table, "The paper: 406 easy and 394 hard of 800.");
  return table;
}

}  // namespace phasewatt::analysis
