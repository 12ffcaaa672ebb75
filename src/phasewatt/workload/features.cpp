#include "phasewatt/workload/features.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "phasewatt/workload/unicode.h"
#include "phasewatt/workload/word_counts.h"

namespace phasewatt::workload {
namespace {

constexpr std::array<std::string_view, 5> kCausalWords{"why", "how", "explain", "justify", "prove"};

// One list that fits the paper's table; it does not publish its own. "as a result" is counted apart.
constexpr std::array<std::string_view, 18> kMarkers{
    "because",  "therefore", "however",      "since",    "so",   "then",  "although", "whereas", "less",
    "when",     "consequently", "compared",  "like",     "worse", "reason", "after",   "before",  "yet"};

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// Pieces between full stops that hold more than white space; at least 1.
double count_sentences(std::string_view text) {
  double sentences = 0;
  bool blank = true;
  while (!text.empty()) {
    const std::size_t space = leading_space(text);
    if (text.front() == '.') {
      sentences += blank ? 0 : 1;
      blank = true;
    } else if (space == 0) {
      blank = false;
    }
    text.remove_prefix(space == 0 ? 1 : space);
  }
  return std::max(1.0, sentences + (blank ? 0 : 1));
}

}  // namespace

Features paper_features(std::string_view prompt) {
  // Kept between calls, because most of the time would go into fresh memory otherwise.
  thread_local WordCounts counts;
  counts.count(prompt);

  Features f;
  f.words = static_cast<double>(counts.words());
  f.characters = static_cast<double>(count_code_points(prompt));
  if (counts.words() == 0) return f;

  double weighted = 0;
  for (const auto& entry : counts.distinct())
    if (entry.count > 1) weighted += entry.count * std::log2(static_cast<double>(entry.count));
  f.token_entropy_bits = std::log2(f.words) - weighted / f.words;

  double markers = static_cast<double>(counts.as_a_result());
  bool causal = false;
  for (const auto& entry : counts.distinct_lower()) {
    if (contains(kMarkers, entry.word)) markers += entry.count;
    causal = causal || contains(kCausalWords, entry.word);
  }
  f.unique_ratio = static_cast<double>(counts.distinct_lower().size()) / f.words;
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
