#include "apps/cli/model_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "phasewatt/base/files.h"
#include "phasewatt/base/text.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/model/tensors.h"
#include "phasewatt/sim/spec_files.h"
#include "phasewatt/workload/tokenizer.h"

namespace phasewatt::cli {
namespace {

namespace fs = std::filesystem;
namespace model = engine::model;
using engine::embedded::TextTokens;

class FolderTokens final : public TextTokens {
 public:
  FolderTokens(workload::Tokenizer tokenizer, model::Config config)
      : tokenizer_(std::move(tokenizer)), encoder_(tokenizer_), config_(std::move(config)) {}

  [[nodiscard]] std::vector<std::int64_t> encode(std::string_view text, bool begin) const override {
    scratch_.clear();
    encoder_.encode(text, scratch_, {.bos = begin});
    return {scratch_.begin(), scratch_.end()};
  }

  [[nodiscard]] Result<std::string> decode(std::span<const std::int64_t> ids) const override {
    const auto end = std::find_first_of(ids.begin(), ids.end(), config_.eos.begin(), config_.eos.end());
    std::vector<std::uint32_t> said;
    for (auto at = ids.begin(); at != end; ++at) said.push_back(static_cast<std::uint32_t>(*at));
    // A vocabulary is often rounded up: a model may say an id that is no token.
    std::erase_if(said, [&](std::uint32_t id) { return id >= tokenizer_.size(); });
    return tokenizer_.decode(said);
  }

  [[nodiscard]] const workload::Tokenizer& tokenizer() const { return tokenizer_; }
  [[nodiscard]] const model::Config& config() const { return config_; }

 private:
  workload::Tokenizer tokenizer_;
  // One thread drives an engine, and its tokens.
  mutable workload::TokenEncoder encoder_;
  mutable std::vector<std::uint32_t> scratch_;
  model::Config config_;
};

Result<std::unique_ptr<FolderTokens>> open_folder(const std::string& folder) {
  PHASEWATT_ASSIGN(auto config, model::read_config(folder));
  PHASEWATT_ASSIGN(auto tokenizer, workload::Tokenizer::open(folder));
  return std::make_unique<FolderTokens>(std::move(tokenizer), std::move(config));
}

Status check_folder(const std::string& folder) {
  std::error_code ec;
  if (!fs::is_directory(folder, ec)) {
    std::vector<std::string> known = sim::shipped_archs();
    for (auto& id : known) id.insert(0, model::kSyntheticPrefix);
    return Error{ErrorCode::not_found, "there is no such folder",
                 "name a model's folder, from where the command runs, or one of " + join(known, ", ")};
  }
  PHASEWATT_ASSIGN(const auto config, model::read_config(folder));
  PHASEWATT_ASSIGN(const auto weights, model::WeightFiles::open(folder));
  return model::check_tensors(config, weights, folder);
}

/// What a folder's results depend on, as far as it is quickly read: of the weights names and sizes alone.
Result<std::string> folder_hash(const fs::path& folder, const FolderTokens& tokens) {
  std::string all = tokens.tokenizer().fingerprint() + "\n";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string name = file.filename().string();
    if (name == "config.json" || name == "generation_config.json") {
      PHASEWATT_ASSIGN(const std::string text, read_file(file));
      all += name + "\n" + sha256_hex(text) + "\n";
    } else if (name.ends_with(".safetensors")) {
      all += fmt::format("{}\n{}\n", name, fs::file_size(file));
    }
  }
  return sha256_hex(all);
}

QueryTokens count(const FolderTokens& tokens, const Query& query) {
  QueryTokens out;
  out.prompt = static_cast<int>(tokens.encode(query.prompt, true).size());
  for (const auto& choice : query.choices)
    out.options.push_back(
        static_cast<int>(tokens.encode(engine::embedded::joined_option(query.prompt, choice), false).size()));
  return out;
}

std::vector<QueryTokens> count(const FolderTokens& tokens, const replay::DatasetInput& input) {
  std::vector<QueryTokens> out;
  out.reserve(input.queries.size());
  for (const auto& query : input.queries) out.push_back(count(tokens, query.query));
  return out;
}

/// How many of the queries need more positions than the model has, with their answers; the engine refuses them.
std::size_t too_long(const replay::DatasetInput& input, const std::vector<QueryTokens>& counted, int most_new,
                     std::int64_t positions) {
  std::size_t out = 0;
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto& options = counted[i].options;
    const bool scored = input.queries[i].query.task == Task::classification && !options.empty();
    const int behind = scored ? *std::max_element(options.begin(), options.end()) : most_new;
    if (counted[i].prompt + behind > positions) ++out;
  }
  return out;
}

/// The first real model's lengths are those of the queries, a further one's its own.
Status add_folder(const std::string& folder, bool first, int most_new, replay::PlanInputs& inputs,
                  std::vector<std::string>& notes) {
  PHASEWATT_TRY(check_folder(folder));
  PHASEWATT_ASSIGN(const auto tokens, open_folder(folder));
  PHASEWATT_ASSIGN(auto hash, folder_hash(folder, *tokens));
  inputs.model_hashes.push_back(std::move(hash));
  const std::int64_t positions = tokens->config().max_positions;
  for (auto& input : inputs.datasets) {
    auto counted = count(*tokens, input);
    if (const std::size_t many = too_long(input, counted, most_new, positions); many > 0)
      notes.push_back(fmt::format(
          "model '{}' has {} positions, and {} of the {} queries of {} need more: points with them will be void",
          folder, positions, many, counted.size(), input.name));
    if (!first) {
      input.model_tokens[folder] = std::move(counted);
      continue;
    }
    for (std::size_t i = 0; i < counted.size(); ++i) {
      input.queries[i].prompt_tokens = counted[i].prompt;
      input.queries[i].option_tokens = std::move(counted[i].options);
    }
  }
  return ok();
}

}  // namespace

Result<std::unique_ptr<TextTokens>> open_text_tokens(const std::string& folder) {
  PHASEWATT_ASSIGN(auto tokens, open_folder(folder));
  return std::unique_ptr<TextTokens>(std::move(tokens));
}

Status prepare_models(const replay::Study& study, replay::PlanInputs& inputs, std::vector<std::string>& notes) {
  for (const auto& name : study.models) {
    const auto arch = model::synthetic_arch(name);
    Status status = ok();
    if (arch) {
      if (auto config = model::synthetic_config(*arch); !config) status = std::move(config).error();
    } else {
      status = add_folder(name, inputs.token_kind == TokenKind::word, study.decoding.max_new_tokens, inputs, notes);
      inputs.token_kind = TokenKind::bpe;
    }
    if (status) continue;
    Error error = std::move(status).error();
    error.what = fmt::format("{}: model '{}': {}", study.where(study.lines.models), name, error.what);
    return error;
  }
  return ok();
}

}  // namespace phasewatt::cli
