#include "phasewatt/workload/entity_features.h"

#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

constexpr std::size_t kLongestWord = 64;  // bytes beyond these do not tell words apart

bool is_upper_ascii(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower_ascii(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// X capital, x small letter, 0 digit, the character itself for other ASCII, x for other letters.
char shape_of(std::string_view text, std::size_t i) {
  const char c = text[i];
  if (is_upper_ascii(c)) return 'X';
  if (is_lower_ascii(c)) return 'x';
  if (is_digit(c)) return '0';
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte < 0x80) return c;
  if (byte < 0xC0) return 0;  // goes on
  const char32_t code = first_code_point(text.substr(i));
  if (code >= 0x2010 && code <= 0x206F) return '-';
  return is_upper(code) ? 'X' : 'x';
}

/// At most four different shapes in a row, runs taken together, and the length up to 3 of the whole.
std::uint32_t shape(std::string_view token) {
  std::uint32_t value = 0;
  char last = 0;
  int parts = 0;
  for (std::size_t i = 0; i < token.size() && parts < 4; ++i) {
    const char c = shape_of(token, i);
    if (c == 0 || c == last) continue;
    value = value << 7 | static_cast<std::uint32_t>(c);
    last = c;
    ++parts;
  }
  return value << 2 | static_cast<std::uint32_t>(std::min<std::size_t>(token.size() - 1, 3));
}

enum TokenClass : std::uint8_t {
  lower_word,
  capitalized,
  all_caps,
  with_digit,
  connective,
  hyphen_or_clitic,
  mark,
  other
};

TokenClass token_class(std::string_view token, std::string_view lower) {
  static constexpr std::array<std::string_view, 16> kConnectives{"of",  "and", "&",  "the", "for", "de", "la", "van",
                                                                 "von", "al",  "el", "bin", "in",  "at", "du", "der"};
  if (std::find(kConnectives.begin(), kConnectives.end(), lower) != kConnectives.end()) return connective;
  const char first = shape_of(token, 0);
  if (first == '-' || first == '\'' || first == '.' || first == '/') return hyphen_or_clitic;
  const LetterCases cases = letter_cases(token);
  if (std::any_of(token.begin(), token.end(), is_digit)) return with_digit;
  if (!cases.lower && !cases.upper) return static_cast<std::uint8_t>(token[0]) < 0x80 ? mark : other;
  if (first == 'X') return cases.lower || token.size() == 1 ? capitalized : all_caps;
  return cases.upper ? other : lower_word;
}

}  // namespace

LetterCases letter_cases(std::string_view token) {
  LetterCases cases;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char c = token[i];
    if (is_lower_ascii(c)) {
      cases.lower = true;
    } else if (is_upper_ascii(c)) {
      cases.upper = true;
    } else if (static_cast<std::uint8_t>(c) >= 0xC0) {
      (shape_of(token, i) == 'X' ? cases.upper : cases.lower) = true;
    }
  }
  return cases;
}

CaseMode case_mode(std::size_t with_upper, std::size_t with_lower, std::size_t starting_upper) {
  if (with_upper == 0) return CaseMode::lower;
  const std::size_t worded = std::max(with_lower, starting_upper);
  if (with_lower == 0 && with_upper > 1) return CaseMode::upper;
  return worded >= 4 && starting_upper * 5 >= worded * 4 ? CaseMode::upper : CaseMode::mixed;
}

std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size() * 0xA24BAED4963EE407ULL;
  while (bytes.size() >= 8) {
    std::uint64_t part = 0;
    std::memcpy(&part, bytes.data(), 8);
    hash = mix(hash ^ part) * 0x9FB21C651E98DF25ULL;
    bytes.remove_prefix(8);
  }
  std::uint64_t part = 0;
  std::memcpy(&part, bytes.data(), bytes.size());
  return mix(mix(hash ^ part) * 0x9FB21C651E98DF25ULL);
}

SpelledWord describe_word(const EntityModel& model, std::string_view token, CaseMode mode) {
  token = token.substr(0, kLongestWord);
  std::array<char, kLongestWord> exact{};
  std::transform(token.begin(), token.end(), exact.begin(), [](char c) { return is_digit(c) ? '0' : c; });
  const std::string_view exact_view(exact.data(), token.size());

  std::array<char, kLongestWord> small{};
  bool wide = false;
  for (std::size_t i = 0; i < exact_view.size(); ++i) {
    small[i] = is_upper_ascii(exact[i]) ? static_cast<char>(exact[i] + ('a' - 'A')) : exact[i];
    wide |= static_cast<std::uint8_t>(exact[i]) >= 0x80;
  }
  const std::string unicode = wide ? workload::to_lower(exact_view) : std::string();
  const std::string_view lower = wide ? std::string_view(unicode) : std::string_view(small.data(), exact_view.size());
  SpelledWord spelled;
  Word& word = spelled.word;
  spelled.exact = hash_bytes(exact_view);
  word.lower = hash_bytes(lower);
  word.shape = shape(token);
  word.token_class = token_class(token, lower);
  word.mode = mode;
  word.facts = model.facts(word.lower);
  for (std::size_t n = 1; n <= 4; ++n) {
    const std::size_t length = std::min(n, lower.size());
    spelled.prefix[n - 1] = hash_bytes(lower.substr(0, length));
    spelled.suffix[n - 1] = hash_bytes(lower.substr(lower.size() - length));
  }
  return spelled;
}

void mark_phrases(const EntityModel& model, std::span<const Word> words, std::span<std::uint8_t> marks) {
  std::fill(marks.begin(), marks.end(), std::uint8_t{0});
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if ((words[i + kReach].facts.lists & starts_place_phrase) == 0) continue;
    std::uint64_t phrase = words[i + kReach].lower;
    std::size_t found = 0;
    for (std::size_t n = 1; n < 4 && i + n < marks.size(); ++n) {
      phrase = extend_phrase(phrase, words[i + n + kReach].lower);
      if ((model.facts(phrase).lists & place_phrase) != 0) found = n + 1;
    }
    if (found == 0) continue;
    marks[i] |= 1;
    for (std::size_t n = 1; n < found; ++n) marks[i + n] |= 2;
  }
}

}  // namespace phasewatt::workload
