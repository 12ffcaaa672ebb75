#include "phasewatt/engine/libtorch/libtorch_engine.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <optional>

#include "phasewatt/engine/libtorch/batch.h"
#include "phasewatt/engine/libtorch/passes.h"
#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/engine/model/tensors.h"

namespace phasewatt::engine::libtorch {
namespace {

/// libtorch speaks in exceptions; they end here.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  const auto no_memory = [](const char* whose) {
    return Error{ErrorCode::out_of_memory, fmt::format("the {} memory does not suffice", whose),
                 "take a smaller model or batch"};
  };
  try {
    return work();
  } catch (const c10::Error& error) {
    const std::string what = error.what_without_backtrace();
    if (what.find("allocate memory") != std::string::npos) return no_memory("host's");
    if (what.find("out of memory") != std::string::npos) return no_memory("GPU's");
    return Error{ErrorCode::internal, "libtorch: " + what.substr(0, what.find('\n')), {}};
  } catch (const std::bad_alloc&) {
    return no_memory("host's");
  }
}

class LibtorchEngine final : public Engine {
 public:
  explicit LibtorchEngine(LibtorchOptions options) : options_(std::move(options)) {
    info_.id = "libtorch";
    const auto device = choose_device(options_);
    info_.runtime = device.ok() && device->is_cuda() && options_.runtime == Runtime::graph ? "graph" : "eager";
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
  Status place_model(const model::Config& config, const Place& place, const std::function<Weights()>& weights);
  [[nodiscard]] ModelInfo describe(const std::string& model) const;
  Result<Requests> begin_batch(std::span<const Request> batch, bool options, std::int64_t room);

  /// The prompts into the cache, without their last `without` tokens; the best next ids when that is 0.
  std::vector<std::int64_t> prefill(const Requests& requests, std::size_t without, PhaseListener& listener);
  /// The passes of all options; log-probabilities by request and option.
  std::vector<std::vector<double>> score_options(const Requests& requests, PhaseListener& listener);
  void decode(const Requests& requests, const Decoding& decoding, std::vector<std::vector<std::int64_t>>& answers,
              PhaseListener& listener);
  [[nodiscard]] bool is_end(std::int64_t id) const;
  [[nodiscard]] at::Device device() const { return model_ ? model_->device() : at::Device(at::kCPU); }
  Result<Outcome> outcome(const std::vector<std::int64_t>& answer, const Decoding& decoding) const;

  LibtorchOptions options_;
  EngineInfo info_;
  std::optional<Passes> model_;
  std::unique_ptr<TextTokens> tokens_;  ///< null: arbitrary ids
};

/// Swallows the spans of a pass that only prepares another.
class Silence final : public PhaseListener {
 public:
  void on_span(const PhaseSpan& /*span*/) override {}
};

ModelInfo LibtorchEngine::describe(const std::string& model) const {
  ModelInfo out;
  out.id = model;
  out.parameters = model_->config().parameters();
  out.weight_bytes = out.parameters * model_->weight_element_bytes();
  out.token_kind = TokenKind::bpe;
  if (model_->device().is_cuda()) out.gpus = {gpu_uuid(model_->device().index())};
  return out;
}

Status LibtorchEngine::place_model(const model::Config& config, const Place& place,
                                   const std::function<Weights()>& weights) {
  model_.reset();  // not two models in memory
  tokens_.reset();
  PHASEWATT_TRY(check_memory(place.device, element_bytes(place) * config.parameters()));
  auto decoder = std::make_unique<Decoder>(config, weights(), place);
  std::unique_ptr<GraphRuntime> graphs;
  if (place.device.is_cuda() && options_.runtime == Runtime::graph) {
    PHASEWATT_ASSIGN(graphs, make_graph_runtime(*decoder));
  }
  model_.emplace(std::move(decoder), std::move(graphs));
  return ok();
}

Result<ModelInfo> LibtorchEngine::load_synthetic(const std::string& model, const std::string& arch) {
  PHASEWATT_ASSIGN(const model::Config config, model::synthetic_config(arch));
  PHASEWATT_ASSIGN(const Place place, choose_place(options_, model::Dtype::f16));
  const GpuScope scope(place.device);
  PHASEWATT_TRY(place_model(config, place, [&] { return random_weights(config, options_.seed, place); }));
  return describe(model);
}

Result<ModelInfo> LibtorchEngine::load_folder(const std::string& folder) {
  PHASEWATT_ASSIGN(const model::Config config, model::read_config(folder));
  PHASEWATT_ASSIGN(const auto files, model::WeightFiles::open(folder));
  PHASEWATT_TRY(model::check_tensors(config, files, folder));
  std::unique_ptr<TextTokens> tokens;
  if (options_.open_tokens) {
    PHASEWATT_ASSIGN(tokens, options_.open_tokens(folder));
  }
  PHASEWATT_ASSIGN(const Place place, choose_place(options_, files.find("model.embed_tokens.weight")->dtype));
  const GpuScope scope(place.device);
  PHASEWATT_TRY(place_model(config, place, [&] { return load_weights(config, files, place); }));
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
  if (!model_) return Error{ErrorCode::usage, "no model is loaded", "call load() first"};
  return guarded([&]() -> Status {
    const GpuScope scope(model_->device());
    model_->drop_cache();
    return ok();
  });
}

Result<LibtorchEngine::Requests> LibtorchEngine::begin_batch(std::span<const Request> batch, bool options,
                                                             std::int64_t room) {
  if (!model_) return Error{ErrorCode::usage, "no model is loaded", "call load() first"};
  const BatchTokens encoder(model_->config(), tokens_.get(), options_.seed);
  PHASEWATT_ASSIGN(auto requests, encoder.encode(batch, options, room));
  std::size_t longest = 0;
  for (const TokenRequest& request : requests) {
    std::size_t option = 0;
    for (const auto& one : request.options) option = std::max(option, one.size());
    longest = std::max(longest, request.prompt.size() + option);
  }
  PHASEWATT_TRY(model_->reserve(static_cast<std::int64_t>(requests.size()), static_cast<std::int64_t>(longest) + room));
  return requests;
}

std::vector<std::int64_t> LibtorchEngine::prefill(const Requests& requests, std::size_t without,
                                                  PhaseListener& listener) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::span<const std::int64_t> prompt(requests[i].prompt);
    const auto tokens = prompt.first(prompt.size() - without);
    // A context of one token has nothing to prepare: its only token goes with each option.
    if (!tokens.empty()) pieces.push_back({static_cast<std::int64_t>(i), 0, tokens, without == 0 ? 1 : 0});
  }
  if (!pieces.empty()) return model_->best_ids(Phase::prefill, pieces, listener);
  PhaseSpan nothing;
  nothing.batch = static_cast<int>(requests.size());
  nothing.bytes = nothing.flops = 0;
  nothing.begin = nothing.end = std::chrono::duration_cast<Nanos>(std::chrono::steady_clock::now().time_since_epoch());
  listener.on_span(nothing);
  return {};
}

bool LibtorchEngine::is_end(std::int64_t id) const {
  const auto& ends = model_->config().eos;
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
    const auto ids = model_->best_ids(Phase::decode, pieces, listener);
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
    const GpuScope scope(device());
    if (decoding.max_new_tokens < 1) return Error{ErrorCode::bad_input, "max_new_tokens must be at least 1", {}};
    PHASEWATT_ASSIGN(const Requests requests, begin_batch(batch, false, decoding.max_new_tokens));
    std::vector<std::vector<std::int64_t>> answers;
    for (const std::int64_t first : prefill(requests, 0, listener)) answers.push_back({first});
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
    std::vector<std::int64_t> wanted;
    for (const Piece& piece : pieces) {
      const auto& option = requests[static_cast<std::size_t>(piece.slot)].options[k];
      wanted.insert(wanted.end(), option.begin(), option.end());
    }
    const auto logprobs = model_->log_probabilities(pieces, wanted, listener);
    auto next = logprobs.begin();
    for (const Piece& piece : pieces) {
      out[static_cast<std::size_t>(piece.slot)].push_back(std::accumulate(next, next + piece.logits, 0.0));
      next += piece.logits;
    }
  }
  return out;
}

Result<std::vector<Outcome>> LibtorchEngine::score(std::span<const Request> batch, PhaseListener& listener) {
  return guarded([&]() -> Result<std::vector<Outcome>> {
    const GpuScope scope(device());
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
    const GpuScope scope(device());
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
        case Phase::decode: model_->best_ids(Phase::decode, step, listener); break;
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
