#include "phasewatt/engine/model/counts.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "phasewatt/engine/model/synthetic.h"
#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::engine::model {
namespace {

Config two_layers() {
  Config config;
  config.layers = 2;
  config.hidden = 8;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 2;
  config.ffn = 12;
  config.vocab = 10;
  return config;
}
constexpr Storage kSingle{Dtype::f32, Dtype::f32, Dtype::f32};

/// By hand: Q and O 8×8, K and V 8×4, FFN 3·8·12, so 480 products a layer; 3 tokens, pairs 1+2+3 = 6.
TEST(Counts, PrefillByHand) {
  const std::vector<SequencePass> batch{{3, 0, 1, false}};
  const auto count = count_pass(two_layers(), batch, kSingle);
  EXPECT_EQ(count.flops, 2 * 3 * 2 * 480 + 4 * 2 * 8 * 6 + 2 * 10 * 8);
  // Two layers with two norms each, head and last norm, three rows of the embedding.
  EXPECT_EQ(count.weight_bytes, 4 * (2 * (480 + 16) + 80 + 8 + 24));
  EXPECT_EQ(count.cache_write_bytes, 3 * 4 * 2 * 2 * 4);
  EXPECT_EQ(count.cache_read_bytes, count.cache_write_bytes);
  EXPECT_EQ(count.activation_bytes, 4 * (3 * (2 * (14 * 8 + 6 * 8 + 4 * 4 + 6 * 12) + 8) + 3 * 8 + 2 * 10));
}

TEST(Counts, PairsByCounting) {
  rc::check("every token sees itself, what is before it, and no more than the window", [] {
    const auto n = *rc::gen::inRange<std::int64_t>(0, 20);
    const auto past = *rc::gen::inRange<std::int64_t>(0, 20);
    const auto window = *rc::gen::maybe(rc::gen::inRange<std::int64_t>(1, 30));
    const std::optional<std::int64_t> limit = window ? std::optional(*window) : std::nullopt;
    double pairs = 0;
    for (std::int64_t i = 0; i < n; ++i)
      pairs += static_cast<double>(std::min(past + i + 1, limit.value_or(past + i + 1)));
    RC_ASSERT(attention_pairs(n, past, limit) == pairs);
  });
}

/// A prefill in two parts does the same arithmetic; only its weights are read twice.
TEST(Counts, SplitPrefillHasTheSameFlops) {
  const Config config = two_layers();
  const std::vector<SequencePass> whole{{10, 0, 0, false}};
  const std::vector<SequencePass> first{{6, 0, 0, false}};
  const std::vector<SequencePass> second{{4, 6, 0, false}};
  const auto a = count_pass(config, whole, kSingle);
  const auto b = count_pass(config, first, kSingle);
  const auto c = count_pass(config, second, kSingle);
  EXPECT_EQ(a.flops, b.flops + c.flops);
  EXPECT_EQ(a.cache_write_bytes, b.cache_write_bytes + c.cache_write_bytes);
  EXPECT_EQ(a.activation_bytes, b.activation_bytes + c.activation_bytes);
  EXPECT_EQ(c.cache_read_bytes, 10 * config.kv_bytes_per_token(Dtype::f32));
}

TEST(Counts, BatchReadsWeightsOnceAndOptionsTheirContextOnce) {
  const Config config = two_layers();
  const std::vector<SequencePass> one{{1, 50, 1, false}};
  const std::vector<SequencePass> two{{1, 50, 1, false}, {1, 50, 1, false}};
  const std::vector<SequencePass> shared{{1, 50, 1, false}, {1, 50, 1, true}};
  const auto a = count_pass(config, one, kSingle);
  const auto b = count_pass(config, two, kSingle);
  const auto c = count_pass(config, shared, kSingle);
  EXPECT_EQ(b.flops, 2 * a.flops);
  EXPECT_EQ(b.weight_bytes, a.weight_bytes + 4 * 8);  // one row of the embedding more
  EXPECT_EQ(b.cache_read_bytes, 2 * a.cache_read_bytes);
  EXPECT_EQ(c.cache_read_bytes, a.cache_read_bytes + config.kv_bytes_per_token(Dtype::f32));
  EXPECT_EQ(c.flops, b.flops);
}

TEST(Counts, AWindowLimitsWhatIsRead) {
  Config config = two_layers();
  config.sliding_window = 16;
  const std::vector<SequencePass> step{{1, 50, 1, false}};
  const auto count = count_pass(config, step, kSingle);
  EXPECT_EQ(count.cache_read_bytes, 16 * config.kv_bytes_per_token(Dtype::f32));
}

/// What ours has and the simulated GPU's formula has not, in bytes of FP16 (docs/models.md lists it).
double difference(const Config& config, double tokens, double logits, double keys_not_read) {
  const auto hidden = static_cast<double>(config.hidden);
  const auto vocab = static_cast<double>(config.vocab);
  const double kv_projections = 4 * static_cast<double>(config.layers * config.kv_heads * config.head_dim);
  const double embedding = 2 * hidden;  // rows that are looked up, and written
  const double last_norm = logits * 2 * hidden + hidden;
  const double head = logits * hidden - 3 * logits * vocab;  // its input; logits in FP16, not also in FP32
  return 2 * (tokens * (kv_projections + embedding) + last_norm + head) +
         keys_not_read * config.kv_bytes_per_token(Dtype::f16);
}

TEST(Counts, DifferFromTheSimulatedGpuOnlyAsDocumented) {
  auto gpu = sim::find_gpu("h200-sxm").value();
  gpu.kernels.activation_mult = 1;  // fitted to what kernels of that card do; ours counts operators
  const auto host = sim::find_runtime(gpu.default_host, "graph").value();
  for (const char* const id : {"llama-3.2-1b", "llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"}) {
    const auto arch = sim::find_arch(id).value();
    const auto config = synthetic_config(id).value();
    for (const std::int64_t batch : {1, 8}) {
      const std::vector<SequencePass> prefill(static_cast<std::size_t>(batch), {336, 0, 1, false});
      const std::vector<SequencePass> decode(static_cast<std::size_t>(batch), {1, 386, 1, false});
      const auto b = static_cast<double>(batch);
      const auto sim_prefill = sim::pass_load(gpu, host, arch, {Phase::prefill, b, 336, 168, 1});
      const auto sim_decode = sim::pass_load(gpu, host, arch, {Phase::decode, b, 1, 386, 1});
      const auto ours_prefill = count_pass(config, prefill, {});
      const auto ours_decode = count_pass(config, decode, {});
      EXPECT_NEAR(ours_prefill.flops / sim_prefill.flops, 1, 0.001) << id;
      EXPECT_NEAR(ours_decode.flops / sim_decode.flops, 1, 0.001) << id;
      EXPECT_NEAR((sim_prefill.bytes + difference(config, 336 * b, b, 0)) / ours_prefill.bytes(), 1, 1e-12) << id;
      EXPECT_NEAR((sim_decode.bytes + difference(config, b, b, b)) / ours_decode.bytes(), 1, 1e-12) << id;
      EXPECT_LT(ours_decode.activation_bytes / ours_decode.bytes(), 0.02) << id;
    }
  }
}

}  // namespace
}  // namespace phasewatt::engine::model
