#include "phasewatt/engine/libtorch/libtorch_engine.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "phasewatt/engine/libtorch/batch.h"
#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/model/counts.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::libtorch {
namespace {

constexpr model::Storage kStorage{model::Dtype::f32, model::Dtype::f32, model::Dtype::f32};

Nanos now() { return std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch()); }

/// libtorch speaks in exceptions; they end here.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  const auto no_memory = [] {
    return Error{ErrorCode::out_of_memory, "the host's memory does not suffice", "take a smaller model or batch"};
  };
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    if (what.find("allocate memory") != std::string::npos) return no_memory();
    return Error{ErrorCode::internal, "libtorch: " + what.substr(0, what.find('\n')), {}};
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
}

/// What is made of the logits within the span of a pass.
using Reduce = at::Tensor (*)(const at::Tensor& logits);
at::Tensor best_ids(const at::Tensor& logits) { return logits.argmax(-1); }
at::Tensor log_probabilities(const at::Tensor& logits) { return logits.to(at::kDouble).log_softmax(-1); }

/// The pass of a piece in the terms of the counts.
model::SequencePass counted(const Piece& piece) {
  return {static_cast<std::int64_t>(piece.tokens.size()), piece.past, piece.logits, false};
}

class LibtorchEngine final : public Engine {
 public:
  explicit LibtorchEngine(LibtorchOptions options) : options_(std::move(options)) {
    info_.id = "libtorch";
    info_.runtime = "eager";
    info_.can_repeat = true;
    if (options_.threads > 0) at::set_num_threads(options_.threads);
  }

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

  Result<ModelInfo> load_synthetic(const std::string& model, const std::string& arch);
  Result<ModelInfo> load_folder(const std::string& folder);
  [[nodiscard]] ModelInfo describe(const std::string& model) const;
  [[nodiscard]] Status check_memory(const model::Config& config, double cache_bytes) const;
  Result<Requests> begin_batch(std::span<const Request> batch, bool options, std::int64_t room);

  /// One pass with its span, from handing in the tokens to having what `reduce` makes of the logits.
  at::Tensor pass(Phase phase, std::span<const Piece> pieces, Reduce reduce, PhaseListener& listener);
  /// The prompts into the cache, without their last `without` tokens; the best next ids when that is 0.
  at::Tensor prefill(const Requests& requests, std::size_t without, PhaseListener& listener);
  /// The passes of all options; log-probabilities by request and option.
  std::vector<std::vector<double>> score_options(const Requests& requests, PhaseListener& listener);
  void decode(const Requests& requests, const Decoding& decoding, std::vector<std::vector<std::int64_t>>& answers,
              PhaseListener& listener);
  [[nodiscard]] bool is_end(std::int64_t id) const;
  Result<Outcome> outcome(const std::vector<std::int64_t>& answer, const Decoding& decoding) const;

  LibtorchOptions options_;
  EngineInfo info_;
  std::optional<Decoder> decoder_;
  std::unique_ptr<TextTokens> tokens_;  ///< null: arbitrary ids
};

/// Swallows the spans of a pass that only prepares another.
class Silence final : public PhaseListener {
 public:
  void on_span(const PhaseSpan& /*span*/) override {}
};

Status LibtorchEngine::check_memory(const model::Config& config, double cache_bytes) const {
  const double have = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  const double need = 4 * config.parameters() + cache_bytes;
  if (need <= have) return ok();
  return Error{ErrorCode::out_of_memory,
               fmt::format("FP32 weights and cache need {:.1f} GiB, and this machine has {:.1f}", need / 1073741824.0,
                           have / 1073741824.0),
               "take a smaller model or batch"};
}

ModelInfo LibtorchEngine::describe(const std::string& model) const {
  const double parameters = decoder_->config().parameters();
  return {model, parameters, 4 * parameters, TokenKind::bpe};
}

Result<ModelInfo> LibtorchEngine::load_synthetic(const std::string& model, const std::string& arch) {
  PHASEWATT_ASSIGN(const model::Config config, model::synthetic_config(arch));
  PHASEWATT_TRY(check_memory(config, 0));
  decoder_.reset();
  tokens_.reset();
  decoder_.emplace(config, options_.seed);
  return describe(model);
}

Result<ModelInfo> LibtorchEngine::load_folder(const std::string& folder) {
  PHASEWATT_ASSIGN(const model::Config config, model::read_config(folder));
  PHASEWATT_ASSIGN(const auto weights, model::WeightFiles::open(folder));
  PHASEWATT_TRY(model::check_tensors(config, weights, folder));
  PHASEWATT_TRY(check_memory(config, 0));
  std::unique_ptr<TextTokens> tokens;
  if (options_.open_tokens) {
    PHASEWATT_ASSIGN(tokens, options_.open_tokens(folder));
  }
  decoder_.reset();  // not two models in memory
  decoder_.emplace(config, weights);
  tokens_ = std::move(tokens);
  return describe(folder);
}

Result<ModelInfo> LibtorchEngine::load(const std::string& model) {
  return guarded([&]() -> Result<ModelInfo> {
    if (const auto arch = model::synthetic_arch(model)) return load_synthetic(model, *arch);
    return load_folder(model);
  });
}

Status LibtorchEngine::begin_point(const RunPoint& /*point*/) {
  if (!decoder_) return Error{ErrorCode::usage, "no model is loaded", "call load() first"};
  decoder_->drop_cache();
  return ok();
}

Result<LibtorchEngine::Requests> LibtorchEngine::begin_batch(std::span<const Request> batch, bool options,
                                                             std::int64_t room) {
  if (!decoder_) return Error{ErrorCode::usage, "no model is loaded", "call load() first"};
  const BatchTokens encoder(decoder_->config(), tokens_.get(), options_.seed);
  PHASEWATT_ASSIGN(auto requests, encoder.encode(batch, options, room));
  std::size_t longest = 0;
  for (const TokenRequest& request : requests) {
    std::size_t option = 0;
    for (const auto& one : request.options) option = std::max(option, one.size());
    longest = std::max(longest, request.prompt.size() + option);
  }
  const auto slots = static_cast<std::int64_t>(requests.size());
  const std::int64_t tokens = static_cast<std::int64_t>(longest) + room;
  PHASEWATT_TRY(check_memory(
      decoder_->config(), static_cast<double>(slots * tokens) * decoder_->config().kv_bytes_per_token(kStorage.cache)));
  decoder_->reserve(slots, tokens);
  return requests;
}

at::Tensor LibtorchEngine::pass(Phase phase, std::span<const Piece> pieces, Reduce reduce, PhaseListener& listener) {
  PhaseSpan span;
  span.phase = phase;
  span.batch = static_cast<int>(pieces.size());
  std::vector<model::SequencePass> passes;
  for (const Piece& piece : pieces) {
    span.tokens += static_cast<double>(piece.tokens.size());
    passes.push_back(counted(piece));
  }
  const auto counts = model::count_pass(decoder_->config(), passes, kStorage);
  span.bytes = counts.bytes();
  span.flops = counts.flops;
  span.begin = now();
  at::Tensor reduced = reduce(decoder_->forward(pieces));
  span.end = now();  // on the CPU an operator has ended when its call has
  listener.on_span(span);
  return reduced;
}

at::Tensor LibtorchEngine::prefill(const Requests& requests, std::size_t without, PhaseListener& listener) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::span<const std::int64_t> prompt(requests[i].prompt);
    const auto tokens = prompt.first(prompt.size() - without);
    // A context of one token has nothing to prepare: its only token goes with each option.
    if (!tokens.empty()) pieces.push_back({static_cast<std::int64_t>(i), 0, tokens, without == 0 ? 1 : 0});
  }
  if (!pieces.empty()) return pass(Phase::prefill, pieces, best_ids, listener);
  PhaseSpan nothing;
  nothing.batch = static_cast<int>(requests.size());
  nothing.bytes = nothing.flops = 0;
  nothing.begin = nothing.end = now();
  listener.on_span(nothing);
  return {};
}

bool LibtorchEngine::is_end(std::int64_t id) const {
  const auto& ends = decoder_->config().eos;
  return std::find(ends.begin(), ends.end(), id) != ends.end();
}

/// Greedy steps until every answer has its length. `answers` begins with the token that the prefill gave.
void LibtorchEngine::decode(const Requests& requests, const Decoding& decoding,
                            std::vector<std::vector<std::int64_t>>& answers, PhaseListener& listener) {
  for (int step = 1; step < decoding.max_new_tokens; ++step) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (decoding.stop == StopRule::eos && is_end(answers[i].back())) continue;
      const std::span<const std::int64_t> last(&answers[i].back(), 1);
      pieces.push_back(
          {static_cast<std::int64_t>(i), static_cast<std::int64_t>(requests[i].prompt.size()) + step - 1, last, 1});
    }
    if (pieces.empty()) return;
    const at::Tensor next = pass(Phase::decode, pieces, best_ids, listener);
    const auto* ids = next.data_ptr<std::int64_t>();
    // A piece looks at the end of its answer: append only when the pass is over.
    for (std::size_t p = 0; p < pieces.size(); ++p) answers[static_cast<std::size_t>(pieces[p].slot)].push_back(ids[p]);
  }
}

Result<Outcome> LibtorchEngine::outcome(const std::vector<std::int64_t>& answer, const Decoding& decoding) const {
  Outcome out;
  out.output_tokens = static_cast<int>(answer.size());
  if (!tokens_) return out;
  std::span<const std::int64_t> said(answer);
  if (decoding.stop == StopRule::eos && !said.empty() && is_end(said.back())) said = said.first(said.size() - 1);
  PHASEWATT_ASSIGN(out.text, tokens_->decode(said));
  return out;
}

Result<std::vector<Outcome>> LibtorchEngine::generate(std::span<const Request> batch, const Decoding& decoding,
                                                      PhaseListener& listener) {
  return guarded([&]() -> Result<std::vector<Outcome>> {
    if (decoding.max_new_tokens < 1) return Error{ErrorCode::bad_input, "max_new_tokens must be at least 1", {}};
    PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, false, decoding.max_new_tokens));
    const at::Tensor first = prefill(requests, 0, listener);
    std::vector<std::vector<std::int64_t>> answers;
    for (std::size_t i = 0; i < requests.size(); ++i) answers.push_back({first.data_ptr<std::int64_t>()[i]});
    decode(requests, decoding, answers, listener);
    std::vector<Outcome> out;
    for (const auto& answer : answers) {
      PHASEWATT_ASSIGN(auto one, outcome(answer, decoding));
      out.push_back(std::move(one));
    }
    return out;
  });
}

std::vector<std::vector<double>> LibtorchEngine::score_options(const Requests& requests, PhaseListener& listener) {
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
    const at::Tensor logprobs = pass(Phase::score, pieces, log_probabilities, listener);
    const auto rows = logprobs.accessor<double, 2>();
    std::int64_t row = 0;
    for (const Piece& piece : pieces) {
      const auto i = static_cast<std::size_t>(piece.slot);
      double sum = 0;
      for (const std::int64_t id : requests[i].options[k]) sum += rows[row++][id];
      out[i].push_back(sum);
    }
  }
  return out;
}

Result<std::vector<Outcome>> LibtorchEngine::score(std::span<const Request> batch, PhaseListener& listener) {
  return guarded([&]() -> Result<std::vector<Outcome>> {
    PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, true, 0));
    prefill(requests, 1, listener);
    auto logprobs = score_options(requests, listener);
    std::vector<Outcome> out(requests.size());
    if (tokens_)
      for (std::size_t i = 0; i < out.size(); ++i) out[i].option_logprobs = std::move(logprobs[i]);
    return out;
  });
}

Status LibtorchEngine::repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                              PhaseListener& listener) {
  return guarded([&]() -> Status {
    if (context_tokens < 0) return Error{ErrorCode::bad_input, "context_tokens must not be negative", {}};
    const std::int64_t room = phase == Phase::decode ? context_tokens + 1 : 0;
    PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, phase == Phase::score, room));
    Silence silence;
    if (phase != Phase::prefill) prefill(requests, phase == Phase::score ? 1 : 0, silence);
    // A step at a fixed context: what the cache holds behind the prompt does not change the work.
    std::vector<Piece> step;
    for (std::size_t i = 0; i < requests.size(); ++i)
      step.push_back({static_cast<std::int64_t>(i),
                      static_cast<std::int64_t>(requests[i].prompt.size()) + context_tokens,
                      std::span(&requests[i].prompt.back(), 1), 1});
    for (int i = 0; i < times; ++i) {
      switch (phase) {
        case Phase::prefill: prefill(requests, 0, listener); break;
        case Phase::decode: pass(Phase::decode, step, best_ids, listener); break;
        case Phase::score: score_options(requests, listener); break;
      }
    }
    return ok();
  });
}

}  // namespace

std::unique_ptr<Engine> make_libtorch_engine(LibtorchOptions options) {
  return std::make_unique<LibtorchEngine>(std::move(options));
}

std::string libtorch_version() { return TORCH_VERSION; }

}  // namespace phasewatt::engine::libtorch
