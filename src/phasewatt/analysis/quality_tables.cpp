#include "phasewatt/analysis/quality_tables.h"

#include <fmt/format.h>

#include <array>

#include "phasewatt/analysis/quality.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

constexpr double kEasyEntityDensity = 0.20;
constexpr double kEasyCausal = 0.05;

std::vector<std::string> scored_models(const Context& context) {
  std::vector<std::string> models;
  for (const auto& model : context.grid.models()) {
    if (mean_quality(context.grid.data(), model, QualityFilter{})) models.push_back(model);
  }
  return models;
}

struct Quality {
  std::optional<double> ours;
  std::optional<double> paper;
};

void append(std::vector<Cell>& row, const Quality& quality) {
  row.push_back(cell(quality.ours));
  row.push_back(cell(quality.paper));
}

std::optional<double> mean_of(const std::vector<Quality>& all) {
  std::vector<double> values;
  for (const Quality& one : all) {
    if (!one.ours) return std::nullopt;
    values.push_back(*one.ours);
  }
  return mean(values);
}

bool easy(const Features& features) {
  return features.entity_density < kEasyEntityDensity && features.causal_question < kEasyCausal;
}

}  // namespace

Table quality_marked(const Context& context, std::string id, std::string title, std::string note,
                     std::vector<Column> columns) {
  Table table;
  table.id = std::move(id);
  table.title = std::move(title);
  table.note = std::move(note);
  table.simulated = context.grid.data().plan.environment.engine_simulated;
  if (table.simulated) {
    table.title += " (simulated, calibrated to the published table)";
    table.note +=
        " No text was generated: quality comes from an item-response model calibrated to the published table.";
  }
  table.note += sentences(context.grid.data().plan.samples);
  table.columns = std::move(columns);
  return table;
}

Table quality_table(const Context& context) {
  const Grid& grid = context.grid;
  const auto models = scored_models(context);
  std::vector<Column> columns{column("dataset", "Dataset")};
  bool paper_models = models.size() == kPaperModels;
  for (const auto& model : models) {
    columns.push_back(column("quality_" + model, paper_model_size(model).value_or(model), 3));
    columns.push_back(paper_column("quality_" + model, 3));
    paper_models = paper_models && paper_model(model).has_value();
  }
  columns.push_back(column("quality_avg", "Avg", 3));
  columns.push_back(paper_column("quality_avg", 3));
  Table table =
      quality_marked(context, "table_7_quality", "Table VII: quality by dataset and model",
                     "Accuracy for scored datasets, ROUGE-L for generating ones. Averages are unweighted. The "
                     "paper's values rest on 200 queries per dataset.",
                     std::move(columns));
  if (models.empty()) return table;
  const auto add = [&](const std::string& name, const std::optional<std::string>& paper_name, const auto& quality_of) {
    std::vector<Cell> row{cell(name)};
    std::vector<Quality> all;
    for (const auto& model : models) {
      const auto size = paper_model_size(model);
      Quality one{quality_of(model), paper_name && size ? published("VII", {*paper_name}, *size) : std::nullopt};
      append(row, one);
      all.push_back(one);
    }
    append(row, {mean_of(all), paper_name && paper_models ? published("VII", {*paper_name}, "avg") : std::nullopt});
    table.rows.push_back(std::move(row));
  };
  for (const auto& dataset : grid.datasets()) {
    add(dataset, paper_dataset(dataset), [&](const std::string& model) {
      return mean_quality(grid.data(), model, {dataset, std::nullopt});
    });
  }
  add("Model average", context.paper_datasets ? std::optional<std::string>("Model Avg") : std::nullopt,
      [&](const std::string& model) { return mean_quality(grid.data(), model, grid.datasets()); });
  return table;
}

Table difficulty_table(const Context& context) {
  const StudyData& data = context.grid.data();
  Table table = quality_marked(
      context, "table_10_difficulty", "Table X: quality of easy and hard queries by model",
      fmt::format(
          "Easy: entity density < {:.2f} and causal question < {:.2f}. Means over queries, datasets pooled. The paper: "
          "406 easy and 394 hard of 800.",
          kEasyEntityDensity, kEasyCausal),
      {column("model", "Model"), column("easy_queries", "Easy queries", 0), column("hard_queries", "Hard queries", 0),
       column("easy", "Easy", 3), paper_column("easy", 3), column("hard", "Hard", 3), paper_column("hard", 3),
       column("gap", "Gap", 3), paper_column("gap", 3)});
  std::vector<double> all_easy;
  std::vector<double> all_hard;
  const auto add = [&](const std::string& name, const std::optional<std::string>& paper_name,
                       std::optional<double> count_easy, std::optional<double> count_hard,
                       std::optional<double> mean_easy, std::optional<double> mean_hard) {
    const auto gap = mean_easy && mean_hard ? std::optional(*mean_easy - *mean_hard) : std::nullopt;
    const auto paper = [&](const char* key) {
      return paper_name && context.paper_datasets ? cell(published("X", {*paper_name}, key)) : Cell();
    };
    table.rows.push_back({cell(name), cell(count_easy), cell(count_hard), cell(mean_easy), paper("easy"),
                          cell(mean_hard), paper("hard"), cell(gap), paper("gap")});
  };
  std::size_t paper_models = 0;
  const auto models = scored_models(context);
  for (const auto& model : models) {
    std::vector<double> easy_values;
    std::vector<double> hard_values;
    for (const QualityRow& row : data.qualities) {
      if (row.model != model || row.query >= data.plan.queries.size()) continue;
      (easy(data.plan.queries[row.query].features) ? easy_values : hard_values).push_back(row.quality);
    }
    const auto mean_easy = mean(easy_values);
    const auto mean_hard = mean(hard_values);
    if (mean_easy) all_easy.push_back(*mean_easy);
    if (mean_hard) all_hard.push_back(*mean_hard);
    if (paper_model(model)) ++paper_models;
    add(model, paper_model(model), static_cast<double>(easy_values.size()), static_cast<double>(hard_values.size()),
        mean_easy, mean_hard);
  }
  if (models.empty()) return table;
  const bool same = models.size() == kPaperModels && paper_models == kPaperModels;
  add("Average", same ? std::optional<std::string>("Average") : std::nullopt, std::nullopt, std::nullopt,
      mean(all_easy), mean(all_hard));
  return table;
}

}  // namespace phasewatt::analysis
