#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "apps/cli/commands.h"
#include "apps/cli/datasets.h"
#include "phasewatt/analysis/study_workload.h"
#include "phasewatt/base/text.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::cli {
namespace {

struct Options {
  std::string data;
  std::string profile = "paper";
  std::string data_dir;
  std::string sample = "all";
  std::string format = "table";
  std::uint64_t seed = 1;
  bool markdown = false;
};

Status check_profile(const Options& options) {
  if (options.profile == "paper") return ok();
  if (options.profile == "linguistic")
    return Error{ErrorCode::unsupported, "the profile 'linguistic' is not part of this release", "use --profile paper"};
  return Error{ErrorCode::usage, "unknown profile '" + options.profile + "'", "valid: paper"};
}

/// DATA is a dataset's name or a user's file.
Result<workload::Dataset> open_data(const Options& options) {
  PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.data_dir));
  std::error_code ec;
  const bool is_file =
      options.data.find_first_of("./") != std::string::npos || std::filesystem::exists(options.data, ec);
  if (is_file) return workload::read_queries(options.data);
  return load_dataset({options.data, {}, {}}, data_dir);
}

analysis::Table features_table(const replay::DatasetInput& input, const Options& options) {
  using analysis::Column;
  analysis::Table table;
  table.id = "features";
  table.title = "Features of " + input.name;
  table.note =
      fmt::format("profile {}; token kind {}; sample: {}", options.profile, to_string(TokenKind::word), input.sample);
  table.columns = {Column{"id", "query", 0},
                   Column{"task", "task", 0},
                   Column{"words", "words", 0},
                   Column{"prompt_tokens", "tokens", 0},
                   Column{"characters", "characters", 0},
                   Column{"token_entropy_bits", "entropy bits", 3},
                   Column{"unique_ratio", "unique", 3},
                   Column{"entity_density", "entity density", 3},
                   Column{"causal_question", "causal", 0},
                   Column{"reasoning_complexity", "reasoning", 3},
                   Column{"words_per_sentence", "words/sentence", 1},
                   Column{"complexity_score", "complexity", 3},
                   Column{"profile", "profile", 0},
                   Column{"token_kind", "token kind", 0}};
  for (const StudyQuery& q : input.queries) {
    const Features& f = q.features;
    table.rows.push_back({q.query.id, std::string(to_string(q.query.task)), f.words,
                          static_cast<double>(q.prompt_tokens), f.characters, f.token_entropy_bits, f.unique_ratio,
                          f.entity_density, f.causal_question, f.reasoning_complexity, f.words_per_sentence,
                          f.complexity_score, options.profile, std::string(to_string(TokenKind::word))});
  }
  return table;
}

Status print_features(const Options& options, const Console& console) {
  PHASEWATT_TRY(check_profile(options));
  PHASEWATT_ASSIGN(const auto sample, workload::parse_sample(options.sample));
  PHASEWATT_ASSIGN(const auto dataset, open_data(options));
  PHASEWATT_ASSIGN(const auto input, prepare(dataset, sample, options.seed));
  analysis::Table table = features_table(input, options);
  const std::string format = console.json ? "jsonl" : options.format;
  if (format == "csv") {
    console.out(report::to_csv(table));
  } else if (format == "jsonl") {
    console.out(report::to_json_lines(table));
  } else {
    // The last two columns repeat the note; files need them in each row, people do not.
    table.columns.resize(table.columns.size() - 2);
    for (auto& row : table.rows) row.resize(table.columns.size());
    console.out(report::to_text(table, console.color()));
  }
  return ok();
}

Status print_description(const Options& options, const Console& console) {
  PHASEWATT_TRY(check_profile(options));
  PHASEWATT_ASSIGN(const auto sample, workload::parse_sample(options.sample));
  PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.data_dir));
  std::vector<StudyQuery> queries;
  analysis::WorkloadNames names;
  names.profile = options.profile;
  for (const auto name : workload::kDatasets) {
    PHASEWATT_ASSIGN(const auto dataset, load_dataset({std::string(name), {}, {}}, data_dir));
    PHASEWATT_ASSIGN(auto input, prepare(dataset, sample, options.seed));
    names.samples.push_back(input.sample);
    std::move(input.queries.begin(), input.queries.end(), std::back_inserter(queries));
  }
  const auto tables = analysis::describe_workload(analysis::workload_of(queries, names)).tables;
  if (console.json) {
    console.out(report::to_json(tables));
    return ok();
  }
  for (const auto& table : tables)
    console.out((options.markdown ? report::to_markdown(table) : report::to_text(table, console.color())) + "\n");
  return ok();
}

void add_common(CLI::App& sub, Options& options) {
  sub.add_option("--profile", options.profile);
  sub.add_option("--data-dir", options.data_dir);
  sub.add_option("--sample", options.sample);
  sub.add_option("--seed", options.seed);
}

}  // namespace

void add_workload(CLI::App& app, Action& action) {
  auto* workload = app.add_subcommand("workload", "what the queries are");
  workload->require_subcommand(1);
  auto options = std::make_shared<Options>();

  auto* features = workload->add_subcommand("features", "features of each query");
  features->add_option("DATA", options->data)->required();
  features->add_option("--format", options->format)->check(CLI::IsMember({"table", "csv", "jsonl"}));
  add_common(*features, *options);
  features->callback(
      [&action, options] { action = [options](const Console& c) { return print_features(*options, c); }; });

  auto* describe = workload->add_subcommand("describe", "statistics of the datasets");
  describe->add_flag("--markdown", options->markdown);
  add_common(*describe, *options);
  describe->callback(
      [&action, options] { action = [options](const Console& c) { return print_description(*options, c); }; });
}

}  // namespace phasewatt::cli
