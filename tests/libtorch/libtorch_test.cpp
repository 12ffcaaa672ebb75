#include "phasewatt/engine/libtorch/libtorch_engine.h"
#include "tests/engine/embedded/decoder_suite.h"
#include "tests/engine/embedded/engine_suite.h"
#include "tests/engine/embedded/reference_suite.h"
#include "tests/libtorch/shares.h"

/// The suites of the embedded engine on libtorch, on one device and shared out: both must say the same.
namespace phasewatt::engine::tests {
namespace {

std::unique_ptr<Engine> engine_on(const std::string& device) {
  libtorch::LibtorchOptions options;
  options.threads = 1;
  options.device = device;  // the references are in single precision
  options.open_tokens = open_numbers();
  return libtorch::make_libtorch_engine(std::move(options));
}

/// Hands on what one device says, and demands it of two.
class Agreeing final : public Engine {
 public:
  [[nodiscard]] const EngineInfo& info() const override { return one_->info(); }
  Result<ModelInfo> load(const std::string& model) override {
    auto out = one_->load(model);
    const auto also = two_->load(model);
    EXPECT_EQ(also.ok(), out.ok());
    if (out && also) {
      EXPECT_EQ(also->weight_bytes, out->weight_bytes);
    }
    return out;
  }
  Status begin_point(const RunPoint& point) override {
    EXPECT_TRUE(two_->begin_point(point));
    return one_->begin_point(point);
  }
  Result<std::vector<Outcome>> generate(std::span<const Request> batch, const Decoding& decoding,
                                        PhaseListener& listener) override {
    return both(listener, [&](Engine& engine, PhaseListener& to) { return engine.generate(batch, decoding, to); });
  }
  Result<std::vector<Outcome>> score(std::span<const Request> batch, PhaseListener& listener) override {
    return both(listener, [&](Engine& engine, PhaseListener& to) { return engine.score(batch, to); });
  }
  Status repeat(Phase phase, std::span<const Request> batch, int context_tokens, int times,
                PhaseListener& listener) override {
    Spans spans;
    const auto also = two_->repeat(phase, batch, context_tokens, times, spans);
    auto out = one_->repeat(phase, batch, context_tokens, times, listener);
    EXPECT_EQ(also.ok(), out.ok());
    return out;
  }

 private:
  template <class Call>
  Result<std::vector<Outcome>> both(PhaseListener& listener, Call call) {
    Spans alone;
    Spans shared;
    auto out = call(*one_, alone);
    const auto also = call(*two_, shared);
    EXPECT_EQ(also.ok(), out.ok());
    for (const PhaseSpan& span : alone.all) listener.on_span(span);
    EXPECT_EQ(shared.all.size(), alone.all.size());
    for (std::size_t i = 0; i < std::min(shared.all.size(), alone.all.size()); ++i) {
      EXPECT_EQ(shared.all[i].phase, alone.all[i].phase);
      EXPECT_EQ(shared.all[i].bytes, alone.all[i].bytes);
      EXPECT_EQ(shared.all[i].flops, alone.all[i].flops);
    }
    for (std::size_t i = 0; out && also && i < out->size(); ++i) {
      EXPECT_EQ((*also)[i].text, (*out)[i].text);
      EXPECT_THAT((*also)[i].option_logprobs,
                  ::testing::Pointwise(::testing::DoubleNear(1e-4), (*out)[i].option_logprobs));
    }
    return out;
  }

  std::unique_ptr<Engine> one_ = engine_on("cpu");
  std::unique_ptr<Engine> two_ = engine_on("cpu,cpu");
};

}  // namespace

std::unique_ptr<Engine> number_engine() { return std::make_unique<Agreeing>(); }

/// By one rank, two, and four where the KV heads can be shared so; all but the first are compared with it.
Forward make_forward(const model::Config& config, const model::WeightFiles& weights, std::int64_t slots,
                     std::int64_t tokens) {
  std::vector<std::shared_ptr<Shares>> shares;
  for (const std::size_t ranks : {1, 2, 4}) {
    if (!libtorch::share_config(config, ranks)) continue;
    shares.push_back(std::make_shared<Shares>(config, cpus(ranks), at::kFloat,
                                              [&](const libtorch::Place& place, const libtorch::Share& share) {
                                                return libtorch::load_weights(config, weights, place, share);
                                              }));
    shares.back()->reserve(slots, tokens);
  }
  EXPECT_GE(shares.size(), 2U);
  return [shares](std::span<const embedded::Piece> pieces) {
    const at::Tensor logits = shares[0]->logits(pieces).contiguous();
    for (std::size_t i = 1; i < shares.size(); ++i)
      EXPECT_LT(apart(shares[i]->logits(pieces), logits), 1e-5) << shares[i]->ranks.size() << " ranks";
    return std::vector<double>(logits.data_ptr<double>(), logits.data_ptr<double>() + logits.numel());
  };
}

}  // namespace phasewatt::engine::tests
