#include "phasewatt/engine/embedded/embedded_engine.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "phasewatt/engine/embedded/batch.h"
#include "phasewatt/engine/embedded/runner.h"
#include "phasewatt/engine/model/safetensors.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::embedded {
namespace {

class EmbeddedEngine final : public Engine {
 public:
  EmbeddedEngine(EngineInfo info, EmbeddedOptions options, MakeRunner make_runner)
      : info_(std::move(info)), options_(std::move(options)), make_runner_(std::move(make_runner)) {}

  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  Result<ModelInfo> load(const std::string& model) override;
  Status begin_point(const RunPoint& point) override;
  Result<std::vector<Outcome>> generate(std::span<const Request> batch, const Decoding& decoding,
                                        PhaseListener& listener) override;
  Result<std::vector<Outcome>> score(std::span<const Request> batch, PhaseListener& listener) override;
  Status repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                PhaseListener& listener) override;

 private:
  using Requests = std::vector<TokenRequest>;

  Result<ModelInfo> place(const std::string& id, const model::Config& config, const model::WeightFiles* files);
  Result<Requests> begin_batch(std::span<const Request> batch, bool options, std::int64_t room);

  /// The prompts into the cache, without their last `without` tokens; the best next ids when that is 0.
  Result<std::vector<std::int64_t>> prefill(const Requests& requests, std::size_t without, PhaseListener& listener);
  /// The passes of all options; log-probabilities by request and option.
  Result<std::vector<std::vector<double>>> score_options(const Requests& requests, PhaseListener& listener);
  Status decode(const Requests& requests, const Decoding& decoding, std::vector<std::vector<std::int64_t>>& answers,
                PhaseListener& listener);
  Result<std::vector<std::int64_t>> best_ids(Phase phase, std::span<const Piece> pieces, PhaseListener& listener);
  [[nodiscard]] bool is_end(std::int64_t id) const;
  Result<Outcome> outcome(const std::vector<std::int64_t>& answer, const Decoding& decoding) const;

  EngineInfo info_;
  EmbeddedOptions options_;
  MakeRunner make_runner_;
  std::unique_ptr<Runner> runner_;
  std::unique_ptr<TextTokens> tokens_;  ///< null: arbitrary ids
};

/// Swallows the spans of a pass that only prepares another.
class Silence final : public PhaseListener {
 public:
  void on_span(const PhaseSpan& /*span*/) override {}
};

/// Quality would be made up of them.
Error no_numbers() {
  return {ErrorCode::bad_input, "the model's logits are no numbers (NaN)",
          "its weights hold such values, or its values leave the range of f16: then set dtype to \"bf16\" or \"f32\""};
}

Error not_loaded() { return {ErrorCode::usage, "no model is loaded", "call load() first"}; }

Result<ModelInfo> EmbeddedEngine::place(const std::string& id, const model::Config& config,
                                        const model::WeightFiles* files) {
  runner_.reset();  // not two models in memory
  tokens_.reset();
  PHASEWATT_ASSIGN(runner_, make_runner_(config, files));
  ModelInfo out;
  out.id = id;
  out.parameters = config.parameters();
  out.weight_bytes = out.parameters * runner_->weight_element_bytes();
  out.token_kind = TokenKind::bpe;
  out.gpus = runner_->gpus();
  return out;
}

Result<ModelInfo> EmbeddedEngine::load(const std::string& model) {
  if (const auto arch = model::synthetic_arch(model)) {
    PHASEWATT_ASSIGN(const model::Config config, model::synthetic_config(*arch));
    return place(model, config, nullptr);
  }
  PHASEWATT_ASSIGN(const model::Config config, model::read_config(model));
  PHASEWATT_ASSIGN(const auto files, model::WeightFiles::open(model));
  PHASEWATT_TRY(model::check_tensors(config, files, model));
  std::unique_ptr<TextTokens> tokens;
  if (options_.open_tokens) {
    PHASEWATT_ASSIGN(tokens, options_.open_tokens(model));
  }
  PHASEWATT_ASSIGN(auto info, place(model, config, &files));
  tokens_ = std::move(tokens);
  return info;
}

Status EmbeddedEngine::begin_point(const RunPoint& /*point*/) { return runner_ ? runner_->drop_cache() : not_loaded(); }

Result<EmbeddedEngine::Requests> EmbeddedEngine::begin_batch(std::span<const Request> batch, bool options,
                                                             std::int64_t room) {
  if (!runner_) return not_loaded();
  const BatchTokens encoder(runner_->config(), tokens_.get(), options_.seed);
  PHASEWATT_ASSIGN(auto requests, encoder.encode(batch, options, room));
  std::size_t longest = 0;
  for (const TokenRequest& request : requests) {
    std::size_t option = 0;
    for (const auto& one : request.options) option = std::max(option, one.size());
    longest = std::max(longest, request.prompt.size() + option);
  }
  PHASEWATT_TRY(
      runner_->reserve(static_cast<std::int64_t>(requests.size()), static_cast<std::int64_t>(longest) + room));
  return requests;
}

Result<std::vector<std::int64_t>> EmbeddedEngine::best_ids(Phase phase, std::span<const Piece> pieces,
                                                           PhaseListener& listener) {
  PHASEWATT_ASSIGN(auto ids, runner_->best_ids(phase, pieces, listener));
  if (std::find(ids.begin(), ids.end(), kNoId) != ids.end()) return no_numbers();
  return ids;
}

Result<std::vector<std::int64_t>> EmbeddedEngine::prefill(const Requests& requests, std::size_t without,
                                                          PhaseListener& listener) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::span<const std::int64_t> prompt(requests[i].prompt);
    const auto tokens = prompt.first(prompt.size() - without);
    // A context of one token has nothing to prepare: its only token goes with each option.
    if (!tokens.empty()) pieces.push_back({static_cast<std::int64_t>(i), 0, tokens, without == 0 ? 1 : 0});
  }
  if (!pieces.empty()) return best_ids(Phase::prefill, pieces, listener);
  PhaseSpan nothing;
  nothing.batch = static_cast<int>(requests.size());
  nothing.bytes = nothing.flops = 0;
  nothing.begin = nothing.end = monotonic_now();
  listener.on_span(nothing);
  return std::vector<std::int64_t>{};
}

bool EmbeddedEngine::is_end(std::int64_t id) const {
  const auto& ends = runner_->config().eos;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

/// Greedy steps until every answer has its length. `answers` begins with the token that the prefill gave.
Status EmbeddedEngine::decode(const Requests& requests, const Decoding& decoding,
                              std::vector<std::vector<std::int64_t>>& answers, PhaseListener& listener) {
  for (int step = 1; step < decoding.max_new_tokens; ++step) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (decoding.stop == StopRule::eos && is_end(answers[i].back())) continue;
      const std::span<const std::int64_t> last(&answers[i].back(), 1);
      pieces.push_back(
          {static_cast<std::int64_t>(i), static_cast<std::int64_t>(requests[i].prompt.size()) + step - 1, last, 1});
    }
    if (pieces.empty()) return ok();
    PHASEWATT_ASSIGN(const auto ids, best_ids(Phase::decode, pieces, listener));
    // A piece looks at the end of its answer: append only when the pass is over.
    for (std::size_t p = 0; p < pieces.size(); ++p) answers[static_cast<std::size_t>(pieces[p].slot)].push_back(ids[p]);
  }
  return ok();
}

Result<Outcome> EmbeddedEngine::outcome(const std::vector<std::int64_t>& answer, const Decoding& decoding) const {
  Outcome out;
  out.output_tokens = static_cast<int>(answer.size());
  if (!tokens_) return out;
  std::span<const std::int64_t> said(answer);
  if (decoding.stop == StopRule::eos && !said.empty() && is_end(said.back())) said = said.first(said.size() - 1);
  PHASEWATT_ASSIGN(out.text, tokens_->decode(said));
  return out;
}

Result<std::vector<Outcome>> EmbeddedEngine::generate(std::span<const Request> batch, const Decoding& decoding,
                                                      PhaseListener& listener) {
  if (decoding.max_new_tokens < 1) return Error{ErrorCode::bad_input, "max_new_tokens must be at least 1", {}};
  PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, false, decoding.max_new_tokens));
  std::vector<std::vector<std::int64_t>> answers;
  PHASEWATT_ASSIGN(const auto firsts, prefill(requests, 0, listener));
  answers.reserve(firsts.size());
  for (const std::int64_t first : firsts) answers.push_back({first});
  PHASEWATT_TRY(decode(requests, decoding, answers, listener));
  std::vector<Outcome> out;
  for (const auto& answer : answers) {
    PHASEWATT_ASSIGN(auto one, outcome(answer, decoding));
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<std::vector<double>>> EmbeddedEngine::score_options(const Requests& requests,
                                                                       PhaseListener& listener) {
  std::vector<std::vector<double>> out(requests.size());
  std::size_t most = 0;
  for (const TokenRequest& request : requests) most = std::max(most, request.options.size());
  for (std::size_t k = 0; k < most; ++k) {
    std::vector<std::vector<std::int64_t>> inputs(requests.size());
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (k >= requests[i].options.size()) continue;
      const auto& option = requests[i].options[k];
      inputs[i] = {requests[i].prompt.back()};
      inputs[i].insert(inputs[i].end(), option.begin(), option.end() - 1);
      pieces.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(requests[i].prompt.size()) - 1,
                        inputs[i], static_cast<std::int64_t>(option.size())});
    }
    std::vector<std::int64_t> wanted;
    for (const Piece& piece : pieces) {
      const auto& option = requests[static_cast<std::size_t>(piece.slot)].options[k];
      wanted.insert(wanted.end(), option.begin(), option.end());
    }
    PHASEWATT_ASSIGN(const auto logprobs, runner_->log_probabilities(pieces, wanted, listener));
    if (std::any_of(logprobs.begin(), logprobs.end(), [](double one) { return std::isnan(one); })) return no_numbers();
    auto next = logprobs.begin();
    for (const Piece& piece : pieces) {
      out[static_cast<std::size_t>(piece.slot)].push_back(std::accumulate(next, next + piece.logits, 0.0));
      next += piece.logits;
    }
  }
  return out;
}

Result<std::vector<Outcome>> EmbeddedEngine::score(std::span<const Request> batch, PhaseListener& listener) {
  PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, true, 0));
  PHASEWATT_TRY(prefill(requests, 1, listener));
  PHASEWATT_ASSIGN(auto logprobs, score_options(requests, listener));
  std::vector<Outcome> out(requests.size());
  if (tokens_)
    for (std::size_t i = 0; i < out.size(); ++i) out[i].option_logprobs = std::move(logprobs[i]);
  return out;
}

Status EmbeddedEngine::repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                              PhaseListener& listener) {
  if (context_tokens < 0) return Error{ErrorCode::bad_input, "context_tokens must not be negative", {}};
  const std::int64_t room = phase == Phase::decode ? context_tokens + 1 : 0;
  PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, phase == Phase::score, room));
  Silence silence;
  if (phase != Phase::prefill) PHASEWATT_TRY(prefill(requests, phase == Phase::score ? 1 : 0, silence));
  // A step at a fixed context: what the cache holds behind the prompt does not change the work.
  std::vector<Piece> step;
  for (std::size_t i = 0; i < requests.size(); ++i)
    step.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(requests[i].prompt.size()) + context_tokens,
                    std::span(&requests[i].prompt.back(), 1), 1});
  for (int i = 0; i < times; ++i) {
    switch (phase) {
      case Phase::prefill: PHASEWATT_TRY(prefill(requests, 0, listener)); break;
      case Phase::decode: PHASEWATT_TRY(best_ids(Phase::decode, step, listener)); break;
      case Phase::score: PHASEWATT_TRY(score_options(requests, listener)); break;
    }
  }
  return ok();
}

}  // namespace

std::unique_ptr<Engine> make_embedded_engine(EngineInfo info, EmbeddedOptions options, MakeRunner make_runner) {
  info.can_repeat = true;
  return std::make_unique<EmbeddedEngine>(std::move(info), std::move(options), std::move(make_runner));
}

}  // namespace phasewatt::engine::embedded
