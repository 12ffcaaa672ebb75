#include "phasewatt/engine/embedded/cpu_decoder.h"
#include "phasewatt/engine/model/synthetic.h"
#include "tests/engine/embedded/decoder_suite.h"
#include "tests/engine/embedded/engine_suite.h"
#include "tests/engine/embedded/reference_suite.h"

/// The suites on the CPU's own runner, and what is true of it alone.
namespace phasewatt::engine::tests {

std::unique_ptr<Engine> number_engine() { return embedded::make_cpu_engine({open_numbers(), 1, 1}); }

Forward make_forward(const model::Config& config, const model::WeightFiles& weights, std::int64_t slots,
                     std::int64_t tokens) {
  const auto decoder = std::make_shared<embedded::CpuDecoder>(config, embedded::load_cpu_weights(config, weights), 1);
  decoder->allocate(slots, tokens);
  return [decoder](std::span<const embedded::Piece> pieces) {
    const auto logits = decoder->forward(pieces);
    return std::vector<double>(logits.begin(), logits.end());
  };
}

namespace {

/// Long prompts, then steps of the whole batch; as many threads as there are, or more.
TEST(CpuDecoder, ThreadsShareTheWorkAndChangeNothing) {
  const auto config = model::synthetic_config("tiny").value();
  constexpr std::size_t kLength = 120;
  std::mt19937 random(1);
  std::vector<std::vector<std::int64_t>> ids;
  for (std::size_t i = 0; i < 8; ++i) ids.push_back(random_ids(random, kLength + i, config.vocab));
  std::vector<embedded::Values> before;
  for (const int threads : {0, 1, 2, 5}) {
    embedded::CpuDecoder decoder(config, embedded::random_cpu_weights(config, 1), threads);
    decoder.allocate(8, 2 * kLength);
    std::vector<embedded::Piece> prompts;
    std::vector<embedded::Piece> step;
    for (std::size_t i = 0; i < 8; ++i) {
      const auto slot = static_cast<std::int64_t>(i);
      prompts.push_back({slot, 0, ids[i], 2});
      step.push_back({slot, static_cast<std::int64_t>(ids[i].size()), std::span(ids[i]).first(1), 1});
    }
    const std::vector found{decoder.forward(prompts), decoder.forward({&step[0], 1}), decoder.forward(step)};
    if (before.empty()) before = found;
    EXPECT_EQ(found, before) << threads << " threads";
  }
}

TEST(CpuDecoder, RandomWeightsBelongToTheSeed) {
  const auto config = model::synthetic_config("tiny").value();
  const auto weights = embedded::random_cpu_weights(config, 1);
  EXPECT_EQ(weights.layers[0].down, embedded::random_cpu_weights(config, 1).layers[0].down);
  EXPECT_NE(weights.layers[0].down, embedded::random_cpu_weights(config, 2).layers[0].down);
  EXPECT_EQ(weights.last_norm, embedded::Values(weights.last_norm.size(), 1.0F));
  double squares = 0;
  for (const float value : weights.embedding) squares += static_cast<double>(value * value);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(weights.embedding.size())), 0.02, 0.001);
}

TEST(CpuEngine, SaysWhoItIs) {
  const auto engine = number_engine();
  EXPECT_EQ(engine->info().id, "cpu");
  EXPECT_EQ(engine->info().runtime, "eager");
  EXPECT_TRUE(engine->info().can_repeat);
  EXPECT_THAT(engine->load("synthetic:tiny")->gpus, IsEmpty());
}

TEST(CpuEngine, AModelThatDoesNotFitIsRefused) {
  const model::tests::TempFolder folder;
  folder.write("vast.toml", R"(schema = "arch/1"
id = "vast"
name = "Vast"
provenance = "no machine has its memory"
layers = 1000
hidden = 65536
heads = 512
kv_heads = 8
head_dim = 128
ffn = 262144
vocab = 4096
tied = true
qkv_bias = false
bytes_per_weight = 2.0
)");
  const auto loaded = number_engine()->load("synthetic:" + (folder.path() / "vast.toml").string());
  EXPECT_EQ(loaded.error().code, ErrorCode::out_of_memory) << to_string(loaded.error());
}

}  // namespace
}  // namespace phasewatt::engine::tests
