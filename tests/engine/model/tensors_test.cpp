#include "phasewatt/engine/model/tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/engine/model/synthetic.h"
#include "tests/engine/model/tiny_folder.h"

namespace phasewatt::engine::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::random_tensors;
using tests::RawTensor;
using tests::safetensors_bytes;
using tests::TempFolder;
using tests::tiny_config;
using tests::write_model;

double elements(const Config& config) {
  double sum = 0;
  for (const auto& spec : needed_tensors(config)) {
    double count = 1;
    for (const auto dimension : spec.shape) count *= static_cast<double>(dimension);
    sum += count;
  }
  return sum;
}

/// The problems of a tiny model whose tensors were changed.
template <class Change>
std::vector<std::string> problems_after(Change change, const nlohmann::json& json = tiny_config()) {
  const TempFolder folder;
  const Config config = write_model(folder, json);
  auto tensors = random_tensors(config);
  change(tensors);
  folder.write("model.safetensors", safetensors_bytes(tensors));
  return tensor_problems(config, WeightFiles::open(folder.path()).value());
}

TEST(Tensors, AddUpToTheParameters) {
  for (const char* const arch : {"llama-3.1-8b", "llama-3.2-1b", "llama-3.2-3b", "qwen2.5-14b", "qwen2.5-32b"}) {
    const auto config = synthetic_config(arch).value();
    EXPECT_EQ(elements(config), config.parameters()) << arch;
  }
}

TEST(Tensors, AWholeFolderHasNoProblems) {
  for (const char* const type : {"llama", "qwen2", "mistral"}) {
    EXPECT_THAT(problems_after([](auto&) {}, tiny_config(type)), IsEmpty()) << type;
  }
  auto tied = tiny_config();
  tied["tie_word_embeddings"] = true;
  EXPECT_THAT(problems_after([](auto&) {}, tied), IsEmpty());
}

TEST(Tensors, MissingExtraShapeAndTypeAreNamed) {
  EXPECT_THAT(problems_after([](auto& t) { t.pop_back(); }),
              ElementsAre("tensor lm_head.weight is missing (expected [61, 32])"));
  EXPECT_THAT(problems_after([](auto& t) {
                t.push_back({"model.layers.2.x", "F32", {1}, "1234"});
              }),
              ElementsAre("tensor 'model.layers.2.x' has no place in a llama model of 2 layers"));
  EXPECT_THAT(
      problems_after([](auto& t) {
        t.at(2).shape = {16, 64};
      }),
      ElementsAre("tensor model.layers.0.self_attn.q_proj.weight: expected the shape [32, 32], found [16, 64]"));
  EXPECT_THAT(problems_after([](auto& t) { t.at(1).dtype = "I32"; }),
              ElementsAre("tensor model.layers.0.input_layernorm.weight: expected F32, F16 or BF16, found I32"));
}

TEST(Tensors, ComputedOrTiedTensorsMayBeExtra) {
  auto tied = tiny_config();
  tied["tie_word_embeddings"] = true;
  EXPECT_THAT(problems_after(
                  [](auto& t) {
                    t.push_back({"lm_head.weight", "F32", {61, 32}, std::string(61 * 32 * 4, '\0')});
                    t.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {4}, std::string(16, '\0')});
                  },
                  tied),
              IsEmpty());
}

TEST(Tensors, CheckNamesTheFirstAndCountsTheOthers) {
  const TempFolder folder;
  const Config config = write_model(folder, tiny_config());
  folder.write("model.safetensors", safetensors_bytes({}));
  const auto status = check_tensors(config, WeightFiles::open(folder.path()).value(), "DIR");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().what, HasSubstr("DIR: tensor model.embed_tokens.weight is missing"));
  EXPECT_THAT(status.error().what, HasSubstr("and 20 more"));
}

TEST(Tensors, SummaryCountsNeededWeightsOnly) {
  const TempFolder folder;
  const Config config = write_model(folder, tiny_config());
  auto tensors = random_tensors(config);
  tensors.push_back({"extra", "F16", {1000}, std::string(2000, 'x')});
  folder.write("model.safetensors", safetensors_bytes(tensors));
  const auto summary = summarise_weights(config, WeightFiles::open(folder.path()).value());
  EXPECT_EQ(summary.dtype, Dtype::f32);
  EXPECT_FALSE(summary.mixed);
  EXPECT_EQ(summary.elements, config.parameters());
  EXPECT_EQ(summary.bytes, 4 * config.parameters());
}

}  // namespace
}  // namespace phasewatt::engine::model
