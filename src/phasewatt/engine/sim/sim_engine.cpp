#include "phasewatt/engine/sim/sim_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/base/files.h"
#include "phasewatt/sim/random.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::engine {
namespace {

/// Tokens of one option; one that is empty still needs a pass.
int option_length(const Request& request, std::size_t option) { return std::max(1, request.option_tokens[option]); }

double mean_prompt(std::span<const Request> batch) {
  double sum = 0;
  for (const auto& request : batch) sum += std::max(1, request.prompt_tokens);
  return sum / static_cast<double>(batch.size());
}

}  // namespace

SimEngine::SimEngine(std::unique_ptr<SimCard> card, sim::RuntimeSpec runtime, Options options)
    : card_(std::move(card)), runtime_(std::move(runtime)), options_(std::move(options)) {
  info_.id = "sim";
  info_.runtime = runtime_.kind;
  info_.simulated = true;
  info_.can_repeat = true;
  info_.models = sim::shipped_archs();
}

Result<ModelInfo> SimEngine::load(const std::string& model) {
  PHASEWATT_ASSIGN(sim::ArchSpec arch, sim::find_arch(model));
  PHASEWATT_TRY(sim::check_memory(card_->spec(), arch, 1, 1, 1));
  PHASEWATT_TRY(card_->hold(arch.weight_bytes()));
  ModelInfo out{.id = arch.id, .parameters = arch.params(), .weight_bytes = arch.weight_bytes()};
  arch_ = std::move(arch);
  return out;
}

Status SimEngine::begin_point(const RunPoint& point) {
  if (!arch_) return Error{ErrorCode::internal, "begin_point before load", {}};
  const std::string clock = point.clock ? fmt::format("{:.3f}", point.clock->value()) : "stock";
  const std::string key = fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", options_.seed, card_->spec().id, runtime_.id(),
                                      arch_->id, point.dataset, options_.workload_hash, point.batch, clock);
  card_->begin_point({sha256_u64(key), static_cast<std::uint32_t>(point.repeat), point.clock});
  return ok();
}

Status SimEngine::check_batch(std::span<const Request> batch) const {
  if (!arch_) return Error{ErrorCode::internal, "a batch before load", {}};
  if (batch.empty()) return Error{ErrorCode::internal, "an empty batch", {}};
  return ok();
}

Status SimEngine::pass(const sim::PassIn& in, double tokens, PhaseListener& listener) {
  const sim::Load load = sim::pass_load(card_->spec(), runtime_, *arch_, in);
  PHASEWATT_ASSIGN(const auto done, card_->run(load, tag_));
  ++tag_.pass;
  PhaseSpan span;
  span.phase = in.kind;
  span.begin = done.begin;
  span.end = done.end;
  span.tokens = tokens;
  span.batch = static_cast<int>(in.batch);
  span.energy_truth = done.energy;
  if (done.energy) span.clock_truth = done.clock;
  span.extrapolated = sim::confidence(card_->spec(), *arch_, in, done.clock.value()) == sim::Confidence::c;
  span.bytes = load.bytes;
  span.flops = load.flops;
  if (done.out) {
    span.gpu_busy_s = done.out->t_gpu_s;
    span.launch_s = done.out->t_kern_s;
  }
  listener.on_span(span);
  return ok();
}

Status SimEngine::prefill(std::span<const Request> batch, PhaseListener& listener) {
  const auto sequences = static_cast<double>(batch.size());
  const double prompt = mean_prompt(batch);
  tag_ = {batch.front().index, 0};
  return pass({Phase::prefill, sequences, prompt, prompt / 2, 1}, sequences * prompt, listener);
}

std::vector<Outcome> SimEngine::outcomes(std::span<const Request> batch) const {
  std::vector<Outcome> out(batch.size());
  if (options_.quality == nullptr) return out;
  for (std::size_t i = 0; i < batch.size(); ++i)
    out[i].simulated_quality = options_.quality->quality(arch_->id, *batch[i].query, *batch[i].features, options_.seed);
  return out;
}

int SimEngine::output_length(const Request& request, const Decoding& decoding) const {
  if (decoding.stop == StopRule::length) return decoding.max_new_tokens;
  // The length belongs to the question and the model, so that every clock, batch and repeat does the same work.
  const auto key = sha256_u64(fmt::format("{}\n{}\n{}", options_.seed, arch_->id, request.query->id));
  const auto word = sim::philox(key, {0, 0, 0, static_cast<std::uint32_t>(sim::Stream::length)})[0];
  return 1 + static_cast<int>(sim::uniform(word) * decoding.max_new_tokens);
}

double expected_output_tokens(const Decoding& decoding) {
  return decoding.stop == StopRule::length ? decoding.max_new_tokens : (1.0 + decoding.max_new_tokens) / 2.0;
}

Result<std::vector<Outcome>> SimEngine::generate(std::span<const Request> batch, const Decoding& decoding,
                                                 PhaseListener& listener) {
  PHASEWATT_TRY(check_batch(batch));
  auto out = outcomes(batch);
  int longest = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    out[i].output_tokens = output_length(batch[i], decoding);
    longest = std::max(longest, out[i].output_tokens);
  }
  const auto sequences = static_cast<double>(batch.size());
  PHASEWATT_TRY(sim::check_memory(card_->spec(), *arch_, sequences, mean_prompt(batch) + longest, 1));

  PHASEWATT_TRY(prefill(batch, listener));
  double active = 0;
  double prompt = 0;  // mean over the sequences that still run
  for (int step = 0; step < longest; ++step) {
    if (step == 0 || decoding.stop == StopRule::eos) {
      active = 0;
      prompt = 0;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        if (out[i].output_tokens <= step) continue;
        active += 1;
        prompt += std::max(1, batch[i].prompt_tokens);
      }
      prompt /= active;
    }
    // The half makes the mean over n steps prompt + n/2, the context of the closed form.
    PHASEWATT_TRY(pass({Phase::decode, active, 1, prompt + step + 0.5, 1}, active, listener));
  }
  return out;
}

Result<std::vector<Outcome>> SimEngine::score(std::span<const Request> batch, PhaseListener& listener) {
  PHASEWATT_TRY(check_batch(batch));
  int longest = 0;
  for (const auto& request : batch) {
    if (request.option_tokens.empty())
      return Error{ErrorCode::bad_input, fmt::format("query '{}' has no options to score", request.query->id),
                   "score only queries with choices"};
    for (std::size_t k = 0; k < request.option_tokens.size(); ++k)
      longest = std::max(longest, option_length(request, k));
  }
  const auto sequences = static_cast<double>(batch.size());
  PHASEWATT_TRY(sim::check_memory(card_->spec(), *arch_, sequences, mean_prompt(batch) + longest, longest));

  PHASEWATT_TRY(prefill(batch, listener));
  PHASEWATT_TRY(score_options(batch, listener));
  return outcomes(batch);
}

Status SimEngine::score_options(std::span<const Request> batch, PhaseListener& listener) {
  std::size_t most_options = 0;
  for (const auto& request : batch) most_options = std::max(most_options, request.option_tokens.size());
  for (std::size_t k = 0; k < most_options; ++k) {
    double active = 0;
    double tokens = 0;
    double context = 0;
    for (const auto& request : batch) {
      if (request.option_tokens.size() <= k) continue;
      active += 1;
      tokens += option_length(request, k);
      context += std::max(1, request.prompt_tokens);
    }
    const double length = tokens / active;
    PHASEWATT_TRY(pass({Phase::score, active, length, context / active, length}, tokens, listener));
  }
  return ok();
}

Status SimEngine::repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                         PhaseListener& listener) {
  PHASEWATT_TRY(check_batch(batch));
  const auto sequences = static_cast<double>(batch.size());
  const double prompt = mean_prompt(batch);
  const double context = prompt + context_tokens;
  PHASEWATT_TRY(sim::check_memory(card_->spec(), *arch_, sequences, context, 1));
  for (int i = 0; i < times; ++i) {
    switch (phase) {
      case Phase::prefill:
        PHASEWATT_TRY(pass({Phase::prefill, sequences, prompt, prompt / 2, 1}, sequences * prompt, listener));
        break;
      case Phase::decode: PHASEWATT_TRY(pass({Phase::decode, sequences, 1, context, 1}, sequences, listener)); break;
      case Phase::score: PHASEWATT_TRY(score_options(batch, listener)); break;
    }
  }
  return ok();
}

}  // namespace phasewatt::engine
