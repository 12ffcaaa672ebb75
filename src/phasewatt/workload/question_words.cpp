#include "phasewatt/workload/question_words.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

// NOLINTNEXTLINE(misc-unused-using-decls): clang-tidy 14 does not see that literals use it
using std::string_view_literals::operator""sv;

// Whole words and phrases, lower-case, in no order. A phrase's words are parted by one blank.
constexpr std::array kQuestionWords{
    // cause and consequence
    "because"sv, "since"sv, "therefore"sv, "thus"sv, "hence"sv, "so"sv, "consequently"sv, "accordingly"sv,
    "as a result"sv, "as a consequence"sv, "due to"sv, "owing to"sv, "for this reason"sv, "that is why"sv,
    "in order to"sv, "given that"sv, "leads to"sv, "led to"sv, "results in"sv, "resulted in"sv, "caused by"sv,
    // condition
    "if"sv, "then"sv, "unless"sv, "otherwise"sv, "whether"sv, "provided that"sv, "suppose"sv, "assume"sv, "assuming"sv,
    // concession and contrast
    "although"sv, "though"sv, "however"sv, "whereas"sv, "despite"sv, "nevertheless"sv, "nonetheless"sv, "instead"sv,
    "in spite of"sv, "on the other hand"sv, "in contrast"sv, "rather than"sv,
    // comparison
    "compared to"sv, "compared with"sv, "more than"sv, "less than"sv, "better than"sv, "worse than"sv,
    // inference
    "implies"sv, "imply"sv, "infer"sv, "conclude"sv, "deduce"sv};

constexpr std::array kCausal{"why"sv,
                             "explain"sv,
                             "explains"sv,
                             "justify"sv,
                             "prove"sv,
                             "cause"sv,
                             "causes"sv,
                             "caused"sv,
                             "reason for"sv,
                             "reason that"sv,
                             "reasons for"sv,
                             "reasons that"sv,
                             "the reason"sv,
                             "the reasons"sv,
                             "the purpose"sv,
                             "the effect of"sv,
                             "the effects of"sv,
                             "the effect on"sv,
                             "the effects on"sv,
                             "the consequence of"sv,
                             "the consequences of"sv,
                             "the impact of"sv,
                             "what makes"sv,
                             "what made"sv,
                             "what leads to"sv,
                             "what led to"sv,
                             "what triggers"sv,
                             "what triggered"sv,
                             "what happens if"sv,
                             "what happens when"sv,
                             "what happens to"sv,
                             "what would happen"sv,
                             "what will happen"sv,
                             "what could happen"sv,
                             "what prompts"sv,
                             "what prompted"sv,
                             "what motivates"sv,
                             "what motivated"sv,
                             "for what reason"sv};

/// What after "how" asks for a measure and not for a manner.
constexpr std::array kMeasures{"many"sv,  "much"sv,       "long"sv,     "old"sv,    "far"sv,  "often"sv,  "tall"sv,
                               "big"sv,   "large"sv,      "high"sv,     "deep"sv,   "wide"sv, "heavy"sv,  "fast"sv,
                               "small"sv, "few"sv,        "little"sv,   "young"sv,  "late"sv, "early"sv,  "soon"sv,
                               "hot"sv,   "cold"sv,       "common"sv,   "likely"sv, "hard"sv, "strong"sv, "close"sv,
                               "near"sv,  "frequently"sv, "expensive"sv};

constexpr char lower_ascii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::size_t first_length(std::string_view phrase) { return std::min(phrase.find(' '), phrase.size()); }

constexpr std::size_t kLongestQuestionWord = 16;

/// A list of words and phrases, with what tells most words of a text apart from all of them: the
/// first letters of its first words, as bits, by length.
template <std::size_t N>
struct List {
  struct Entry {
    std::string_view phrase;
    std::size_t first_length = 0;
  };
  std::array<Entry, N> entries{};
  std::array<std::uint32_t, kLongestQuestionWord + 1> letters{};

  explicit constexpr List(const std::array<std::string_view, N>& phrases) {
    for (std::size_t i = 0; i < N; ++i) {
      entries[i] = {phrases[i], first_length(phrases[i])};
      letters[entries[i].first_length] |= 1U << static_cast<unsigned>(phrases[i][0] - 'a');
    }
  }
  [[nodiscard]] bool may_begin(std::string_view word) const {
    const auto letter = static_cast<unsigned char>(lower_ascii(word.front()) - 'a');
    return word.size() <= kLongestQuestionWord && letter < 26 && ((letters[word.size()] >> letter) & 1U) != 0;
  }
};

bool equal(std::string_view word, std::string_view lower_case) {
  return word.size() == lower_case.size() &&
         std::equal(word.begin(), word.end(), lower_case.begin(), [](char a, char b) { return lower_ascii(a) == b; });
}

/// Words of the text seen in order, with the text between them.
struct Words {
  std::string_view text;
  std::span<const WordRange> ranges;

  [[nodiscard]] std::string_view at(std::size_t i) const {
    return i < ranges.size() ? text.substr(ranges[i].begin, ranges[i].end - ranges[i].begin) : std::string_view();
  }
  /// Whether nothing but white space stands before the word; `i` > 0.
  [[nodiscard]] bool joined(std::size_t i) const {
    const std::string_view gap = text.substr(ranges[i - 1].end, ranges[i].begin - ranges[i - 1].end);
    return gap == " " || count_words(gap) == 0;
  }
  /// How many words of `phrase` stand at `i`: all or 0.
  [[nodiscard]] std::size_t match(std::size_t i, std::string_view phrase) const {
    std::size_t count = 0;
    while (!phrase.empty()) {
      const std::size_t length = first_length(phrase);
      if (!equal(at(i + count), phrase.substr(0, length))) return 0;
      if (count > 0 && !joined(i + count)) return 0;
      phrase.remove_prefix(std::min(length + 1, phrase.size()));
      ++count;
    }
    return count;
  }
};

/// Words of the longest entry of the list that stands at `i`, 0 when none does.
template <std::size_t N>
std::size_t longest_match(const Words& words, std::size_t i, const List<N>& list) {
  const std::string_view word = words.at(i);
  if (!list.may_begin(word)) return 0;
  std::size_t longest = 0;
  for (const auto& entry : list.entries)
    if (entry.first_length == word.size() && entry.phrase.front() == lower_ascii(word.front()))
      longest = std::max(longest, words.match(i, entry.phrase));
  return longest;
}

/// "how" or "how's", whichever apostrophe it is.
bool is_or_contracts(std::string_view word, std::string_view lower_case) {
  const std::string_view rest = word.substr(std::min(lower_case.size(), word.size()));
  return equal(word.substr(0, lower_case.size()), lower_case) &&
         (rest.empty() || rest.front() == '\'' || rest.starts_with("\u2019"));
}

/// "how", alone or contracted, unless the next word of its sentence is a measure.
bool asks_manner(const Words& words, std::size_t i) {
  if (!is_or_contracts(words.at(i), "how")) return false;
  if (i + 1 == words.ranges.size() || !words.joined(i + 1)) return true;
  const std::string_view next = words.at(i + 1);
  return std::none_of(kMeasures.begin(), kMeasures.end(), [&](auto m) { return equal(next, m); });
}

}  // namespace

bool is_causal(std::string_view question, std::span<const WordRange> words) {
  static constexpr List kList(kCausal);
  const Words all{question, words};
  for (std::size_t i = 0; i < words.size(); ++i)
    if (longest_match(all, i, kList) > 0 || asks_manner(all, i) || is_or_contracts(all.at(i), "why")) return true;
  return false;
}

std::size_t count_markers(std::string_view text, std::span<const WordRange> words) {
  static constexpr List kList(kQuestionWords);
  const Words all{text, words};
  std::size_t markers = 0;
  for (std::size_t i = 0; i < words.size();) {
    const std::size_t matched = longest_match(all, i, kList);
    markers += matched > 0 ? 1 : 0;
    i += std::max<std::size_t>(1, matched);
  }
  return markers;
}

std::string_view asking_part(std::string_view text, std::span<const std::uint32_t> sentences) {
  const std::size_t first = text.find('?');
  const std::size_t last = text.rfind('?');
  if (first == std::string_view::npos) return text;
  const auto after = std::upper_bound(sentences.begin(), sentences.end(), static_cast<std::uint32_t>(first));
  const std::size_t begin = after == sentences.begin() ? 0 : *(after - 1);
  return text.substr(begin, last + 1 - begin);
}

}  // namespace phasewatt::workload
