#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <thread>

#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/gpu.h"
#include "phasewatt/engine/libtorch/libtorch_engine.h"
#include "phasewatt/engine/libtorch/passes.h"
#include "tests/engine/embedded/variants.h"

/// The graph runtime against the plain operators on the same GPU. What the plain operators give is held to references
/// on the CPU (reference_test.cpp) and, here, to the CPU.
namespace phasewatt::engine::tests {
namespace {

using libtorch::Decoder;
using libtorch::Piece;
using libtorch::Place;

double distance(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kCPU).to(at::kDouble);
  return ((a.to(at::kCPU).to(at::kDouble) - wide).norm() / wide.norm()).item<double>();
}

/// A small model whose heads the kernels know.
model::Config small(const std::string& family, std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  model::Config config;
  config.family = family == "qwen2" ? model::Family::qwen2 : model::Family::llama;
  config.qkv_bias = family == "qwen2";
  config.layers = 3;
  config.hidden = 256;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.head_dim = head_dim;
  config.ffn = 672;  // 10.5 tiles of 64
  config.vocab = 1003;
  config.max_positions = 4096;
  config.rope_theta = 500000;
  return config;
}

std::map<std::string, model::Config> shapes() {
  std::map<std::string, model::Config> out{{"llama", small("llama", 8, 2, 64)},
                                           {"llama, wide heads", small("llama", 6, 2, 128)},
                                           {"llama, no groups", small("llama", 8, 8, 64)},
                                           {"qwen2, groups of 5", small("qwen2", 10, 2, 128)},
                                           {"qwen2, groups of 11", small("qwen2", 22, 2, 64)}};
  out["mistral"] = small("llama", 8, 2, 64);
  out["mistral"].sliding_window = 40;
  return out;
}

using Ids = std::vector<std::int64_t>;

Ids some_ids(std::mt19937& random, std::size_t count) {
  Ids out(count);
  for (auto& id : out) id = static_cast<std::int64_t>(random() % 1003);
  return out;
}

class OnGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (libtorch::gpu_count() == 0) GTEST_SKIP() << "libtorch sees no GPU";
    scope_ = std::make_unique<libtorch::GpuScope>(at::Device(at::kCUDA, 0));
  }
  std::unique_ptr<libtorch::GpuScope> scope_;
};

/// One model twice, by plain operators and by graphs, each with a cache of its own.
struct Twice {
  Twice(const model::Config& config, at::ScalarType type)
      : place{at::Device(at::kCUDA, 0), type},
        plain(config, libtorch::random_weights(config, 3, place), place),
        ours(config, plain.weights(), place),
        graphs(libtorch::make_graph_runtime(ours).value()) {
    for (Decoder* decoder : {&plain, &ours}) decoder->cache().reserve(8, 512);
  }
  Place place;
  Decoder plain, ours;
  std::unique_ptr<libtorch::GraphRuntime> graphs;
};

TEST_F(OnGpu, PassesOfAllKindsAreThoseOfThePlainOperators) {
  for (const auto& [name, config] : shapes()) {
    for (const at::ScalarType type : {at::kHalf, at::kBFloat16}) {
      Twice both(config, type);
      const double close = type == at::kHalf ? 4e-3 : 3e-2;
      std::mt19937 random(11);
      // Long prompts of several lengths, options behind them, single tokens, few rows and many.
      std::vector<Ids> prompts;
      for (const std::size_t length : {70, 70, 33, 300}) prompts.push_back(some_ids(random, length));
      std::vector<Piece> prefill;
      for (std::size_t i = 0; i < prompts.size(); ++i)
        prefill.push_back({static_cast<std::int64_t>(i), 0, prompts[i], 2});
      EXPECT_LT(distance(both.graphs->forward(prefill), both.plain.forward(prefill)), close) << name;
      const Ids short_option = some_ids(random, 3);
      const Ids long_option = some_ids(random, 41);
      for (const Ids* option : {&short_option, &long_option}) {
        const std::vector<Piece> pieces{{0, 70, *option, 3}, {2, 33, *option, 1}, {3, 300, *option, 2}};
        EXPECT_LT(distance(both.graphs->forward(pieces), both.plain.forward(pieces)), close)
            << name << ", options of " << option->size();
      }
      const Ids one = some_ids(random, 1);
      const std::vector<Piece> step{{0, 70, one, 1}, {1, 70, one, 1}, {3, 300, one, 1}};
      EXPECT_LT(distance(both.graphs->forward(step), both.plain.forward(step)), close) << name << ", a step";
      for (std::size_t layer = 0; layer < 3; ++layer)
        EXPECT_LT(distance(both.ours.cache().keys[layer], both.plain.cache().keys[layer]), close) << name;
    }
  }
}

TEST_F(OnGpu, AGraphChoosesWhatItsLogitsSay) {
  Twice both(small("llama", 8, 2, 64), at::kHalf);
  std::mt19937 random(5);
  for (const std::size_t count : {1, 3, 8}) {
    std::vector<Ids> prompts;
    std::vector<Piece> prefill;
    for (std::size_t i = 0; i < count; ++i) prompts.push_back(some_ids(random, 20 + 30 * i));
    for (std::size_t i = 0; i < count; ++i) prefill.push_back({static_cast<std::int64_t>(i), 0, prompts[i], 1});
    both.graphs->forward(prefill);
    std::vector<std::int64_t> past;
    for (const Ids& prompt : prompts) past.push_back(static_cast<std::int64_t>(prompt.size()));
    // The same graph again and again, at other positions.
    for (int n = 0; n < 5; ++n) {
      const Ids token = some_ids(random, count);
      std::vector<Piece> step;
      for (std::size_t i = 0; i < count; ++i)
        step.push_back({static_cast<std::int64_t>(i), past[i] + n, std::span(&token[i], 1), 1});
      const at::Tensor logits = both.graphs->forward(step).cpu();
      EXPECT_FALSE(both.graphs->graph_seconds()) << "its kernels were started one by one";
      const auto begin = std::chrono::steady_clock::now();
      const at::Tensor ids = libtorch::on_host(both.graphs->step(step), both.place.device);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      EXPECT_TRUE(at::equal(ids, logits.argmax(-1))) << count << " sequences, step " << n;
      EXPECT_GT(both.graphs->graph_seconds().value_or(0), 0);
      EXPECT_LT(both.graphs->graph_seconds().value_or(0), took.count()) << "its ends lie within this run";
    }
  }
}

TEST_F(OnGpu, ABatchOfEightIsEightBatchesOfOne) {
  Twice both(small("llama", 8, 2, 64), at::kHalf);
  std::mt19937 random(6);
  std::vector<Ids> prompts;
  for (std::size_t i = 0; i < 8; ++i) prompts.push_back(some_ids(random, 15 + 40 * i));
  std::vector<Piece> all;
  for (std::size_t i = 0; i < 8; ++i) all.push_back({static_cast<std::int64_t>(i), 0, prompts[i], 1});
  const at::Tensor together = both.graphs->forward(all).cpu();
  for (std::size_t i = 0; i < 8; ++i) {
    const Piece alone{0, 0, prompts[i], 1};
    EXPECT_LT(distance(both.graphs->forward({&alone, 1})[0], together[static_cast<std::int64_t>(i)]), 4e-3) << i;
  }
}

TEST_F(OnGpu, PlainOperatorsAreThoseOfTheCpu) {
  const auto config = small("qwen2", 10, 2, 128);
  const Place gpu{at::Device(at::kCUDA, 0), at::kFloat};
  libtorch::Weights weights = libtorch::random_weights(config, 3, gpu);
  Decoder here(config, weights, gpu);
  for (at::Tensor* one : {&weights.embedding, &weights.last_norm, &weights.head, &weights.frequencies})
    *one = one->cpu();
  for (auto& layer : weights.layers)
    for (at::Tensor* one :
         {&layer.input_norm, &layer.qkv, &layer.qkv_bias, &layer.output, &layer.ffn_norm, &layer.gate_up, &layer.down})
      *one = one->cpu();
  Decoder there(config, weights, {});
  for (Decoder* decoder : {&here, &there}) decoder->cache().reserve(2, 512);
  std::mt19937 random(8);
  const Ids longer = some_ids(random, 120);
  const Ids shorter = some_ids(random, 20);
  const std::vector<Piece> pieces{{0, 0, longer, 3}, {1, 0, shorter, 3}};
  EXPECT_LT(distance(here.forward(pieces), there.forward(pieces)), 1e-4);
  const std::vector<Piece> step{{0, 120, std::span(&shorter[0], 1), 1}, {1, 20, std::span(&shorter[1], 1), 1}};
  EXPECT_LT(distance(here.forward(step), there.forward(step)), 1e-4);
}

TEST_F(OnGpu, TheEngineSaysTheSameInBothRuntimes) {
  // A model that is loaded by name, through the port; its answers are left out, so the spans are what can be compared.
  std::vector<std::vector<PhaseSpan>> spans;
  for (const auto runtime : {libtorch::Runtime::graph, libtorch::Runtime::eager}) {
    libtorch::LibtorchOptions options;
    options.runtime = runtime;
    const auto engine = libtorch::make_libtorch_engine(std::move(options));
    const auto loaded = engine->load("synthetic:llama-3.2-1b");
    ASSERT_TRUE(loaded) << loaded.error().what;
    EXPECT_EQ(loaded->gpus.size(), 1U);
    EXPECT_EQ(loaded->gpus.front().substr(0, 4), "GPU-");
    Batch batch;
    batch.add({1, 2, 3}, {{4}, {5, 6}});
    batch.add({1, 2, 3, 4, 5}, {{4, 5}, {7}});
    Spans found;
    ASSERT_TRUE(engine->begin_point({}));
    ASSERT_TRUE(engine->generate(batch.all(), {4, StopRule::length}, found));
    ASSERT_TRUE(engine->score(batch.all(), found));
    ASSERT_TRUE(engine->repeat(Phase::decode, batch.all(), 8, 2, found));
    spans.push_back(found.all);
  }
  ASSERT_EQ(spans[0].size(), spans[1].size());
  for (std::size_t i = 0; i < spans[0].size(); ++i) {
    EXPECT_EQ(spans[0][i].phase, spans[1][i].phase);
    EXPECT_EQ(spans[0][i].bytes, spans[1][i].bytes);
    for (const auto& of : spans) {
      ASSERT_TRUE(of[i].gpu_busy_s);
      EXPECT_GT(*of[i].gpu_busy_s, 0);
    }
    EXPECT_TRUE(spans[0][i].launch_s);
    EXPECT_FALSE(spans[1][i].launch_s);
  }
}

TEST_F(OnGpu, AHeldGpuHasNoGapsWhereTheHostIsSlow) {
  constexpr auto kSlow = std::chrono::milliseconds(20);
  const at::Device gpu(at::kCUDA, 0);
  const at::Tensor x = at::ones({16}, gpu);
  const auto seconds = [&](bool held) {
    libtorch::GpuTimer timer(gpu);
    if (held)
      timer.start_held(10 * std::chrono::duration<double>(kSlow).count());
    else
      timer.start();
    x.add_(1);
    std::this_thread::sleep_for(kSlow);
    x.add_(1);
    timer.stop();
    return timer.seconds().value();
  };
  seconds(true);  // kernels are loaded at their first use
  const double slow = std::chrono::duration<double>(kSlow).count();
  EXPECT_GE(seconds(false), slow) << "the events lie as far apart as the host is slow";
  EXPECT_LT(seconds(true), slow);
}

}  // namespace
}  // namespace phasewatt::engine::tests
