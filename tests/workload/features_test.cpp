#include "phasewatt/workload/features.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <map>
#include <sstream>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

struct Case {
  std::string text;
  Features expected;
};

// Computed by Python 3.11 from the definitions in docs/features.md.
const std::vector<Case> kCases{
    {"Question: Why do cats purr?\nAnswer:", {6, 35, 2.584962500721156, 1, .5, 1, 0, 6, .513912511385271}},
    {"The rain fell. The river rose, and as a result the road was closed. As a Result, nobody came because THEN it was "
     "late...",
     {24, 120, 4.334962500721156, .7916666666666666, .20833333333333334, 0, 1, 8, .4577003901731499}},
    {"Émile et Σίσυφος ΣΙΣΥΦΟΣ σισυφος\u00a0ǅungla Ⅳ émile ÉMILE İstanbul",
     {10, 62, 3.321928094887362, .7, .6, 0, 0, 10, .49026390345268145}},
    {std::string("a\u2003b\x1c"
                 "c\u0085"
                 "d\u3000e\x0b"
                 "f\u200bg h\x1fi") +
         std::string("\0j", 2),
     {8, 19, 3, 1, 0, 0, 0, 8, .4384848484848485}},
    {"li\u212ae LIKE like how? HOW how.", {6, 28, 2.584962500721156, 2. / 3, 1. / 3, 1, 1, 6, .3805791780519377}},
    {"one. . two.\n.three", {4, 18, 2, 1, 0, 0, 0, 4. / 3, .36808080808080806}},
    {"𝐀lpha beta 😀 Über ẞ ß Ⓐ",
     {7, 23, 2.807354922057604, .8571428571428571, .5714285714285714, 0, 0, 7, .4980734615145419}},
};

TEST(PaperFeatures, AgreeWithPython) {
  for (const auto& [text, e] : kCases) {
    const Features f = paper_features(text);
    EXPECT_EQ(f.words, e.words) << text;
    EXPECT_EQ(f.characters, e.characters) << text;
    EXPECT_NEAR(f.token_entropy_bits, e.token_entropy_bits, 1e-12) << text;
    EXPECT_NEAR(f.unique_ratio, e.unique_ratio, 1e-12) << text;
    EXPECT_NEAR(f.entity_density, e.entity_density, 1e-12) << text;
    EXPECT_EQ(f.causal_question, e.causal_question) << text;
    EXPECT_NEAR(f.reasoning_complexity, e.reasoning_complexity, 1e-12) << text;
    EXPECT_NEAR(f.words_per_sentence, e.words_per_sentence, 1e-12) << text;
    EXPECT_NEAR(f.complexity_score, e.complexity_score, 1e-12) << text;
  }
}

TEST(PaperFeatures, NothingGivesZeros) {
  EXPECT_EQ(paper_features("").words, 0);
  const Features blank = paper_features(" \n\u3000");
  EXPECT_EQ(blank.words, 0);
  EXPECT_EQ(blank.characters, 3);
  EXPECT_EQ(blank.complexity_score, 0);
}

TEST(PaperFeatures, CausalWordsCountWholeAndOnlyWithAQuestionMark) {
  EXPECT_EQ(paper_features("Explain it. Is it true?").causal_question, 1);
  EXPECT_EQ(paper_features("Explain it.").causal_question, 0);
  EXPECT_EQ(paper_features("However you explained it, is it why? true").causal_question, 0);
}

/// Words over a small alphabet with capitals, wide characters and lengths around the eight bytes of a piece.
std::string draw_text() {
  static const std::vector<std::string> pieces{
      "a",  "B",      "because", "Because", "abcdefgh", "abcdefghi", "ABCDEFGHIJKLMNOPQ", " ",
      "\n", "\u00a0", "é",       "É",       ".",        "?",         "as a result",       "\x01"};
  std::string text;
  for (const auto i : *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, pieces.size())))
    text += pieces[i];
  return text;
}

std::vector<std::string> split_slowly(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t space = leading_space(text);
    if (space == 0 && !inside) words.emplace_back();
    if (space == 0) words.back() += text.front();
    inside = space == 0;
    text.remove_prefix(inside ? 1 : space);
  }
  return words;
}

RC_GTEST_PROP(PaperFeatures, AgreeWithTheDefinitionWrittenOutSlowly, ()) {
  const std::string text = draw_text();
  const auto words = split_slowly(text);
  std::map<std::string, double> exact;
  std::map<std::string, double> lower;
  double upper = 0;
  for (const auto& word : words) {
    exact[word] += 1;
    lower[to_lower(word)] += 1;
    upper += is_upper(first_code_point(word)) ? 1 : 0;
  }
  const auto n = static_cast<double>(words.size());
  double entropy = 0;
  for (const auto& [word, count] : exact) entropy -= count / n * std::log2(count / n);

  const Features f = paper_features(text);
  RC_ASSERT(f.words == n);
  RC_ASSERT(f.characters == static_cast<double>(count_code_points(text)));
  RC_ASSERT(count_words(text) == words.size());
  if (words.empty()) return;
  RC_ASSERT(std::abs(f.token_entropy_bits - entropy) < 1e-9);
  RC_ASSERT(f.unique_ratio == static_cast<double>(lower.size()) / n);
  RC_ASSERT(f.entity_density == upper / n);
}

RC_GTEST_PROP(PaperFeatures, AnyBytesGiveValuesInTheirRanges, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::arbitrary<char>());
  const Features f = paper_features(text);
  RC_ASSERT(f.unique_ratio >= 0 && f.unique_ratio <= 1);
  RC_ASSERT(f.entity_density >= 0 && f.entity_density <= 1);
  RC_ASSERT(f.reasoning_complexity >= 0 && f.reasoning_complexity <= 1);
  RC_ASSERT(f.complexity_score >= 0 && f.complexity_score <= 1);
}

TEST(Tokens, AreWords) {
  Query query;
  query.prompt = "Is it so?\nAnswer:";
  query.choices = {" yes", " no", "rides off in\tthe rain."};
  EXPECT_EQ(prompt_tokens(query), 4);
  EXPECT_EQ(option_tokens(query), (std::vector<int>{1, 1, 5}));
}

TEST(Unicode, CutsBetweenCodePoints) {
  EXPECT_EQ(first_code_points("aé😀b", 3), "aé😀");
  EXPECT_EQ(first_code_points("aé😀b", 2), "aé");
  EXPECT_EQ(first_code_points("aé", 9), "aé");
  EXPECT_EQ(first_code_points("aé", 0), "");
}

TEST(Unicode, LowerCasesLikePython) {
  EXPECT_EQ(to_lower("ΣΊΣΥΦΟΣ ÉÀ İ ẞ Ⅳ"), "σίσυφος éà i̇ ß ⅳ");
  EXPECT_EQ(to_lower(""), "");
}

}  // namespace
}  // namespace phasewatt::workload
