#include "phasewatt/engine/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "phasewatt/engine/model/synthetic.h"
#include "tests/engine/model/tiny_folder.h"

namespace phasewatt::engine::model {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::tiny_config;
using Json = nlohmann::json;

Result<Config> parse(const Json& json) { return parse_config(json.dump(), "config.json"); }

Error error_of(const Json& json) {
  const auto config = parse(json);
  return config ? Error{ErrorCode::internal, "was read", {}} : config.error();
}

Json with(const char* key, Json value) {
  Json json = tiny_config();
  json[key] = std::move(value);
  return json;
}

TEST(Config, ReadsEveryField) {
  Json json = tiny_config();
  json["bos_token_id"] = 1;
  const auto config = parse(json).value();
  EXPECT_EQ(config.family, Family::llama);
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.hidden, 32);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.kv_heads, 2);
  EXPECT_EQ(config.head_dim, 8);
  EXPECT_EQ(config.ffn, 48);
  EXPECT_EQ(config.vocab, 61);
  EXPECT_FALSE(config.tied);
  EXPECT_FALSE(config.qkv_bias);
  EXPECT_EQ(config.dtype, Dtype::f32);
  EXPECT_EQ(config.bos, 1);
  EXPECT_THAT(config.eos, ElementsAre(2));
  EXPECT_EQ(config.norm_eps, 1e-5);
  EXPECT_FALSE(config.rope_scaling);
}

TEST(Config, HeadDimMayDifferFromHiddenOverHeads) {
  EXPECT_EQ(parse(with("head_dim", 16))->head_dim, 16);
  EXPECT_THAT(error_of(with("head_dim", 7)).what, AllOf(HasSubstr("config.json: head_dim"), HasSubstr("even")));
  EXPECT_THAT(error_of(with("hidden_size", 33)).what, HasSubstr("hidden_size"));
}

TEST(Config, FamiliesDifferInBiasAndWindow) {
  EXPECT_TRUE(parse(tiny_config("qwen2"))->qkv_bias);
  Json mistral = tiny_config("mistral");
  EXPECT_FALSE(parse(mistral)->sliding_window);
  mistral["sliding_window"] = 16;
  EXPECT_EQ(parse(mistral)->sliding_window, 16);
  // Qwen2 states a window that is not in use unless it says so.
  Json qwen = tiny_config("qwen2");
  qwen["sliding_window"] = 16;
  qwen["use_sliding_window"] = false;
  EXPECT_FALSE(parse(qwen)->sliding_window);
  qwen["use_sliding_window"] = true;
  EXPECT_THAT(error_of(qwen).what, HasSubstr("use_sliding_window"));
}

TEST(Config, RopeScalingBothWaysOfWritingIt) {
  const Json scaling{{"rope_type", "llama3"},
                     {"factor", 8.0},
                     {"low_freq_factor", 1.0},
                     {"high_freq_factor", 4.0},
                     {"original_max_position_embeddings", 64}};
  const auto old_way = parse(with("rope_scaling", scaling)).value();
  Json new_json = tiny_config();
  new_json.erase("rope_theta");
  new_json["rope_parameters"] = scaling;
  new_json["rope_parameters"]["rope_theta"] = 5000.0;
  const auto new_way = parse(new_json).value();
  ASSERT_TRUE(old_way.rope_scaling);
  ASSERT_TRUE(new_way.rope_scaling);
  EXPECT_EQ(old_way.rope_scaling->factor, 8);
  EXPECT_EQ(new_way.rope_scaling->original_max_position_embeddings, 64);
  EXPECT_EQ(old_way.rope_theta, 10000);
  EXPECT_EQ(new_way.rope_theta, 5000);
}

TEST(Config, UnsupportedNamesFileAndField) {
  const std::vector<std::pair<Json, std::string>> cases{
      {with("model_type", "gpt_neox"), "config.json: model_type is 'gpt_neox'"},
      {with("architectures", Json::array({"LlamaForSequenceClassification"})), "architectures"},
      {with("hidden_act", "gelu"), "hidden_act is 'gelu'"},
      {with("attention_bias", true), "attention_bias"},
      {with("quantization_config", {{"bits", 4}}), "quantization_config"},
      {with("rope_scaling", {{"type", "yarn"}}), "rope_scaling.rope_type is 'yarn'"},
      {with("torch_dtype", "float8_e4m3fn"), "torch_dtype"},
      {with("partial_rotary_factor", 0.5), "partial_rotary_factor"},
      {with("layer_types", {"full_attention", "sliding_attention"}), "layer_types"},
  };
  for (const auto& [json, words] : cases) {
    const Error error = error_of(json);
    EXPECT_EQ(error.code, ErrorCode::unsupported) << words;
    EXPECT_THAT(error.what, HasSubstr(words));
  }
}

TEST(Config, BadValuesNameFileAndField) {
  Json no_layers = tiny_config();
  no_layers.erase("num_hidden_layers");
  Json half_scaling = with("rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}});
  const std::vector<std::pair<Json, std::string>> cases{
      {no_layers, "num_hidden_layers is missing"},
      {with("num_hidden_layers", 0), "num_hidden_layers is 0"},
      {with("num_hidden_layers", 1e9), "num_hidden_layers must be an integer"},
      {with("vocab_size", 18446744073709551615ULL), "vocab_size is 18446744073709551615"},
      {with("num_key_value_heads", 3), "num_key_value_heads (3) does not divide"},
      {with("tie_word_embeddings", "yes"), "tie_word_embeddings must be true or false"},
      {with("rms_norm_eps", -1), "rms_norm_eps is -1"},
      {with("eos_token_id", {2, -1}), "eos_token_id"},
      {with("eos_token_id", 61), "is not below vocab_size"},
      {half_scaling, "rope_scaling.low_freq_factor is missing"},
  };
  for (const auto& [json, words] : cases) {
    const Error error = error_of(json);
    EXPECT_EQ(error.code, ErrorCode::bad_input) << words;
    EXPECT_THAT(error.what, AllOf(HasSubstr("config.json"), HasSubstr(words)));
  }
  EXPECT_THAT(parse_config("{\"a\": ", "f").error().what, HasSubstr("f: is not valid JSON at byte"));
  EXPECT_FALSE(parse_config(std::string(1 << 20, '['), "f"));
}

TEST(Config, GenerationConfigReplacesTheEndTokens) {
  const std::string config = tiny_config().dump();
  const auto eos = [&](std::string_view generation) { return parse_config(config, "c", generation)->eos; };
  EXPECT_THAT(eos(R"({"eos_token_id": [5, 7]})"), ElementsAre(5, 7));
  EXPECT_THAT(eos(R"({"temperature": 0.6})"), ElementsAre(2));
  EXPECT_THAT(eos(R"({"eos_token_id": null})"), ElementsAre(2));
  EXPECT_FALSE(parse_config(config, "c", R"({"eos_token_id": "x"})"));
}

TEST(Config, FolderWithoutConfigIsNotFound) {
  const tests::TempFolder folder;
  EXPECT_EQ(read_config(folder.path()).error().code, ErrorCode::not_found);
}

TEST(RopeFrequencies, PlainOnesAreAGeometricSeries) {
  const auto config = parse(tiny_config()).value();
  const auto frequencies = rope_frequencies(config);
  ASSERT_EQ(frequencies.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(frequencies[i], std::pow(10000.0, -static_cast<double>(i) / 4), 1e-7);
}

/// Against the definition of Llama 3.1, evaluated here in double precision for its published parameters.
TEST(RopeFrequencies, ScaledAsLlama31DefinesIt) {
  Config config;
  config.head_dim = 128;
  config.rope_theta = 500000;
  config.rope_scaling = Llama3Scaling{8, 1, 4, 8192};
  const auto scaled = rope_frequencies(config);
  int kept = 0;
  int blended = 0;
  int stretched = 0;
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    const double plain = std::pow(500000.0, -2.0 * static_cast<double>(i) / 128);
    const double turns = 8192 * plain / (2 * M_PI);  // full turns within the original context
    double expected = plain;
    if (turns < 1) {
      expected = plain / 8;
      ++stretched;
    } else if (turns <= 4) {
      const double smooth = (turns - 1) / 3;
      expected = (1 - smooth) * plain / 8 + smooth * plain;
      ++blended;
    } else {
      ++kept;
    }
    EXPECT_NEAR(scaled[i] / expected, 1, 1e-5) << i;
  }
  EXPECT_GT(kept, 20);
  EXPECT_GT(blended, 2);
  EXPECT_GT(stretched, 20);
}

TEST(Synthetic, HasTheShapeOfAShippedArchitecture) {
  EXPECT_EQ(synthetic_arch("synthetic:tiny"), "tiny");
  EXPECT_FALSE(synthetic_arch("models/tiny"));
  const auto config = synthetic_config("llama-3.1-8b").value();
  EXPECT_NEAR(config.parameters() / 1e9, 8.030, 0.0005);
  EXPECT_EQ(synthetic_config("qwen2.5-14b")->family, Family::qwen2);
  EXPECT_NEAR(synthetic_config("qwen2.5-14b")->parameters() / 1e9, 14.770, 0.0005);
  const auto unknown = synthetic_config("llama-3.1-9b");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_THAT(unknown.error().hint, HasSubstr("llama-3.1-8b"));
}

}  // namespace
}  // namespace phasewatt::engine::model
