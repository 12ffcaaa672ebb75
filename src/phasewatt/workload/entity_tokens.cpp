#include "phasewatt/workload/entity_tokens.h"

#include <algorithm>
#include <array>

namespace phasewatt::workload {
namespace {

enum class Kind : std::uint8_t { space, newline, letter, digit, punctuation };

constexpr std::array<Kind, 128> kAscii = [] {
  std::array<Kind, 128> kinds{};
  for (int c = 0; c < 128; ++c) {
    Kind kind = Kind::punctuation;
    if (c <= ' ' || c == 0x7F) kind = Kind::space;
    if (c == '\n') kind = Kind::newline;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') kind = Kind::letter;
    if (c >= '0' && c <= '9') kind = Kind::digit;
    kinds[static_cast<std::size_t>(c)] = kind;
  }
  return kinds;
}();

struct Character {
  Kind kind = Kind::letter;
  std::uint8_t bytes = 1;
  bool apostrophe = false;
};

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0;
}

/// Beyond ASCII everything is a letter but the spaces and punctuation of Latin-1, General Punctuation and CJK.
Character wide_character(std::string_view text, std::size_t i) {
  const std::uint8_t a = byte_at(text, i);
  const std::uint8_t b = byte_at(text, i + 1);
  const std::uint8_t c = byte_at(text, i + 2);
  if (a == 0xC2 && b >= 0x80 && b <= 0xBF) {
    if (b == 0x85 || b == 0xA0) return {Kind::space, 2, false};
    if (b == 0xB4) return {Kind::punctuation, 2, true};
    return {b == 0xAA || b == 0xB5 || b == 0xBA ? Kind::letter : Kind::punctuation, 2, false};
  }
  if (a == 0xE2 && (b == 0x80 || b == 0x81) && c >= 0x80 && c <= 0xBF) {
    const bool space = (b == 0x80 && (c <= 0x8B || c == 0xA8 || c == 0xA9 || c == 0xAF)) || (b == 0x81 && c == 0x9F);
    return {space ? Kind::space : Kind::punctuation, 3, b == 0x80 && c == 0x99};
  }
  if (a == 0xE3 && b == 0x80 && c >= 0x80 && c <= 0x9F) {
    return {c == 0x80 ? Kind::space : Kind::punctuation, 3, false};
  }
  return {};
}

Character character(std::string_view text, std::size_t i) {
  const auto byte = static_cast<std::uint8_t>(text[i]);
  if (byte < 0x80) return {kAscii[byte], 1, byte == '\''};
  return wide_character(text, i);
}

bool is_alnum(Kind kind) { return kind == Kind::letter || kind == Kind::digit; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_clitic(std::string_view word) {
  if (word.size() == 1) return lower(word[0]) == 's' || lower(word[0]) == 'm' || lower(word[0]) == 'd';
  if (word.size() != 2) return false;
  const std::array<char, 2> two{lower(word[0]), lower(word[1])};
  return two == std::array{'r', 'e'} || two == std::array{'v', 'e'} || two == std::array{'l', 'l'};
}

/// Words that keep the period after them and end no sentence with it.
bool is_abbreviation(std::string_view word) {
  static constexpr std::array<std::string_view, 44> kWords{
      "mr",  "mrs",  "ms",   "dr",  "st",  "jr",  "sr",   "inc",  "co",  "corp", "ltd",  "prof", "gen",  "col", "lt",
      "sgt", "capt", "rev",  "sen", "rep", "gov", "pres", "vs",   "etc", "jan",  "feb",  "mar",  "apr",  "jun", "jul",
      "aug", "sep",  "sept", "oct", "nov", "dec", "ave",  "blvd", "mt",  "ft",   "dept", "no",   "bros", "vol"};
  if (word.size() > 4) return false;
  if (word.size() == 1) return word[0] >= 'A' && word[0] <= 'Z' && word[0] != 'I';
  std::array<char, 4> buffer{};
  for (std::size_t i = 0; i < word.size(); ++i) buffer.at(i) = lower(word[i]);
  const std::string_view lowered(buffer.data(), word.size());
  if (lowered == "no") return word[0] == 'N';
  if (word.find('.') != std::string_view::npos) return true;
  return std::find(kWords.begin(), kWords.end(), lowered) != kWords.end();
}

/// Web and mail addresses, handles and hashtags.
bool is_address(std::string_view chunk) {
  if (chunk.size() < 2) return false;
  if ((chunk[0] == '@' || chunk[0] == '#') && is_alnum(character(chunk, 1).kind)) return true;
  if (chunk.starts_with("www.") || chunk.find("://") != std::string_view::npos) return true;
  const auto at = chunk.find('@');
  return at != std::string_view::npos && at > 0 && chunk.find('.', at) != std::string_view::npos;
}

class Splitter {
 public:
  Splitter(std::string_view text, std::vector<TokenSpan>& out) : text_(text), out_(out) {}

  /// Parts the white-space-free bytes [begin, end).
  void chunk(std::size_t begin, std::size_t end) {
    if (is_address(text_.substr(begin, end - begin))) {
      std::size_t last = end;
      while (last > begin + 1 && std::string_view(".,!?;:)]>\"'").find(text_[last - 1]) != std::string_view::npos)
        --last;
      emit(begin, last);
      begin = last;
    }
    while (begin < end) begin = is_alnum(character(text_, begin).kind) ? word(begin, end) : mark(begin, end);
  }

 private:
  void emit(std::size_t begin, std::size_t end) {
    if (begin < end) out_.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }

  /// One punctuation character, or a run of the same ("...", "--"), or a clitic that stands alone ("'s").
  std::size_t mark(std::size_t begin, std::size_t end) {
    const Character first = character(text_, begin);
    std::size_t last = std::min<std::size_t>(begin + first.bytes, end);
    if (first.apostrophe) {
      std::size_t stop = last;
      while (stop < end && character(text_, stop).kind == Kind::letter) ++stop;
      if (is_clitic(text_.substr(last, stop - last))) {
        emit(begin, stop);
        return stop;
      }
    }
    if (first.bytes == 1) {
      while (last < end && text_[last] == text_[begin]) ++last;
    }
    emit(begin, last);
    return last;
  }

  /// A word from `begin`, with what belongs inside it, and the clitic after it.
  std::size_t word(std::size_t begin, std::size_t end) {
    std::size_t i = begin;
    while (i < end) {
      const Character c = character(text_, i);
      if (is_alnum(c.kind)) {
        i += c.bytes;
        continue;
      }
      const std::size_t next = i + c.bytes;
      if (next >= end || !is_alnum(character(text_, next).kind)) break;
      if (c.apostrophe) {
        const std::size_t tail = clitic_end(next, end);
        if (tail != 0) return split_clitic(begin, i, tail);
      } else if (!joins(i, next)) {
        break;
      }
      i = next;
    }
    if (i < end && text_[i] == '.' && (i + 1 == end || text_[i + 1] != '.')) {
      if (is_abbreviation(text_.substr(begin, i - begin)) || is_initialism(begin, i)) ++i;
    }
    emit(begin, i);
    return i;
  }

  /// Periods in U.S and 3.5, & in AT&T, commas and colons in numbers.
  [[nodiscard]] bool joins(std::size_t i, std::size_t next) const {
    const bool digits =
        i > 0 && kAscii[text_[i - 1] & 0x7F] == Kind::digit && character(text_, next).kind == Kind::digit;
    switch (text_[i]) {
      case '.': return digits || character(text_, next).kind == Kind::letter;
      case ',':
      case ':': return digits;
      case '&': return true;
      default: return false;
    }
  }

  /// U.S, J.R.R: single letters with periods between.
  [[nodiscard]] bool is_initialism(std::size_t begin, std::size_t end) const {
    if (end - begin < 3) return false;
    for (std::size_t i = begin; i < end; ++i) {
      if ((i - begin) % 2 == 1 ? text_[i] != '.' : kAscii[text_[i] & 0x7F] != Kind::letter) return false;
    }
    return true;
  }

  /// End of the clitic letters from `begin`, 0 when they are none ("t" counts: the n before it is looked at later).
  [[nodiscard]] std::size_t clitic_end(std::size_t begin, std::size_t end) const {
    std::size_t stop = begin;
    while (stop < end && stop < begin + 3 && is_alnum(character(text_, stop).kind)) ++stop;
    const auto letters = text_.substr(begin, stop - begin);
    return is_clitic(letters) || (letters.size() == 1 && lower(letters[0]) == 't') ? stop : 0;
  }

  std::size_t split_clitic(std::size_t begin, std::size_t apostrophe, std::size_t end) {
    const bool negation = lower(text_[end - 1]) == 't' && apostrophe > begin && lower(text_[apostrophe - 1]) == 'n';
    const std::size_t cut = negation ? apostrophe - 1 : apostrophe;
    emit(begin, cut);
    emit(cut, end);
    return end;
  }

  std::string_view text_;
  std::vector<TokenSpan>& out_;
};

bool closes(std::string_view token) {
  return token == "\"" || token == "'" || token == ")" || token == "]" || token == "''" || token == "\xE2\x80\x9D" ||
         token == "\xE2\x80\x99";
}

bool ends_sentence(std::string_view text, const std::vector<TokenSpan>& tokens) {
  for (std::size_t i = tokens.size(); i-- > 0;) {
    const auto token = text.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
    if (closes(token)) continue;
    return token[0] == '?' || token[0] == '!' || token[0] == '.';
  }
  return false;
}

bool can_start_sentence(std::string_view text, std::size_t i) {
  const char c = text[i];
  return !(c >= 'a' && c <= 'z') && c != ',' && c != ';' && c != ')';
}

constexpr std::size_t kShortLine = 60;
constexpr std::size_t kLongestChunk = 1024;

}  // namespace

std::size_t next_sentence(std::string_view text, std::size_t begin, std::vector<TokenSpan>& out) {
  out.clear();
  Splitter splitter(text, out);
  std::size_t i = begin;
  while (i < text.size() && out.size() < kMaxSentenceTokens) {
    int newlines = 0;
    const std::size_t gap = i;
    while (i < text.size()) {
      const Character c = character(text, i);
      if (c.kind != Kind::space && c.kind != Kind::newline) break;
      newlines += c.kind == Kind::newline ? 1 : 0;
      i += c.bytes;
    }
    if (i >= text.size()) return text.size();
    if (!out.empty() && i > gap) {
      if (newlines > 1) return i;
      const bool ended = ends_sentence(text, out) && can_start_sentence(text, i);
      if (newlines == 1) {
        const std::size_t line = text.rfind('\n', gap > 0 ? gap - 1 : 0);
        const std::size_t from = line == std::string_view::npos || line >= gap ? begin : std::max(begin, line);
        if (ended || gap - from < kShortLine || text[gap - 1] == ':') return i;
      }
      if (ended) return i;
    }
    const std::size_t start = i;
    while (i < text.size() && i - start < kLongestChunk) {
      const Character c = character(text, i);
      if (c.kind == Kind::space || c.kind == Kind::newline) break;
      i += c.bytes;
    }
    i = std::min(i, text.size());
    splitter.chunk(start, i);
  }
  if (out.size() > kMaxSentenceTokens) {
    out.resize(kMaxSentenceTokens);
    return out.back().end;
  }
  return i;
}

}  // namespace phasewatt::workload
