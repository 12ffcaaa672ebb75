#include "apps/cli/feature_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/cli/console.h"
#include "phasewatt/base/text.h"
#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/tokenizer.h"

namespace phasewatt::cli {
namespace {

Status check_paper_flags(const FeatureOptions& options) {
  const char* flag = !options.tokenizer.empty()   ? "--tokenizer"
                     : !options.annotator.empty() ? "--annotator"
                     : !options.weights.empty()   ? "--weights"
                                                  : nullptr;
  if (flag == nullptr) return ok();
  return Error{ErrorCode::usage, fmt::format("{} does not go with --profile paper, whose definitions are fixed", flag),
               "leave it out, or use --profile linguistic"};
}

}  // namespace

void add_feature_options(CLI::App& sub, FeatureOptions& options) {
  sub.add_option("--profile", options.profile);
  sub.add_option("--tokenizer", options.tokenizer);
  sub.add_option("--annotator", options.annotator);
  sub.add_option("--weights", options.weights);
  sub.add_option("--data-dir", options.data_dir);
  sub.add_option("--sample", options.sample);
  sub.add_option("--seed", options.seed);
}

Result<FeatureSource> FeatureSource::open(const FeatureOptions& options) {
  FeatureSource source;
  if (options.profile == "paper") {
    PHASEWATT_TRY(check_paper_flags(options));
    source.profile_ = workload::paper_profile();
    return source;
  }
  if (options.profile != "linguistic")
    return Error{ErrorCode::usage, "unknown profile '" + options.profile + "'", "valid: linguistic, paper"};
  workload::LinguisticAnalyser::Options how;
  if (!options.tokenizer.empty()) {
    PHASEWATT_ASSIGN(how.tokenizer, workload::Tokenizer::open(options.tokenizer));
  }
  if (!options.weights.empty()) {
    PHASEWATT_ASSIGN(how.weights, workload::parse_complexity_weights(options.weights));
  }
  source.profile_ = workload::linguistic_profile(how);
  source.weights_ = fmt::format("complexity weights {:.6g}, {:.6g}, {:.6g}, {:.6g}", how.weights.entropy,
                                how.weights.unique, how.weights.entity, how.weights.sentence);
  if (!options.annotator.empty()) {
    workload::AnnotatorOptions annotator;
    annotator.command = options.annotator;
    annotator.stop = &stop_flag();
    source.annotator_ = std::make_unique<workload::Annotator>(annotator);
    source.annotator_command_ = options.annotator;
  }
  return source;
}

Result<std::vector<FeatureSource::Row>> FeatureSource::extract(std::vector<Query>& queries) {
  if (annotator_) PHASEWATT_TRY(annotate(queries));
  std::vector<Row> rows(queries.size());
  for (std::size_t i = 0; i < queries.size(); ++i) {
    rows[i].values.resize(width());
    profile_->extract(queries[i], rows[i].values);
    rows[i].prompt_tokens = profile_->prompt_tokens();
  }
  return rows;
}

Status FeatureSource::annotate(std::vector<Query>& queries) {
  using Entities = std::optional<std::vector<EntitySpan>>;
  std::vector<std::string> ids;  // kept alive for the texts
  std::vector<Entities*> wanted;
  std::vector<std::string_view> texts;
  for (Query& query : queries) {
    const auto ask = [&](Entities& entities, const std::string& text, const char* part) {
      if (entities || text.empty()) return;
      ids.push_back(query.id + part);
      texts.push_back(text);
      wanted.push_back(&entities);
    };
    ask(query.question_entities, query.question, "#question");
    ask(query.context_entities, query.context, "#context");
  }
  std::vector<workload::AnnotatorText> requests;
  requests.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) requests.push_back({ids[i], texts[i]});
  PHASEWATT_ASSIGN(auto annotations, annotator_->annotate(requests));
  for (std::size_t i = 0; i < wanted.size(); ++i) *wanted[i] = std::move(annotations.entities[i]);
  for (const auto& [label, count] : annotations.other) other_labels_[label] += count;
  restarts_ = annotations.restarts;
  return ok();
}

std::string FeatureSource::entities() const {
  if (profile_->name() != "linguistic") return "none";
  return annotator_ ? fmt::format("'{}'", annotator_command_) : "the tagger that ships";
}

std::string FeatureSource::annotator_note() const {
  if (!annotator_) return {};
  std::vector<std::string> parts;
  for (const auto& [label, count] : other_labels_) parts.push_back(fmt::format("{} {}", count, label));
  std::string note;
  if (!parts.empty()) note = "entities of other kinds, not counted: " + join(parts, ", ");
  if (restarts_ > 0)
    note += fmt::format("{}the annotator was started again {} time{}", note.empty() ? "" : "; ", restarts_,
                        restarts_ == 1 ? "" : "s");
  return note;
}

std::string FeatureSource::note() const {
  std::string note = fmt::format("Profile {}; token kind {}", profile_->name(), to_string(profile_->token_kind()));
  if (profile_->token_kind() == TokenKind::bpe) note += " of " + profile_->tokenizer();
  if (profile_->name() == "linguistic") note += "; entities by " + entities() + "; " + weights_;
  return note;
}

bool is_file(const std::string& data) {
  if (data == "-" || data.find('/') != std::string::npos) return true;
  std::error_code ec;
  if (std::find(workload::kDatasets.begin(), workload::kDatasets.end(), data) != workload::kDatasets.end())
    return std::filesystem::is_regular_file(data, ec);
  return data.find('.') != std::string::npos || std::filesystem::exists(data, ec);
}

}  // namespace phasewatt::cli
