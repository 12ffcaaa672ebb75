#include "phasewatt/workload/linguistic.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <string>

#include "phasewatt/workload/feature_profile.h"
#include "tests/workload/tiny_vocabulary.h"

namespace phasewatt::workload {
namespace {

Query query_of(std::string question, std::string context = {}) {
  Query query;
  query.id = "t/0";
  query.question = std::move(question);
  query.context = std::move(context);
  query.prompt = query.context.empty() ? query.question : query.context + "\nQuestion: " + query.question + "\nAnswer:";
  return query;
}

LinguisticFeatures analyse(const Query& query) { return LinguisticAnalyser({}).analyse(query); }

TEST(Linguistic, CountsQuestionAndContextApartAndTogether) {
  const auto f = analyse(query_of("Why did it stop?", "The clock stopped. It was old, the clock."));
  EXPECT_EQ(f.question.words, 4);
  EXPECT_EQ(f.question.sentences, 1);
  EXPECT_EQ(f.question.characters, 16);
  EXPECT_EQ(f.context.words, 8);
  EXPECT_EQ(f.context.sentences, 2);
  EXPECT_EQ(f.together.words, 12);
  EXPECT_EQ(f.together.sentences, 3);
  EXPECT_EQ(f.together.characters, 16 + 41);
  EXPECT_EQ(f.context.words_per_sentence, 4);
  EXPECT_EQ(f.prompt_tokens, 14);  // the template's "Question" and "Answer" too
  EXPECT_EQ(f.causal_question, 1);
  // the, clock, stopped, it, was, old of eight words; with the question: why, did, stop besides.
  EXPECT_DOUBLE_EQ(f.context.unique_ratio, 6.0 / 8);
  EXPECT_DOUBLE_EQ(f.together.unique_ratio, 9.0 / 12);
  // As written: "clock" twice, all others once.
  EXPECT_DOUBLE_EQ(f.context.token_entropy_bits, 3 - 2.0 / 8);
}

TEST(Linguistic, WhatThePassageSaysIsNotAsked) {
  EXPECT_EQ(analyse(query_of("who was it", "Why? Because. How does it work? Explain.")).causal_question, 0);
  // A prompt that is not told apart: the sentence with the question mark counts.
  EXPECT_EQ(analyse(query_of("He told me why. Who was it?")).causal_question, 0);
  EXPECT_EQ(analyse(query_of("He told me who. Why was it?")).causal_question, 1);
}

TEST(Linguistic, EntitiesThatAreGivenReplaceTheTaggers) {
  Query query = query_of("Is Berlin in Germany today");
  query.question_entities.emplace();
  EXPECT_EQ(analyse(query).question.entity_density, 0);
  query.question_entities = std::vector<EntitySpan>{{3, 20, EntityType::location}};  // "Berlin in Germany"
  EXPECT_DOUBLE_EQ(analyse(query).question.entity_density, 3.0 / 5);
  query.question_entities = std::vector<EntitySpan>{{0, 4, EntityType::location}, {5, 7, EntityType::location}};
  EXPECT_DOUBLE_EQ(analyse(query).question.entity_density, 2.0 / 5);
  EXPECT_DOUBLE_EQ(analyse(query_of("Is Berlin in Germany today")).question.entity_density, 2.0 / 5);
}

TEST(Linguistic, TokensAreTheModelsOwn) {
  TinyVocabulary vocabulary;
  vocabulary.add("a", "a");
  vocabulary.add(" ", "aa");
  const auto parts = read_tokenizer_json(tokenizer_json(vocabulary).dump(), "tiny");
  ASSERT_TRUE(parts) << to_string(parts.error());
  const auto tokenizer = Tokenizer::build(*parts, "tiny");
  ASSERT_TRUE(tokenizer) << to_string(tokenizer.error());
  LinguisticAnalyser::Options options;
  options.tokenizer = *tokenizer;
  LinguisticAnalyser analyser(options);
  EXPECT_EQ(analyser.token_kind(), TokenKind::bpe);
  const Query query = query_of("aa bb", "aa aa");
  const auto f = analyser.analyse(query);
  EXPECT_EQ(f.question.tokens, static_cast<double>(tokenizer->count("aa bb")));
  EXPECT_EQ(f.together.tokens, static_cast<double>(tokenizer->count("aa bb") + tokenizer->count("aa aa")));
  EXPECT_EQ(f.prompt_tokens, static_cast<double>(tokenizer->count(query.prompt)));
  // The same analyser again: nothing is left of what was counted before.
  EXPECT_EQ(analyser.analyse(query).together.token_entropy_bits, f.together.token_entropy_bits);
}

TEST(Linguistic, ABlankTextHasDefinedFeatures) {
  for (const auto* text : {"", " \n\t", "?!", "…"}) {
    const auto f = analyse(query_of(text));
    EXPECT_EQ(f.together.words, 0) << text;
    EXPECT_EQ(f.together.sentences, 0);
    EXPECT_EQ(f.together.token_entropy_bits, 0);
    EXPECT_EQ(f.together.complexity_score, 0);
    EXPECT_EQ(f.causal_question, 0);
  }
}

TEST(ComplexityWeights, AreFourNumbersFromZero) {
  const auto weights = parse_complexity_weights("1,0,0.5,2e-1");
  ASSERT_TRUE(weights);
  EXPECT_EQ(weights->entropy, 1);
  EXPECT_EQ(weights->sentence, 0.2);
  for (const auto* text : {"", "1", "1,2,3", "1,2,3,4,5", "1,2,3,", "1,2,3,-4", "1,2,x,4", "nan,1,1,1", "1, 2,3,4"}) {
    const auto bad = parse_complexity_weights(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code, ErrorCode::usage);
  }
  LinguisticAnalyser::Options options;
  options.weights = {0, 1, 0, 0};
  const auto f = LinguisticAnalyser(options).analyse(query_of("a b a c"));
  EXPECT_DOUBLE_EQ(f.together.complexity_score, 0.75);
}

RC_GTEST_PROP(Linguistic, AnyBytesGiveFiniteFeaturesInRange,
              (const std::string& question, const std::string& context)) {
  static LinguisticAnalyser analyser({});
  const Query query = query_of(question, context);
  const auto f = analyser.analyse(query);
  for (const auto* part : {&f.question, &f.context, &f.together}) {
    for (const double share : {part->unique_ratio, part->entity_density, part->reasoning_complexity})
      RC_ASSERT(share >= 0 && share <= 1);
    RC_ASSERT(std::isfinite(part->complexity_score));
    RC_ASSERT(part->token_entropy_bits >= -1e-9);
    RC_ASSERT(part->token_entropy_bits <= std::log2(std::max(1.0, part->tokens)) + 1e-9);
    RC_ASSERT(part->sentences <= part->words);
  }
  RC_ASSERT(f.together.words == f.question.words + f.context.words);
  // What came before does not matter.
  RC_ASSERT(LinguisticAnalyser({}).analyse(query).together.complexity_score == f.together.complexity_score);
}

TEST(FeatureProfile, FillsEachFieldOnceAndNamesTokens) {
  for (const auto& profile : {paper_profile(), linguistic_profile({})}) {
    std::vector<std::string> keys;
    for (const auto& field : profile->fields()) keys.push_back(field.key);
    std::sort(keys.begin(), keys.end());
    EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
    std::vector<double> values(keys.size(), std::nan(""));
    profile->extract(query_of("Who ate the last plum?", "It was Ann."), values);
    for (const double value : values) EXPECT_TRUE(std::isfinite(value));
    EXPECT_EQ(values[0], profile->prompt_tokens());
  }
}

}  // namespace
}  // namespace phasewatt::workload
