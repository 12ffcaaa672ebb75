#include "phasewatt/workload/porter_stemmer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace phasewatt::workload {
namespace {

bool is_plain_vowel(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

/// Calls visit(i, is_vowel) for each letter. A y is a vowel after a consonant; so whether a letter is one depends on
/// what stands before it only, and a stem is judged without the rest of its word.
template <class Visit>
void for_each_letter(std::string_view stem, const Visit& visit) {
  bool vowel = true;  // a y at the front is a consonant
  for (std::size_t i = 0; i < stem.size(); ++i) {
    vowel = stem[i] == 'y' ? !vowel : is_plain_vowel(stem[i]);
    visit(i, vowel);
  }
}

/// Porter's m: how often a consonant follows a vowel.
int measure(std::string_view stem) {
  int m = 0;
  bool before = false;
  for_each_letter(stem, [&](std::size_t, bool vowel) {
    if (before && !vowel) ++m;
    before = vowel;
  });
  return m;
}

bool contains_vowel(std::string_view stem) {
  bool found = false;
  for_each_letter(stem, [&](std::size_t, bool vowel) { found = found || vowel; });
  return found;
}

/// Is the letter `back` places from the end (0: the last) a vowel? It must exist.
bool is_vowel_at(std::string_view stem, std::size_t back) {
  bool result = false;
  for_each_letter(stem.substr(0, stem.size() - back), [&](std::size_t, bool vowel) { result = vowel; });
  return result;
}

/// Porter's *d.
bool ends_double_consonant(std::string_view stem) {
  return stem.size() >= 2 && stem.back() == stem[stem.size() - 2] && !is_vowel_at(stem, 0);
}

/// Porter's *o: ends consonant, vowel, consonant other than w, x, y. NLTK: or is a vowel and a consonant.
bool ends_cvc(std::string_view stem) {
  if (stem.size() == 2) return is_vowel_at(stem, 1) && !is_vowel_at(stem, 0);
  return stem.size() >= 3 && !is_vowel_at(stem, 2) && is_vowel_at(stem, 1) && !is_vowel_at(stem, 0) &&
         stem.back() != 'w' && stem.back() != 'x' && stem.back() != 'y';
}

/// Replaces the suffix `from` when the stem before it has a measure above the step's bound.
struct Rule {
  std::string_view from, to;
};

/// The first rule whose suffix the word ends with decides: it is applied, or the word stays as it is.
template <class Condition>
void apply_first(std::string& word, std::span<const Rule> rules, const Condition& condition) {
  for (const auto& [from, to] : rules) {
    if (!word.ends_with(from)) continue;
    const std::size_t stem = word.size() - from.size();
    if (condition(std::string_view(word).substr(0, stem), from)) word.replace(stem, from.size(), to);
    return;
  }
}

void step_1a(std::string& word) {
  if (word.ends_with("ies")) {
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));  // dies → die, flies → fli
  } else if (word.ends_with("sses")) {
    word.resize(word.size() - 2);
  } else if (word.ends_with("s") && !word.ends_with("ss")) {
    word.pop_back();
  }
}

/// What follows the removal of -ed and -ing: conflat → conflate, hopp → hop, fil → file.
void mend_1b(std::string& stem) {
  if (ends_double_consonant(stem)) {
    const char last = stem.back();
    if (last != 'l' && last != 's' && last != 'z') stem.pop_back();
  } else if (stem.ends_with("at") || stem.ends_with("bl") || stem.ends_with("iz") ||
             (measure(stem) == 1 && ends_cvc(stem))) {
    stem += 'e';
  }
}

void step_1b(std::string& word) {
  if (word.ends_with("ied")) {
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));  // died → die, spied → spi
    return;
  }
  if (word.ends_with("eed")) {
    if (measure(std::string_view(word).substr(0, word.size() - 3)) > 0) word.pop_back();
    return;
  }
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (!word.ends_with(suffix) || !contains_vowel(std::string_view(word).substr(0, word.size() - suffix.size())))
      continue;
    word.resize(word.size() - suffix.size());
    mend_1b(word);
    return;
  }
}

/// NLTK: y → i after a consonant that is not the only letter before it.
void step_1c(std::string& word) {
  if (word.size() > 2 && word.back() == 'y' && !is_vowel_at(word, 1)) word.back() = 'i';
}

bool has_measure(std::string_view stem) { return measure(stem) > 0; }

void step_2(std::string& word) {
  // NLTK: -alli first, and what it leaves passes through the step again.
  while (word.ends_with("alli") && has_measure(std::string_view(word).substr(0, word.size() - 4)))
    word.resize(word.size() - 2);
  static constexpr std::array kRules{
      Rule{"ational", "ate"}, Rule{"tional", "tion"}, Rule{"enci", "ence"},   Rule{"anci", "ance"},
      Rule{"izer", "ize"},    Rule{"bli", "ble"},     Rule{"entli", "ent"},   Rule{"eli", "e"},
      Rule{"ousli", "ous"},   Rule{"ization", "ize"}, Rule{"ation", "ate"},   Rule{"ator", "ate"},
      Rule{"alism", "al"},    Rule{"iveness", "ive"}, Rule{"fulness", "ful"}, Rule{"ousness", "ous"},
      Rule{"aliti", "al"},    Rule{"iviti", "ive"},   Rule{"biliti", "ble"},  Rule{"fulli", "ful"},
      Rule{"logi", "log"},
  };
  apply_first(word, kRules, [&](std::string_view stem, std::string_view suffix) {
    // NLTK: the l of -logi counts with the stem, so that geo- and theo- pass.
    return has_measure(suffix == "logi" ? std::string_view(word).substr(0, word.size() - 3) : stem);
  });
}

void step_3(std::string& word) {
  static constexpr std::array kRules{
      Rule{"icate", "ic"}, Rule{"ative", ""}, Rule{"alize", "al"}, Rule{"iciti", "ic"},
      Rule{"ical", "ic"},  Rule{"ful", ""},   Rule{"ness", ""},
  };
  apply_first(word, kRules, [](std::string_view stem, std::string_view) { return has_measure(stem); });
}

void step_4(std::string& word) {
  static constexpr std::array kRules{
      Rule{"al", ""},   Rule{"ance", ""}, Rule{"ence", ""}, Rule{"er", ""},    Rule{"ic", ""},
      Rule{"able", ""}, Rule{"ible", ""}, Rule{"ant", ""},  Rule{"ement", ""}, Rule{"ment", ""},
      Rule{"ent", ""},  Rule{"ion", ""},  Rule{"ou", ""},   Rule{"ism", ""},   Rule{"ate", ""},
      Rule{"iti", ""},  Rule{"ous", ""},  Rule{"ive", ""},  Rule{"ize", ""},
  };
  apply_first(word, kRules, [](std::string_view stem, std::string_view suffix) {
    return measure(stem) > 1 && (suffix != "ion" || stem.back() == 's' || stem.back() == 't');
  });
}

void step_5(std::string& word) {
  if (word.ends_with("e")) {
    const auto stem = std::string_view(word).substr(0, word.size() - 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_cvc(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(std::string_view(word).substr(0, word.size() - 1)) > 1) word.pop_back();
}

/// Words that NLTK does not leave to the rules.
std::string_view irregular_stem(std::string_view word) {
  static constexpr std::array kIrregular{
      Rule{"sky", "sky"},        Rule{"skies", "sky"},       Rule{"dying", "die"},        Rule{"lying", "lie"},
      Rule{"tying", "tie"},      Rule{"news", "news"},       Rule{"innings", "inning"},   Rule{"inning", "inning"},
      Rule{"outings", "outing"}, Rule{"outing", "outing"},   Rule{"cannings", "canning"}, Rule{"canning", "canning"},
      Rule{"howe", "howe"},      Rule{"proceed", "proceed"}, Rule{"exceed", "exceed"},    Rule{"succeed", "succeed"},
  };
  const auto* found = std::find_if(kIrregular.begin(), kIrregular.end(), [&](const Rule& r) { return r.from == word; });
  return found == kIrregular.end() ? std::string_view{} : found->to;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  if (word.size() <= 2) return std::string(word);
  if (const auto irregular = irregular_stem(word); !irregular.empty()) return std::string(irregular);
  std::string stem(word);
  step_1a(stem);
  step_1b(stem);
  step_1c(stem);
  step_2(stem);
  step_3(stem);
  step_4(stem);
  step_5(stem);
  return stem;
}

}  // namespace phasewatt::workload
