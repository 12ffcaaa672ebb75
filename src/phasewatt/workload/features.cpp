#include "phasewatt/workload/features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "phasewatt/workload/unicode.h"
#include "phasewatt/workload/word_counts.h"

namespace phasewatt::workload {
namespace {

constexpr std::array<std::string_view, 5> kCausalWords{"why", "how", "explain", "justify", "prove"};

// One list that fits the paper's table; it does not publish its own. "as a result" is counted apart.
constexpr std::array<std::string_view, 18> kMarkers{
    "because", "therefore",    "however",  "since", "so",    "then",   "although", "whereas", "less",
    "when",    "consequently", "compared", "like",  "worse", "reason", "after",    "before",  "yet"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// First letters of the words above, as bits, by length: most words of a text are told apart by this alone.
constexpr std::size_t kLongest = 12;
constexpr std::array<std::uint32_t, kLongest + 1> kFirstLetters = [] {
  std::array<std::uint32_t, kLongest + 1> letters{};
  for (const auto word : kMarkers) letters[word.size()] |= 1U << static_cast<unsigned>(word[0] - 'a');
  for (const auto word : kCausalWords) letters[word.size()] |= 1U << static_cast<unsigned>(word[0] - 'a');
  return letters;
}();

bool may_be_listed(std::string_view word) {
  const auto letter = static_cast<unsigned char>(word.front() - 'a');
  return word.size() <= kLongest && letter < 26 && ((kFirstLetters[word.size()] >> letter) & 1U) != 0;
}

bool is_blank(std::string_view text) {
  while (!text.empty()) {
    const std::size_t space = leading_space(text);
    if (space == 0) return false;
    text.remove_prefix(space);
  }
  return true;
}

/// Pieces between full stops that hold more than white space; at least 1.
double count_sentences(std::string_view text) {
  double sentences = 0;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find('.'));
    sentences += is_blank(piece) ? 0 : 1;
    text.remove_prefix(std::min(piece.size() + 1, text.size()));
  }
  return std::max(1.0, sentences);
}

}  // namespace

Features paper_features(std::string_view prompt) {
  // Kept between calls, because most of the time would go into fresh memory otherwise.
  thread_local WordCounts counts;
  counts.count(prompt);

  Features f;
  f.words = static_cast<double>(counts.words());
  f.characters = static_cast<double>(counts.code_points());
  if (counts.words() == 0) return f;

  double weighted = 0;
  double markers = static_cast<double>(counts.as_a_result());
  bool causal = false;
  for (const auto& entry : counts.entries()) {
    if (entry.count > 1) weighted += entry.count * std::log2(static_cast<double>(entry.count));
    if (entry.folded() == 0 || !may_be_listed(entry.word)) continue;
    if (contains(kMarkers, entry.word)) markers += entry.folded();
    causal = causal || contains(kCausalWords, entry.word);
  }
  f.token_entropy_bits = std::log2(f.words) - weighted / f.words;
  f.unique_ratio = static_cast<double>(counts.distinct_folded()) / f.words;
  f.entity_density = static_cast<double>(counts.upper_first()) / f.words;
  f.causal_question = causal && prompt.find('?') != std::string_view::npos ? 1 : 0;
  f.reasoning_complexity = std::min(1.0, 10 * markers / f.words);
  f.words_per_sentence = f.words / count_sentences(prompt);
  f.complexity_score = 0.3 * std::min(f.token_entropy_bits / 10, 1.0) + 0.3 * f.unique_ratio + 0.2 * f.entity_density +
                       0.2 * std::min(f.words_per_sentence / 33, 1.0);
  return f;
}

Features paper_features(const Query& query) { return paper_features(query.prompt); }

int prompt_tokens(const Query& query) { return static_cast<int>(count_words(query.prompt)); }

std::vector<int> option_tokens(const Query& query) {
  std::vector<int> tokens;
  tokens.reserve(query.choices.size());
  for (const auto& choice : query.choices) tokens.push_back(static_cast<int>(count_words(choice)));
  return tokens;
}

}  // namespace phasewatt::workload
