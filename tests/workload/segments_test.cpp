#include "phasewatt/workload/segments.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace phasewatt::workload {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  Segmenter segmenter;
  segmenter.cut(text);
  std::vector<std::string> words;
  for (const auto& word : segmenter.words()) words.emplace_back(text.substr(word.begin, word.end - word.begin));
  return words;
}

std::size_t sentences_in(std::string_view text) {
  Segmenter segmenter;
  segmenter.cut(text);
  return segmenter.sentences().size();
}

using Strings = std::vector<std::string>;

TEST(Segmenter, CutsWordsAsUnicodeDoes) {
  EXPECT_EQ(words_of("Don't stop: it's 3.14 (or 1,000)!"), (Strings{"Don't", "stop", "it's", "3.14", "or", "1,000"}));
  EXPECT_EQ(words_of("a_b __ x-y e.g. U.S. 5km"), (Strings{"a_b", "x", "y", "e.g", "U.S", "5km"}));
  EXPECT_EQ(words_of("Zürich’s café"), (Strings{"Zürich’s", "café"}));
  EXPECT_TRUE(words_of(" \n -- ?! ").empty());
  EXPECT_TRUE(words_of("").empty());
}

TEST(Segmenter, CutsSentencesAndCountsThoseWithWords) {
  EXPECT_EQ(sentences_in("One. Two! Three?"), 3U);
  EXPECT_EQ(sentences_in("It costs 3.50 dollars, e.g. here. Yes"), 2U);
  EXPECT_EQ(sentences_in("A line\nand another\n\n"), 2U);
  EXPECT_EQ(sentences_in("... !!"), 0U);
  EXPECT_EQ(sentences_in("«Où?» Là."), 2U);
}

RC_GTEST_PROP(Segmenter, AsciiWordsAreIcus, ()) {
  const std::string alphabet = "aZ09_'.:,; -\n\t\"()!?&/@$\r\x01\x1F\x7F";
  const std::string text = *rc::gen::container<std::string>(rc::gen::elementOf(alphabet));
  Segmenter fast;
  Segmenter icu;
  fast.cut(text);
  icu.cut_with_icu(text);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> got;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> wanted;
  for (const auto& word : fast.words()) got.emplace_back(word.begin, word.end);
  for (const auto& word : icu.words()) wanted.emplace_back(word.begin, word.end);
  RC_ASSERT(got == wanted);
  RC_ASSERT(fast.sentences() == icu.sentences());
}

RC_GTEST_PROP(Segmenter, AnyBytesAreSafeAndRangesAscend, (const std::string& text)) {
  Segmenter segmenter;
  segmenter.cut(text);
  std::uint32_t at = 0;
  for (const auto& word : segmenter.words()) {
    RC_ASSERT(word.begin >= at);
    RC_ASSERT(word.end > word.begin);
    at = word.end;
  }
  RC_ASSERT(at <= text.size());
  RC_ASSERT(segmenter.sentences().size() <= segmenter.words().size());
}

}  // namespace
}  // namespace phasewatt::workload
