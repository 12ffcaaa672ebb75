#include "tests/libtorch/shares.h"

#include <gmock/gmock.h>

#include "phasewatt/engine/libtorch/libtorch_engine.h"
#include "tests/engine/embedded/variants.h"

/// A model on several devices: what the suites (libtorch_test.cpp) do not see.
namespace phasewatt::engine::tests {
namespace {

using embedded::Piece;
using libtorch::Place;
using libtorch::Share;
using ::testing::HasSubstr;

model::Config shape(model::Family family) {
  model::Config config;
  config.family = family;
  config.qkv_bias = family == model::Family::qwen2;
  config.layers = 3;
  config.hidden = 256;
  config.heads = 16;
  config.kv_heads = 4;
  config.head_dim = 64;
  config.ffn = 768;
  config.vocab = 1003;
  config.max_positions = 4096;
  return config;
}

Shares::MakeWeights random_of(const model::Config& config) {
  return [&config](const Place& place, const Share& share) { return random_weights(config, 3, place, share); };
}

/// A prefill of two sequences and a step of both.
std::vector<at::Tensor> two_passes(Shares& shares) {
  std::mt19937 random(4);
  const auto longer = random_ids(random, 70, 1003);
  const auto shorter = random_ids(random, 9, 1003);
  const std::vector<Piece> prefill{{0, 0, longer, 3}, {1, 0, shorter, 1}};
  const std::vector<Piece> step{{0, 70, std::span(&longer[0], 1), 1}, {1, 9, std::span(&longer[1], 1), 1}};
  shares.reserve(2, 256);
  return {shares.logits(prefill), shares.logits(step)};
}

TEST(Shares, RandomWeightsAreThePartsOfOneModel) {
  for (const auto family : {model::Family::llama, model::Family::qwen2}) {
    const auto config = shape(family);
    Shares whole(config, cpus(1), at::kFloat, random_of(config));
    const auto expected = two_passes(whole);
    for (const std::size_t ranks : {2, 4}) {
      Shares shares(config, cpus(ranks), at::kFloat, random_of(config));
      EXPECT_EQ(shares.ranks[0]->decoder->weights().layers[0].down.numel() * static_cast<std::int64_t>(ranks),
                config.hidden * config.ffn);
      const auto found = two_passes(shares);
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_LT(apart(found[i], expected[i]), 1e-5) << ranks << " ranks";
    }
  }
}

Result<ModelInfo> load_on(const std::string& device, const std::string& model) {
  libtorch::LibtorchOptions options;
  options.device = device;
  return libtorch::make_libtorch_engine(std::move(options))->load(model);
}

TEST(Shares, KvHeadsMustDivide) {
  model::tests::TempFolder folder;
  write_model(folder, model::tests::tiny_config());
  const auto loaded = load_on("cpu,cpu,cpu,cpu", folder.path().string());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::unsupported);
  EXPECT_THAT(loaded.error().what, HasSubstr("2 KV heads"));
  EXPECT_THAT(loaded.error().hint, HasSubstr("divides 2"));
}

TEST(Shares, ListsOfDevicesThatCannotBeMeant) {
  for (const char* const device : {"", ",", "cpu,", "cpu,auto", "cpu,0", "1", "cuda:", "cpu,cpu,gpu"}) {
    const auto loaded = load_on(device, "synthetic:tiny");
    ASSERT_FALSE(loaded) << device;
    EXPECT_EQ(loaded.error().code, ErrorCode::bad_input) << device;
  }
  EXPECT_EQ(load_on("cuda:0,999", "synthetic:tiny").error().code, ErrorCode::unsupported);
}

/// The rank whose matrix has a wrong shape throws in the second layer; the other waits for it by then.
TEST(Shares, ARankThatFailsEndsThePassOfAll) {
  const auto config = shape(model::Family::llama);
  for (const std::size_t broken : {0, 1}) {
    Shares shares(config, cpus(2), at::kFloat, [&](const Place& place, const Share& share) {
      auto weights = libtorch::random_weights(config, 3, place, share);
      if (share.rank == broken) weights.layers[1].down = at::zeros({256, 7});
      return weights;
    });
    libtorch::Passes passes(config, std::move(shares.team), std::move(shares.ranks));
    EXPECT_EQ(passes.reserve(1'000'000, 1'000'000'000).error().code, ErrorCode::out_of_memory);
    ASSERT_TRUE(passes.reserve(1, 16));
    Spans spans;
    const std::vector<std::int64_t> ids{5, 6, 7};
    const Piece piece{0, 0, ids, 1};
    const auto failed = passes.best_ids(Phase::prefill, {&piece, 1}, spans);
    ASSERT_FALSE(failed);
    EXPECT_THAT(failed.error().what, HasSubstr("shapes cannot be multiplied"));
    const auto again = passes.best_ids(Phase::prefill, {&piece, 1}, spans);
    ASSERT_FALSE(again);
    EXPECT_THAT(again.error().what, HasSubstr("load the model again"));
    EXPECT_TRUE(spans.all.empty());
  }
}

class OnGpus : public testing::Test {
 protected:
  void SetUp() override {
    if (libtorch::gpu_count() < 2) GTEST_SKIP() << "libtorch sees fewer than two GPUs";
  }
  const std::vector<at::Device> one{at::Device(at::kCUDA, 0)};
  const std::vector<at::Device> two{at::Device(at::kCUDA, 0), at::Device(at::kCUDA, 1)};
};

TEST_F(OnGpus, TwoSayWhatOneSays) {
  for (const auto family : {model::Family::llama, model::Family::qwen2}) {
    const auto config = shape(family);
    for (const bool graph : {false, true}) {
      Shares alone(config, one, at::kBFloat16, random_of(config), graph);
      Shares shares(config, two, at::kBFloat16, random_of(config), graph);
      const auto expected = two_passes(alone);
      const auto found = two_passes(shares);
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_LT(apart(found[i], expected[i]), 3e-2) << graph;
    }
  }
}

/// What a graph has recorded, reductions and all, is what the same kernels do one by one.
TEST_F(OnGpus, GraphsChooseWhatTheirLogitsSay) {
  const auto config = shape(model::Family::llama);
  Shares shares(config, two, at::kHalf, random_of(config), true);
  two_passes(shares);
  for (std::int64_t id = 0; id < 6; ++id) {
    const std::vector<Piece> step{{0, 71 + id, std::span(&id, 1), 1}, {1, 10 + id, std::span(&id, 1), 1}};
    const at::Tensor logits = shares.logits(step);
    const at::Tensor ids = shares.all([&](libtorch::Rank& rank) { return rank.graphs->step(step); });
    EXPECT_TRUE(at::equal(ids, logits.argmax(-1))) << id;
  }
}

TEST_F(OnGpus, TheEngineNamesTheGpusItUses) {
  const auto loaded = load_on("cuda:0,1", "synthetic:llama-3.2-1b");
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  ASSERT_EQ(loaded->gpus.size(), 2U);
  EXPECT_NE(loaded->gpus[0], loaded->gpus[1]);
  EXPECT_EQ(load_on("cuda:1,1", "synthetic:llama-3.2-1b").error().code, ErrorCode::bad_input);
}

}  // namespace
}  // namespace phasewatt::engine::tests
