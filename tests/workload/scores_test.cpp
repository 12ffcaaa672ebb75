#include "phasewatt/workload/scores.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "phasewatt/workload/porter_stemmer.h"

namespace phasewatt::workload {
namespace {

using Texts = std::vector<std::string>;

std::ifstream open_data(const std::string& name) {
  return std::ifstream(PHASEWATT_SOURCE_DIR "/tests/workload/data/" + name);
}

// ---------------------------------------------------------------------------------------------- references

TEST(PorterStemmer, StemsAsNltkDoes) {
  std::ifstream file = open_data("stem_references.txt");
  std::string word;
  std::string stem;
  std::size_t words = 0;
  for (; file >> word >> stem; ++words) EXPECT_EQ(porter_stem(word), stem) << word;
  EXPECT_GT(words, 3000U);
}

TEST(PorterStemmer, KeepsShortAndEmptyWords) {
  EXPECT_EQ(porter_stem(""), "");
  EXPECT_EQ(porter_stem("s"), "s");
  EXPECT_EQ(porter_stem("as"), "as");
}

void expect_score(const nlohmann::json& wanted, const Score& score, const std::string& where) {
  constexpr double kTolerance = 1e-12;
  EXPECT_NEAR(wanted[0], score.precision, kTolerance) << where;
  EXPECT_NEAR(wanted[1], score.recall, kTolerance) << where;
  EXPECT_NEAR(wanted[2], score.f1, kTolerance) << where;
}

TEST(Scores, AgreeWithAnIndependentImplementation) {
  std::ifstream file = open_data("score_references.jsonl");
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto row = nlohmann::json::parse(line);
    const auto references = row["references"].get<Texts>();
    const auto prediction = row["prediction"].get<std::string>();
    const auto where = "line " + std::to_string(rows + 1) + ": " + prediction;

    const auto scores = rouge(references, prediction);
    ASSERT_TRUE(scores) << where;
    expect_score(row["rouge_1"], scores->rouge_1, "ROUGE-1, " + where);
    expect_score(row["rouge_2"], scores->rouge_2, "ROUGE-2, " + where);
    expect_score(row["rouge_l"], scores->rouge_l, "ROUGE-L, " + where);
    const auto match = match_answer(references, prediction);
    ASSERT_TRUE(match) << where;
    EXPECT_EQ(row["answer"][0], match->exact) << where;
    EXPECT_NEAR(row["answer"][1], match->f1, 1e-12) << where;
  }
  EXPECT_GE(rows, 200U);
}

// ---------------------------------------------------------------------------------------------- options

TEST(OptionChoice, TakesTheMostLikelyAndTheFirstOfEquals) {
  const std::vector<double> logprobs{-3, -1, -2};
  EXPECT_EQ(choose_option(logprobs)->index, 1U);
  EXPECT_FALSE(choose_option(logprobs)->tied);
  EXPECT_EQ(choose_option(logprobs)->accuracy(1), 1);
  EXPECT_EQ(choose_option(logprobs)->accuracy(0), 0);

  const std::vector<double> tie{-3, -1, -1};
  EXPECT_EQ(choose_option(tie)->index, 1U);
  EXPECT_TRUE(choose_option(tie)->tied);
  EXPECT_FALSE(choose_option(std::vector<double>{-3, -3, -1})->tied);  // a tie of losers is none
}

TEST(OptionChoice, IsAbsentWithoutUsableNumbers) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(choose_option(std::vector<double>{}));
  EXPECT_FALSE(choose_option(std::vector<double>{-1, std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_FALSE(choose_option(std::vector<double>{-1, kInfinity}));
  EXPECT_EQ(choose_option(std::vector<double>{-kInfinity, -1})->index, 1U);
  const std::vector<double> logprobs{-1, -2};
  EXPECT_FALSE(choose_option(logprobs, std::vector<int>{1}));
  EXPECT_FALSE(choose_option(logprobs, std::vector<int>{1, 0}));
}

TEST(OptionChoice, NormalisesByLength) {
  const Texts options{"ja", "größer", "日本"};
  EXPECT_EQ(option_characters(options), (std::vector<int>{2, 6, 2}));
  EXPECT_EQ(option_bytes(options), (std::vector<int>{2, 8, 6}));
  const std::vector<double> logprobs{-4, -6, -4.5};
  EXPECT_EQ(choose_option(logprobs)->index, 0U);
  EXPECT_EQ(choose_option(logprobs, option_characters(options))->index, 1U);  // −2, −1, −2.25
  EXPECT_EQ(choose_option(logprobs, option_bytes(options))->index, 1U);       // −2, −0.75, −0.75
  EXPECT_TRUE(choose_option(logprobs, option_bytes(options))->tied);
}

// ---------------------------------------------------------------------------------------------- by hand

TEST(Rouge, SplitsStemsAndLowersAsRougeScoreDoes) {
  EXPECT_EQ(rouge_tokens("The DYING cats’ 3.5 naïve_flies"), (Texts{"the", "die", "cat", "3", "5", "na", "ve", "fli"}));
  EXPECT_EQ(rouge_tokens("used uses use"), (Texts{"use", "use", "use"}));  // "use" is too short to be stemmed
  EXPECT_EQ(rouge_tokens("\u212Aelvins \u0130I"), (Texts{"kelvin", "i", "i"}));
  EXPECT_TRUE(rouge_tokens("… – 東京").empty());
}

TEST(Rouge, TakesTheBestReferenceForEachMeasure) {
  EXPECT_FALSE(rouge(Texts{}, "text"));
  EXPECT_FALSE(match_answer(Texts{}, "text"));
  const auto scores = rouge(Texts{"b a c", "x b c y"}, "a b c");
  EXPECT_EQ(scores->rouge_1.f1, 1);
  EXPECT_GT(scores->rouge_2.f1, 0);
  EXPECT_DOUBLE_EQ(scores->rouge_l.recall, 2.0 / 3);  // the first of "b c"/3 and "b c"/4 words
}

TEST(AnswerMatch, GivesTextsWithoutWordsADefinedResult) {
  EXPECT_EQ(match_answer("The.", "").exact, 1);
  EXPECT_EQ(match_answer("The.", "").f1, 1);
  EXPECT_EQ(match_answer("word", "").exact, 0);
  EXPECT_EQ(match_answer("word", "").f1, 0);
}

TEST(Scores, TakeInvalidUtf8) {
  const std::string text = "the \xFF\xC3 sky\x80s \xED\xA0\x80 \xF0\x9F";
  EXPECT_EQ(rouge_tokens(text), (Texts{"the", "sky", "s"}));
  EXPECT_EQ(match_answer(text, text).exact, 1);
}

// ---------------------------------------------------------------------------------------------- properties

/// A few words drawn so that they repeat and have common stems.
rc::Gen<std::string> some_text() {
  static const Texts words{"the", "a",     "cat",  "cats", "Sky", "skies", "runs", "running",
                           "an",  "don't", "7:30", "日本", "à",   "–",     "u.s.", "us"};
  return rc::gen::map(rc::gen::container<Texts>(rc::gen::elementOf(words)), [](const Texts& drawn) {
    std::string text;
    for (const auto& word : drawn) text += word + ' ';
    return text;
  });
}

std::vector<Score> all(const Rouge& scores) { return {scores.rouge_1, scores.rouge_2, scores.rouge_l}; }

RC_GTEST_PROP(Scores, AreBoundedAndSymmetricInF1, ()) {
  const std::string a = *some_text();
  const std::string b = *some_text();
  const auto forth = all(rouge(a, b));
  const auto back = all(rouge(b, a));
  for (std::size_t i = 0; i < forth.size(); ++i) {
    RC_ASSERT(forth[i].f1 == back[i].f1);
    RC_ASSERT(forth[i].precision == back[i].recall);
    RC_ASSERT(forth[i].f1 >= std::min(forth[i].precision, forth[i].recall) - 1e-15);
    RC_ASSERT(forth[i].f1 <= std::max(forth[i].precision, forth[i].recall) + 1e-15);
    RC_ASSERT(forth[i].precision >= 0 && forth[i].precision <= 1);
  }
  RC_ASSERT(forth[2].f1 <= forth[0].f1);  // a subsequence is a multiset
  const AnswerMatch match = match_answer(a, b);
  RC_ASSERT(match.f1 == match_answer(b, a).f1 && match.exact == match_answer(b, a).exact);
  RC_ASSERT(match.f1 >= match.exact && match.f1 <= 1);
}

RC_GTEST_PROP(Scores, IdenticalTextsScoreOne, ()) {
  const std::string text = *some_text();
  const std::size_t tokens = rouge_tokens(text).size();
  const Rouge scores = rouge(text, text);
  RC_ASSERT(scores.rouge_1.f1 == (tokens > 0 ? 1 : 0));
  RC_ASSERT(scores.rouge_l.f1 == (tokens > 0 ? 1 : 0));
  RC_ASSERT(scores.rouge_2.f1 == (tokens > 1 ? 1 : 0));
  RC_ASSERT(match_answer(text, text).exact == 1 && match_answer(text, text).f1 == 1);
}

RC_GTEST_PROP(Scores, DoNotDependOnTheOrderOfReferences, ()) {
  Texts references = *rc::gen::nonEmpty(rc::gen::container<Texts>(some_text()));
  const std::string prediction = *some_text();
  const auto before = all(*rouge(references, prediction));
  const auto match = *match_answer(references, prediction);
  double best = 0;
  for (const auto& reference : references) best = std::max(best, rouge(reference, prediction).rouge_l.f1);
  RC_ASSERT(before[2].f1 == best);
  std::reverse(references.begin(), references.end());
  const auto after = all(*rouge(references, prediction));
  for (std::size_t i = 0; i < before.size(); ++i) RC_ASSERT(before[i].f1 == after[i].f1);
  RC_ASSERT(match_answer(references, prediction)->f1 == match.f1);
}

RC_GTEST_PROP(Scores, TakeAnyBytes, (const std::string& a, const std::string& b)) {
  for (const Score& score : all(rouge(a, b))) RC_ASSERT(score.f1 >= 0 && score.f1 <= 1);
  RC_ASSERT(match_answer(a, a).exact == 1);
}

std::size_t naive_common_subsequence(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::size_t> row(b.size() + 1, 0);
  for (const auto x : a) {
    const auto above = row;
    for (std::size_t j = 0; j < b.size(); ++j) row[j + 1] = x == b[j] ? above[j] + 1 : std::max(above[j + 1], row[j]);
  }
  return row.back();
}

RC_GTEST_PROP(CommonSubsequence, EqualsTheTable, ()) {
  // Few letters make long subsequences, whose carries run over several machine words.
  const auto letters = *rc::gen::inRange<std::uint32_t>(1, 20);
  const auto sequence = rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, 300), [&](std::size_t size) {
    return rc::gen::container<std::vector<std::uint32_t>>(size, rc::gen::inRange<std::uint32_t>(0, letters));
  });
  const auto a = *sequence;
  const auto b = *sequence;
  RC_ASSERT(common_subsequence(a, b) == naive_common_subsequence(a, b));
}

TEST(AnswerQuality, IsTheAccuracyOfScoredOptions) {
  Query query;
  query.task = Task::classification;
  query.choices = {"yes", "no"};
  Outcome outcome;
  EXPECT_EQ(answer_quality(query, outcome), std::nullopt) << "nothing was scored";
  outcome.option_logprobs = {-3, -2};
  EXPECT_EQ(answer_quality(query, outcome), std::nullopt) << "nobody knows what is right";
  query.answer = 1;
  EXPECT_EQ(answer_quality(query, outcome), 1.0);
  query.answer = 0;
  EXPECT_EQ(answer_quality(query, outcome), 0.0);
  outcome.option_logprobs.push_back(-1);
  EXPECT_EQ(answer_quality(query, outcome), std::nullopt) << "not these options";
}

TEST(AnswerQuality, IsRougeLOfTextAgainstTheBestReference) {
  Query query;
  Outcome outcome;
  query.references = {"blue", "the cat sat"};
  EXPECT_EQ(answer_quality(query, outcome), std::nullopt);
  outcome.text = "the cat";
  EXPECT_DOUBLE_EQ(*answer_quality(query, outcome), 0.8);
  outcome.text = "";
  EXPECT_EQ(answer_quality(query, outcome), 0.0) << "an empty answer is an answer";
  query.references.clear();
  EXPECT_EQ(answer_quality(query, outcome), std::nullopt);
}

}  // namespace
}  // namespace phasewatt::workload
