#include "phasewatt/workload/question_words.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace phasewatt::workload {
namespace {

bool causal(std::string_view question) {
  Segmenter segmenter;
  segmenter.cut(question);
  return is_causal(question, segmenter.words());
}

std::size_t markers(std::string_view text) {
  Segmenter segmenter;
  segmenter.cut(text);
  return count_markers(text, segmenter.words());
}

std::string asking(std::string_view text) {
  Segmenter segmenter;
  segmenter.cut(text);
  return std::string(asking_part(text, segmenter.sentences()));
}

TEST(CausalQuestion, AsksForCauseEffectMannerOrExplanation) {
  for (const auto* question : {"Why do cats purr?",
                               "WHY?",
                               "How does a bill become law?",
                               "how come it rains",
                               "Explain the tides.",
                               "What causes rust?",
                               "What happens if you swallow gum?",
                               "What's the reason for the delay?",
                               "What are the effects of caffeine?",
                               "Can you prove it?",
                               "What led to the strike?",
                               "He did it how?",
                               "How",
                               "How? Many think so.",
                               "He said how. Much later, who came?",
                               "How's it made?",
                               "HOW\u2019S GLASS MADE?",
                               "how'd they do it",
                               "Why's it so?",
                               "why\u2019s that"})
    EXPECT_TRUE(causal(question)) << question;
}

TEST(CausalQuestion, MeasuresAndFactsAreNot) {
  for (const auto* question : {"How many legs has a spider?", "How old is she?", "Who wrote it?", "Is it so?",
                               "What happens?", "Somehow anyway?", "", "What is proven?", "Whyever not", "How\tmany?",
                               "How\u00a0many?", "how\nmany", "The Howl"})
    EXPECT_FALSE(causal(question)) << question;
}

TEST(ReasoningMarkers, CountWordsAndPhrasesOnce) {
  EXPECT_EQ(markers("If it rains, then we stay because of the mud."), 3U);
  EXPECT_EQ(markers("As a result, it fell. as  a\nRESULT"), 2U);
  EXPECT_EQ(markers("as a. result"), 0U);  // not one phrase
  EXPECT_EQ(markers("He is more than ready, rather than late; compared to her."), 3U);
  EXPECT_EQ(markers("Thus spoke nobody, and sincerely, iffy sofas."), 1U);
  EXPECT_EQ(markers(""), 0U);
}

TEST(AskingPart, IsWhatEndsWithAQuestionMark) {
  EXPECT_EQ(asking("A passage. It says why. Who came? Answer:"), "Who came?");
  EXPECT_EQ(asking("Who? He said so. Why? Good."), "Who? He said so. Why?");
  EXPECT_EQ(asking("No question here"), "No question here");
  EXPECT_EQ(asking("?"), "?");
}

RC_GTEST_PROP(QuestionWords, AnyBytesAreSafe, (const std::string& text)) {
  Segmenter segmenter;
  segmenter.cut(text);
  static_cast<void>(is_causal(text, segmenter.words()));
  RC_ASSERT(count_markers(text, segmenter.words()) <= segmenter.words().size());
  RC_ASSERT(asking_part(text, segmenter.sentences()).size() <= text.size());
}

}  // namespace
}  // namespace phasewatt::workload
