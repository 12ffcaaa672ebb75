#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <unordered_map>
#include <unordered_set>

#include "apps/cli/datasets.h"
#include "apps/cli/version.h"
#include "apps/cli/workload.h"
#include "phasewatt/analysis/study_workload.h"
#include "phasewatt/report/write_report.h"
#include "phasewatt/report/writers.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/workload/features.h"
#include "phasewatt/workload/line_reader.h"
#include "phasewatt/workload/quality_file.h"

namespace phasewatt::cli {
namespace {

bool is_database(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(path, ec)) return false;  // a pipe can be read once
  constexpr std::string_view kMagic = "SQLite format 3";
  std::array<char, kMagic.size()> front{};
  std::ifstream in(path, std::ios::binary);
  return in.read(front.data(), front.size()) && std::string_view(front.data(), front.size()) == kMagic;
}

/// What is described, before its features.
struct Input {
  std::vector<Query> queries;
  std::vector<QualityScore> scores;
  analysis::WorkloadNames names;
};

/// What the models of a study scored.
void take_scores(const StudyData& study, Input& input) {
  for (const QualityRow& row : study.qualities)
    input.scores.push_back({study.plan.queries[row.query].query.id, row.model, row.quality});
  input.names.simulated_qualities |= study.plan.environment.engine_simulated;
}

/// The queries of a study, and its scores unless others are given.
Status add_study(const std::string& path, const DescribeOptions& options, Input& input) {
  if (options.features.sample != "all" || !options.features.data_dir.empty())
    return Error{ErrorCode::usage, fmt::format("'{}' is a study, whose queries are drawn already", path),
                 "leave out --sample and --data-dir"};
  PHASEWATT_ASSIGN(StudyData study, store::read_study(path));
  if (options.quality.empty()) take_scores(study, input);
  for (auto& entry : study.plan.queries) {
    if (entry.query.prompt.empty())
      return Error{ErrorCode::unsupported, fmt::format("the study in '{}' does not keep its prompts", path),
                   fmt::format("name the datasets that it was run on, with the same --sample and --data-dir, and the "
                               "study with --quality {}",
                               path)};
    input.queries.push_back(std::move(entry.query));
  }
  std::move(study.plan.samples.begin(), study.plan.samples.end(), std::back_inserter(input.names.samples));
  return ok();
}

Status add_data(const std::string& data, const DescribeOptions& options, Input& input) {
  if (is_file(data) && is_database(data)) return add_study(data, options, input);
  PHASEWATT_ASSIGN(const DataDir data_dir, parse_data_dir(options.features.data_dir));
  PHASEWATT_ASSIGN(const auto sample, workload::parse_sample(options.features.sample));
  PHASEWATT_ASSIGN(const auto dataset,
                   is_file(data) ? workload::read_queries(data) : load_dataset({data, {}, {}}, data_dir));
  PHASEWATT_ASSIGN(auto queries, workload::draw(sample, dataset, options.features.seed));
  input.names.samples.push_back(workload::describe(sample, dataset, options.features.seed));
  std::move(queries.begin(), queries.end(), std::back_inserter(input.queries));
  return ok();
}

/// One id names one query, so that a score knows where it belongs.
Status check_ids(const std::vector<Query>& queries) {
  std::unordered_set<std::string_view> ids;
  for (const Query& query : queries)
    if (!ids.insert(query.id).second)
      return Error{ErrorCode::bad_input, fmt::format("'{}' names two queries of the data", query.id),
                   "name each dataset once, and give files of one name to describe one after the other"};
  return ok();
}

/// Scores of a study belong to its queries, not to others of the same id.
Status check_same_queries(const StudyPlan& plan, const std::vector<Query>& queries, const std::string& path) {
  std::unordered_map<std::string_view, const StudyQuery*> known;
  for (const StudyQuery& entry : plan.queries) known.emplace(entry.query.id, &entry);
  for (const Query& query : queries) {
    const auto found = known.find(query.id);
    if (found == known.end()) continue;
    const Features& then = found->second->features;
    const Features now = workload::paper_features(query);
    if (then.words != now.words || then.characters != now.characters ||
        then.token_entropy_bits != now.token_entropy_bits)
      return Error{ErrorCode::bad_input,
                   fmt::format("'{}' is another query in '{}' than in the data: their prompts differ", query.id, path),
                   "describe the data that the study was run on, with the same --data-dir"};
  }
  return ok();
}

Status add_qualities_of(const std::string& path, Input& input) {
  if (is_database(path)) {
    PHASEWATT_ASSIGN(const StudyData study, store::read_study(path));
    take_scores(study, input);
    return check_same_queries(study.plan, input.queries, path);
  }
  PHASEWATT_ASSIGN(auto lines, workload::LineReader::open(path));
  PHASEWATT_ASSIGN(input.scores, workload::read_qualities(std::move(lines)));
  return ok();
}

Result<Input> read_input(const DescribeOptions& options) {
  Input input;
  std::vector<std::string> data = options.data;
  if (data.empty()) data.assign(workload::kDatasets.begin(), workload::kDatasets.end());
  for (const auto& one : data) PHASEWATT_TRY(add_data(one, options, input));
  PHASEWATT_TRY(check_ids(input.queries));
  if (!options.quality.empty()) PHASEWATT_TRY(add_qualities_of(options.quality, input));
  return input;
}

/// The features that are compared, in the order of the paper's tables; those it does not have follow.
struct Compared {
  const char* key;
  const char* title;
  double scale;
  const char* mean_title;
};
constexpr std::array kCompared{Compared{"complexity_score", "Complexity score", 1, ""},
                               Compared{"reasoning_complexity", "Reasoning complexity", 1, ""},
                               Compared{"entity_density", "Entity density", 1, ""},
                               Compared{"token_entropy_bits", "Token entropy", 1, "Token entropy (bits)"},
                               Compared{"causal_question", "Causal question", 100, "Causal questions (%)"},
                               Compared{"unique_ratio", "Unique ratio", 1, ""},
                               Compared{"words_per_sentence", "Words per sentence", 1, ""}};

Result<analysis::WorkloadData> to_data(Input input, FeatureSource& source) {
  analysis::WorkloadData data;
  data.names = std::move(input.names);
  data.names.profile = source.profile().name();
  data.names.token_kind = source.profile().token_kind();
  if (data.names.token_kind == TokenKind::bpe) data.names.tokenizer = source.profile().tokenizer();
  PHASEWATT_ASSIGN(const auto rows, source.extract(input.queries));
  PHASEWATT_TRY(source.finish());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Query& query = input.queries[i];
    data.queries.push_back({query.id, query.dataset, query.task, rows[i].prompt_tokens});
  }
  const auto& fields = source.profile().fields();
  for (const Compared& feature : kCompared) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const auto& f) { return f.key == feature.key; });
    if (field == fields.end() || !field->compared) continue;
    auto& column = data.features.emplace_back(
        analysis::FeatureColumn{feature.key, feature.title, feature.key, feature.scale, 2, feature.mean_title});
    column.values.reserve(rows.size());
    for (const auto& row : rows) column.values.push_back(row.values[static_cast<std::size_t>(field - fields.begin())]);
  }
  data.easy_below = {{"entity_density", 0.20}, {"causal_question", 0.05}};
  return data;
}

report::Page make_page(const analysis::WorkloadFindings& findings, const analysis::WorkloadNames& names,
                       const std::string& note) {
  report::Page page;
  page.title = "phasewatt: what the queries are";
  page.program_version = std::string(kVersion);
  page.simulated = names.simulated_qualities;
  page.banner = "the quality scores come from a simulated engine; no text was generated";
  page.sentences = findings.sentences;
  page.provenance = {{"Features", note + "."}};
  for (const auto& sample : names.samples) page.provenance.emplace_back("Sample", sample);
  page.tables = findings.tables;
  page.figures = findings.figures;
  return page;
}

}  // namespace

Status print_description(const DescribeOptions& options, const Console& console) {
  if (options.force && options.output.empty())
    return Error{ErrorCode::usage, "--force replaces a report, and there is no --output", "name the report's folder"};
  PHASEWATT_ASSIGN(auto source, FeatureSource::open(options.features));
  PHASEWATT_ASSIGN(Input input, read_input(options));
  std::vector<QualityScore> scores = std::move(input.scores);
  PHASEWATT_ASSIGN(auto data, to_data(std::move(input), source));
  if (!scores.empty()) {
    const std::size_t strangers = analysis::add_qualities(data, scores);
    if (strangers == scores.size())
      return Error{ErrorCode::bad_input, "no score names one of the queries",
                   fmt::format("scores name queries as '{}', the data as '{}'", scores.front().id,
                               data.queries.empty() ? "" : data.queries.front().id)};
    if (strangers > 0) console.say(fmt::format("note: {} of {} scores name no query here", strangers, scores.size()));
  }
  const auto findings = analysis::describe_workload(data);
  if (const auto note = source.annotator_note(); !note.empty()) console.say("note: " + note);
  const report::Page page = make_page(findings, data.names, source.note());
  if (!options.output.empty()) PHASEWATT_TRY(report::write_report(page, options.output, options.force));
  if (console.json) {
    console.out(report::to_json(page));
    return ok();
  }
  for (const auto& table : findings.tables)
    console.out((options.markdown ? report::to_markdown(table) : report::to_text(table, console.color())) + "\n");
  for (const auto& sentence : findings.sentences) console.out(sentence + "\n");
  console.out(source.note() + ".\n");
  if (!options.output.empty()) console.out("\nreport: " + options.output + "/index.html\n");
  return ok();
}

}  // namespace phasewatt::cli
