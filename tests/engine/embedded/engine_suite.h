#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "phasewatt/engine/model/counts.h"
#include "tests/engine/embedded/plain_model.h"
#include "tests/engine/embedded/variants.h"

/// The engine on tiny models of every variant, held to the plain model.
namespace phasewatt::engine::tests {
namespace {

using model::tests::TempFolder;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// A variant in a folder, and the engine with it loaded.
struct Loaded {
  explicit Loaded(const nlohmann::json& json) : config(write_model(folder, json)) {
    const auto info = engine->load(folder.path().string());
    EXPECT_TRUE(info) << to_string(info.error());
  }
  TempFolder folder;
  model::Config config;
  std::unique_ptr<Engine> engine = number_engine();
};

double log_probability(const PlainModel::Row& logits, std::int64_t id) {
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit);
  return logits[static_cast<std::size_t>(id)] - std::log(sum);
}

std::vector<std::int64_t> plain_greedy(const PlainModel& plain, std::vector<std::int64_t> ids, int count) {
  const std::size_t prompt = ids.size();
  for (int i = 0; i < count; ++i) {
    const auto last = plain.logits(ids).back();
    ids.push_back(std::max_element(last.begin(), last.end()) - last.begin());
  }
  return {ids.begin() + static_cast<std::ptrdiff_t>(prompt), ids.end()};
}

TEST(EmbeddedEngine, GreedyAnswersAreThoseOfThePlainModel) {
  for (const auto& [name, json] : variants()) {
    const Loaded loaded(json);
    const auto weights = model::WeightFiles::open(loaded.folder.path()).value();
    const PlainModel plain(loaded.config, weights);
    std::mt19937 random(1);
    Batch batch;
    std::vector<std::vector<std::int64_t>> prompts;
    for (const std::size_t length : {4, 1, 11}) {
      prompts.push_back(random_ids(random, length));
      batch.add(prompts.back());
    }
    Spans spans;
    const auto outcomes = loaded.engine->generate(batch.all(), {6, StopRule::length}, spans);
    ASSERT_TRUE(outcomes) << to_string(outcomes.error());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ((*outcomes)[i].text, words(plain_greedy(plain, prompts[i], 6))) << name;
      EXPECT_EQ((*outcomes)[i].output_tokens, 6);
    }
  }
}

TEST(EmbeddedEngine, OneSpanForThePrefillAndOneForEachFurtherToken) {
  const Loaded loaded(model::tests::tiny_config());
  std::mt19937 random(1);
  Batch batch;
  batch.add(random_ids(random, 5));
  batch.add(random_ids(random, 9));
  Spans spans;
  ASSERT_TRUE(loaded.engine->generate(batch.all(), {4, StopRule::length}, spans));
  ASSERT_THAT(spans.of(Phase::prefill), SizeIs(1));
  ASSERT_THAT(spans.of(Phase::decode), SizeIs(3));
  EXPECT_EQ(spans.all.front().phase, Phase::prefill);
  EXPECT_EQ(spans.all.front().tokens, 14);
  EXPECT_EQ(spans.all.front().batch, 2);
  Nanos last{};
  for (const auto& span : spans.all) {
    EXPECT_GE(span.begin, last);
    EXPECT_GE(span.end, span.begin);
    last = span.end;
  }
  // The second decode step: each sequence has its prompt and one token in the cache.
  const std::vector<model::SequencePass> passes{{1, 6, 1, false}, {1, 10, 1, false}};
  const auto counts =
      model::count_pass(loaded.config, passes, {model::Dtype::f32, model::Dtype::f32, model::Dtype::f32});
  const PhaseSpan step = spans.of(Phase::decode).at(1);
  EXPECT_EQ(step.tokens, 2);
  EXPECT_EQ(step.flops, counts.flops);
  EXPECT_EQ(step.bytes, counts.bytes());
  EXPECT_FALSE(step.energy_truth);
}

TEST(EmbeddedEngine, EndTokensEndOneAnswerAndNotTheOthers) {
  // The end token is what the model says third to the first prompt, and not before.
  std::mt19937 random(2);
  std::vector<std::int64_t> first;
  const auto second = random_ids(random, 3);
  auto json = model::tests::tiny_config();
  std::int64_t end = -1;
  {
    const Loaded loaded(json);
    const auto weights = model::WeightFiles::open(loaded.folder.path()).value();
    const PlainModel plain(loaded.config, weights);
    for (int attempt = 0; attempt < 20 && end < 0; ++attempt) {
      first = random_ids(random, 6);
      const auto answer = plain_greedy(plain, first, 3);
      if (answer[0] != answer[2] && answer[1] != answer[2]) end = answer[2];
    }
  }
  ASSERT_GE(end, 0) << "every answer repeats itself";
  json["eos_token_id"] = {60, end};
  const Loaded loaded(json);
  Batch batch;
  batch.add(first);
  batch.add(second);
  Spans spans;
  const auto stopped = loaded.engine->generate(batch.all(), {8, StopRule::eos}, spans).value();
  EXPECT_EQ(stopped[0].output_tokens, 3);  // the end token counts, and is not in the text
  EXPECT_THAT(NumberTokens().encode(*stopped[0].text, false), SizeIs(2));
  EXPECT_EQ(spans.of(Phase::decode).at(1).batch, 2);
  if (stopped[1].output_tokens > 3) {
    EXPECT_EQ(spans.of(Phase::decode).at(2).batch, 1);
  }
  const auto whole = loaded.engine->generate(batch.all(), {8, StopRule::length}, spans).value();
  EXPECT_EQ(whole[0].output_tokens, 8);
}

TEST(EmbeddedEngine, ScoresAreSumsOfStepLogProbabilities) {
  for (const auto& [name, json] : variants()) {
    const Loaded loaded(json);
    const auto weights = model::WeightFiles::open(loaded.folder.path()).value();
    const PlainModel plain(loaded.config, weights);
    std::mt19937 random(4);
    std::vector<std::vector<std::int64_t>> prompts;
    std::vector<std::vector<std::vector<std::int64_t>>> options;
    Batch batch;
    for (const std::size_t length : {7, 1, 20}) {  // a context of one token leaves nothing to prefill
      prompts.push_back(random_ids(random, length));
      options.push_back({random_ids(random, 1), random_ids(random, 4)});
      if (length == 20) options.back().push_back(random_ids(random, 2));
      batch.add(prompts.back(), options.back());
    }
    Spans spans;
    const auto outcomes = loaded.engine->score(batch.all(), spans).value();
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      ASSERT_EQ(outcomes[i].option_logprobs.size(), options[i].size());
      for (std::size_t k = 0; k < options[i].size(); ++k) {
        auto ids = prompts[i];
        double expected = 0;
        for (const auto id : options[i][k]) {
          expected += log_probability(plain.logits(ids).back(), id);
          ids.push_back(id);
        }
        EXPECT_NEAR(outcomes[i].option_logprobs[k], expected, 1e-4) << name << ", query " << i << ", option " << k;
      }
    }
    EXPECT_EQ(spans.of(Phase::prefill).at(0).tokens, 6 + 0 + 19);
    ASSERT_THAT(spans.of(Phase::score), SizeIs(3));
    EXPECT_EQ(spans.of(Phase::score)[1].tokens, 4 * 3);
    EXPECT_EQ(spans.of(Phase::score)[2].batch, 1);
  }
}

TEST(EmbeddedEngine, RepeatsOnePhaseAtAFixedContext) {
  const Loaded loaded(model::tests::tiny_config());
  std::mt19937 random(5);
  Batch batch;
  batch.add(random_ids(random, 5), {random_ids(random, 2), random_ids(random, 2)});
  for (const auto& [phase, spans_each] : {std::pair{Phase::prefill, 1}, {Phase::decode, 1}, {Phase::score, 2}}) {
    Spans spans;
    ASSERT_TRUE(loaded.engine->repeat(phase, batch.all(), 10, 3, spans));
    EXPECT_EQ(spans.all.size(), static_cast<std::size_t>(3 * spans_each));
    for (const auto& span : spans.all) {
      EXPECT_EQ(span.phase, phase);
      EXPECT_EQ(span.flops, spans.all.front().flops);
    }
  }
  Spans steps;
  ASSERT_TRUE(loaded.engine->repeat(Phase::decode, batch.all(), 10, 1, steps));
  const std::vector<model::SequencePass> at_fifteen{{1, 15, 1, false}};
  EXPECT_EQ(
      steps.all.at(0).flops,
      model::count_pass(loaded.config, at_fifteen, {model::Dtype::f32, model::Dtype::f32, model::Dtype::f32}).flops);
}

TEST(EmbeddedEngine, ASyntheticModelRunsAndDoesNotAnswer) {
  const auto engine = number_engine();
  const auto info = engine->load("synthetic:tiny").value();
  EXPECT_EQ(info.weight_bytes, 4 * info.parameters);
  std::mt19937 random(6);
  Batch batch;
  batch.add(random_ids(random, 12), {random_ids(random, 2)});
  Spans spans;
  const auto said = engine->generate(batch.all(), {3, StopRule::eos}, spans).value();
  EXPECT_FALSE(said[0].text);
  EXPECT_EQ(said[0].output_tokens, 3);
  EXPECT_EQ(spans.of(Phase::prefill).at(0).tokens, 12);
  EXPECT_THAT(engine->score(batch.all(), spans).value()[0].option_logprobs, IsEmpty());
}

/// What it would say of itself: an answer, a score, a quality, all made up.
TEST(EmbeddedEngine, AModelWhoseLogitsAreNoNumbersIsAnError) {
  // One that spoils all logits, and one that spoils a single one.
  for (const std::string name : {"model.layers.1.mlp.gate_proj.weight", "lm_head.weight"}) {
    const Loaded loaded(model::tests::tiny_config());
    auto tensors = model::tests::random_tensors(loaded.config);
    const auto spoiled =
        std::find_if(tensors.begin(), tensors.end(), [&](const auto& one) { return one.name == name; });
    ASSERT_NE(spoiled, tensors.end());
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::memcpy(spoiled->bytes.data(), &nan, sizeof(nan));
    loaded.folder.write("model.safetensors", model::tests::safetensors_bytes(tensors));
    ASSERT_TRUE(loaded.engine->load(loaded.folder.path().string()));
    std::mt19937 random(7);
    Batch batch;
    batch.add(random_ids(random, 6), {random_ids(random, 2), random_ids(random, 1)});
    Spans spans;
    const auto said = loaded.engine->generate(batch.all(), {3, StopRule::length}, spans);
    ASSERT_FALSE(said) << name;
    EXPECT_THAT(said.error().what, HasSubstr("logits are no numbers"));
    EXPECT_THAT(loaded.engine->score(batch.all(), spans).error().what, HasSubstr("logits are no numbers"));
    EXPECT_FALSE(loaded.engine->repeat(Phase::decode, batch.all(), 3, 1, spans));
  }
}

TEST(EmbeddedEngine, SaysWhatIsWrong) {
  const auto engine = number_engine();
  Spans spans;
  Batch batch;
  batch.add({3, 4});
  EXPECT_EQ(engine->generate(batch.all(), {}, spans).error().code, ErrorCode::usage);
  EXPECT_EQ(engine->load("nowhere").error().code, ErrorCode::not_found);
  EXPECT_EQ(engine->load("synthetic:none").error().code, ErrorCode::not_found);

  const Loaded loaded(model::tests::tiny_config());
  EXPECT_EQ(loaded.engine->generate({}, {}, spans).error().code, ErrorCode::bad_input);
  EXPECT_THAT(loaded.engine->generate(batch.all(), {1000, StopRule::length}, spans).error().what,
              HasSubstr("needs 1002 positions, and the model has 256"));
  EXPECT_THAT(loaded.engine->score(batch.all(), spans).error().what, HasSubstr("no options to score"));
  Batch strange;
  strange.add({3, 61});
  EXPECT_THAT(loaded.engine->generate(strange.all(), {}, spans).error().what, HasSubstr("does not know"));
  EXPECT_THAT(spans.all, IsEmpty());

  auto tensors = model::tests::random_tensors(loaded.config);
  tensors.pop_back();
  loaded.folder.write("model.safetensors", model::tests::safetensors_bytes(tensors));
  EXPECT_THAT(loaded.engine->load(loaded.folder.path().string()).error().what, HasSubstr("lm_head.weight is missing"));
}

}  // namespace
}  // namespace phasewatt::engine::tests
