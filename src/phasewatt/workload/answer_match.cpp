#include <unicode/uchar.h>

#include "phasewatt/workload/scores.h"
#include "phasewatt/workload/token_matches.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

/// ASCII's punctuation and symbols, Python's `string.punctuation`.
bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

/// `\w` of Python's re: `str.isalnum()` (the underscore is gone already). Combining marks are none.
bool is_word_character(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  return u_isalpha(c) != 0 || u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool is_article(std::string_view word) { return word == "a" || word == "an" || word == "the"; }

/// `re.sub(r"\b(a|an|the)\b", " ", text)`: each article that is a whole run of word characters becomes a space.
std::string without_articles(std::string_view text) {
  std::string kept;
  std::size_t run = 0;
  const auto end_run = [&](std::size_t end) {
    const auto word = text.substr(run, end - run);
    kept += is_article(word) ? std::string_view(" ") : word;
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view character = first_code_points(text.substr(i), 1);
    i += character.size();
    if (is_word_character(first_code_point(character))) continue;
    end_run(i - character.size());
    kept += character;
    run = i;
  }
  end_run(text.size());
  return kept;
}

AnswerMatch match_words(const std::vector<std::string>& reference, const std::vector<std::string>& prediction) {
  AnswerMatch match;
  match.exact = reference == prediction ? 1 : 0;
  match.f1 = reference.empty() && prediction.empty()
                 ? 1
                 : score_of(common_count(reference, prediction), reference.size(), prediction.size()).f1;
  return match;
}

}  // namespace

std::vector<std::string> answer_words(std::string_view answer) {
  std::string lower = to_lower(answer);
  std::erase_if(lower, is_punctuation);
  const std::string text = without_articles(lower);
  std::vector<std::string> words;
  bool inside = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t space = leading_space(rest);
    if (space == 0) {
      if (!inside) words.emplace_back();
      words.back() += rest.front();
    }
    inside = space == 0;
    rest.remove_prefix(inside ? 1 : space);
  }
  return words;
}

AnswerMatch match_answer(std::string_view reference, std::string_view prediction) {
  return match_words(answer_words(reference), answer_words(prediction));
}

std::optional<AnswerMatch> match_answer(std::span<const std::string> references, std::string_view prediction) {
  const auto predicted = answer_words(prediction);
  std::optional<AnswerMatch> best;
  for (const auto& reference : references) {
    const AnswerMatch next = match_words(answer_words(reference), predicted);
    if (!best) best = next;
    best->exact = std::max(best->exact, next.exact);
    best->f1 = std::max(best->f1, next.f1);
  }
  return best;
}

}  // namespace phasewatt::workload
