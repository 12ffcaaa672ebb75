#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "phasewatt/analysis/context.h"
#include "phasewatt/analysis/findings.h"
#include "phasewatt/analysis/published.h"
#include "phasewatt/analysis/stats.h"

namespace phasewatt::analysis {
namespace {

/// One feature as the paper's Tables III and V name it.
struct Feature {
  const char* key;  ///< row of Table III, column of our export
  const char* title;
  const char* key_in_v;  ///< row of Table V
  double scale;          ///< 100 for a share shown in per cent
  double Features::*value;
};
constexpr std::array kFeatures{
    Feature{"complexity_score", "Complexity score", "complexity_score", 1, &Features::complexity_score},
    Feature{"reasoning_complexity", "Reasoning complexity", "reasoning_complexity", 1, &Features::reasoning_complexity},
    Feature{"entity_density", "Entity density", "entity_density", 1, &Features::entity_density},
    Feature{"token_entropy_bits", "Token entropy (bits)", "token_entropy", 1, &Features::token_entropy_bits},
    Feature{"causal_questions_pct", "Causal questions (%)", "causal_question_score", 100, &Features::causal_question},
};

struct Described {
  std::string id;
  Task task = Task::generation;
  std::vector<const StudyQuery*> queries;
};

struct Workload {
  std::vector<Described> datasets;  ///< in order of first appearance
  bool words = true;
  bool paper = true;  ///< published values may stand beside
  std::string note;
};

/// Length in the workload's kind of token. Under words it is the feature itself, so that it needs no engine.
double length(const Workload& workload, const StudyQuery& entry) {
  return workload.words ? entry.features.words : entry.prompt_tokens;
}

std::vector<double> lengths(const Workload& workload, const Described& dataset) {
  std::vector<double> values;
  for (const StudyQuery* entry : dataset.queries) values.push_back(length(workload, *entry));
  return values;
}

std::vector<double> values_of(const Described& dataset, const Feature& feature) {
  std::vector<double> values;
  for (const StudyQuery* entry : dataset.queries) values.push_back(feature.scale * entry->features.*feature.value);
  return values;
}

Workload arrange(const std::vector<StudyQuery>& queries, const WorkloadNames& names) {
  Workload workload;
  workload.words = names.token_kind == TokenKind::word;
  workload.paper = workload.words && names.profile == "paper";
  for (const StudyQuery& entry : queries) {
    auto& all = workload.datasets;
    auto found = std::find_if(all.begin(), all.end(), [&](const Described& d) { return d.id == entry.query.dataset; });
    if (found == all.end()) found = all.insert(all.end(), {entry.query.dataset, entry.query.task, {}});
    found->queries.push_back(&entry);
  }
  workload.note = fmt::format("Profile {}; token kind {}.", names.profile, to_string(names.token_kind));
  workload.note += sentences(names.samples);
  if (!workload.paper) workload.note += " No published value stands beside: the paper used profile paper with words.";
  return workload;
}

/// The paper's name where its value may stand beside.
std::optional<std::string> paper_name(const Workload& workload, const Described& dataset) {
  return workload.paper ? paper_dataset(dataset.id) : std::nullopt;
}

Table table_of(const Workload& workload, const char* id, const char* title, const std::string& note,
               std::vector<Column> columns) {
  Table table;
  table.id = id;
  table.title = title;
  table.note = note + (note.empty() ? "" : " ") + workload.note;
  table.columns = std::move(columns);
  return table;
}

Table models_table(const Workload& workload, const WorkloadNames& names) {
  Table table = table_of(
      workload, "table_1_models", "Table I: models", "",
      {column("model", "Model"), {"model_published", "paper", 0, true}, {"size_published", "paper: size", 0, true}});
  for (const auto& model : names.models) {
    const auto name = paper_model(model);
    const auto size = paper_model_size(model);
    table.rows.push_back({cell(model), name ? cell(*name) : Cell(), size ? cell(*size) : Cell()});
  }
  return table;
}

Table datasets_table(const Workload& workload, const WorkloadNames& names) {
  Table table = table_of(workload, "table_1_datasets", "Table I: datasets",
                         "LL: given options are scored, no token is generated. The paper's "
                         "token means rest on 100 queries per dataset.",
                         {column("dataset", "Dataset"), column("task", "Task"), column("queries", "Queries", 0),
                          column("avg_input_tokens", "Input tokens", 1), paper_column("avg_input_tokens", 0),
                          column("output", "Output"), paper_column("output", 0)});
  table.simulated = names.simulated && !names.output_tokens.empty();
  for (const Described& dataset : workload.datasets) {
    const auto name = paper_name(workload, dataset);
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
    table.rows.push_back({cell(dataset.id), cell(std::string(to_string(dataset.task))), cell(dataset.queries.size()),
                          cell(mean(lengths(workload, dataset))), cell(tokens), output,
                          paper_output ? cell(*paper_output) : Cell()});
  }
  return table;
}

Table lengths_table(const Workload& workload) {
  Table table = table_of(
      workload, "table_2_lengths", "Table II: input lengths (tokens)",
      "Std: of these rows (divided by n). Range: longest / shortest.",
      {column("dataset", "Dataset"), column("queries", "Queries", 0), column("mean", "Mean"), paper_column("mean"),
       column("std", "Std"), paper_column("std"), column("min", "Min", 0), paper_column("min", 0),
       column("max", "Max", 0), paper_column("max", 0), column("range_x", "Range ×"), paper_column("range_x")});
  for (const Described& dataset : workload.datasets) {
    const auto values = lengths(workload, dataset);
    const auto name = paper_name(workload, dataset);
    const auto paper = [&](const char* key) { return name ? cell(published("II", {*name}, key)) : Cell(); };
    const double shortest = *minimum(values);
    const double longest = *maximum(values);
    table.rows.push_back({cell(dataset.id), cell(values.size()), cell(mean(values)), paper("mean"),
                          cell(population_standard_deviation(values)), paper("std"), shortest, paper("min"), longest,
                          paper("max"), shortest > 0 ? Cell(longest / shortest) : Cell(), paper("range_x")});
  }
  return table;
}

Table features_table(const Workload& workload) {
  std::vector<Column> columns{column("feature", "Feature")};
  for (const Described& dataset : workload.datasets) {
    columns.push_back(column("mean_" + dataset.id, paper_dataset(dataset.id).value_or(dataset.id), 2));
    if (paper_dataset(dataset.id)) columns.push_back(paper_column("mean_" + dataset.id, 2));
  }
  Table table =
      table_of(workload, "table_3_features", "Table III: features by dataset (means)", "", std::move(columns));
  for (const Feature& feature : kFeatures) {
    std::vector<Cell> row{cell(std::string(feature.title))};
    for (const Described& dataset : workload.datasets) {
      row.push_back(cell(mean(values_of(dataset, feature))));
      const auto name = paper_name(workload, dataset);
      if (paper_dataset(dataset.id)) row.push_back(name ? cell(published("III", {feature.key}, *name)) : Cell());
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table causal_table(const Workload& workload) {
  Table table = table_of(workload, "table_4_causal", "Table IV: causal questions by dataset", "",
                         {column("dataset", "Dataset"), column("queries", "Queries", 0),
                          column("causal_questions_pct", "Causal questions %"), paper_column("causal_questions_pct")});
  for (const Described& dataset : workload.datasets) {
    const auto name = paper_name(workload, dataset);
    table.rows.push_back({cell(dataset.id), cell(dataset.queries.size()),
                          cell(mean(values_of(dataset, kFeatures.back()))),
                          name ? cell(published("IV", {*name}, "causal_questions_pct")) : Cell()});
  }
  return table;
}

Table correlations_table(const Workload& workload, const std::vector<StudyQuery>& queries) {
  std::vector<double> all_lengths;
  all_lengths.reserve(queries.size());
  for (const StudyQuery& entry : queries) all_lengths.push_back(length(workload, entry));
  std::size_t paper_datasets = 0;
  for (const Described& dataset : workload.datasets) paper_datasets += paper_name(workload, dataset) ? 1 : 0;
  const bool same = paper_datasets == kPaperDatasets && workload.datasets.size() == kPaperDatasets;
  Table table = table_of(
      workload, "table_5_length", "Table V: correlation of each feature with input length",
      fmt::format(
          "Pearson's r over all {} queries pooled; 95 % interval by Fisher's z. Empty where a feature does not vary.{}",
          queries.size(), same ? "" : " No published value stands beside: the datasets are not the paper's four."),
      {column("feature", "Feature"), column("r", "r", 2), column("r_low", "from", 2), column("r_high", "to", 2),
       paper_column("r", 2)});
  for (const Feature& feature : kFeatures) {
    std::vector<double> values;
    values.reserve(queries.size());
    for (const StudyQuery& entry : queries) values.push_back(entry.features.*feature.value);
    const auto r = pearson(values, all_lengths);
    const auto interval = r ? correlation_interval(*r, values.size()) : std::nullopt;
    table.rows.push_back({cell(std::string(feature.title)), cell(r), interval ? Cell(interval->low) : Cell(),
                          interval ? Cell(interval->high) : Cell(),
                          same ? cell(published("V", {feature.key_in_v}, "corr_with_length")) : Cell()});
  }
  return table;
}

}  // namespace

std::vector<Table> describe_workload(const std::vector<StudyQuery>& queries, const WorkloadNames& names) {
  std::vector<Table> tables;
  if (queries.empty()) return tables;
  const Workload workload = arrange(queries, names);
  if (!names.models.empty()) tables.push_back(models_table(workload, names));
  tables.push_back(datasets_table(workload, names));
  tables.push_back(lengths_table(workload));
  tables.push_back(features_table(workload));
  tables.push_back(causal_table(workload));
  tables.push_back(correlations_table(workload, queries));
  return tables;
}

}  // namespace phasewatt::analysis
