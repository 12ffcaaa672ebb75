#include "phasewatt/workload/segments.h"

#include <unicode/ubrk.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <utility>

namespace phasewatt::workload {
namespace {

/// The word-break classes of ASCII characters that matter to words. A colon joins nothing in CLDR's root rules.
enum class Break : std::uint8_t { other, letter, digit, joiner, in_both, in_number };

constexpr std::array<Break, 128> kBreaks = [] {
  std::array<Break, 128> classes{};
  for (int c = 'a'; c <= 'z'; ++c) classes[static_cast<std::size_t>(c)] = Break::letter;
  for (int c = 'A'; c <= 'Z'; ++c) classes[static_cast<std::size_t>(c)] = Break::letter;
  for (int c = '0'; c <= '9'; ++c) classes[static_cast<std::size_t>(c)] = Break::digit;
  classes['@'] = Break::letter;  // ICU 72 keeps addresses whole
  classes['_'] = Break::joiner;
  classes['\''] = Break::in_both;
  classes['.'] = Break::in_both;
  classes[','] = Break::in_number;
  classes[';'] = Break::in_number;
  return classes;
}();

Break class_at(std::string_view text, std::size_t i) {
  return i < text.size() ? kBreaks[static_cast<std::uint8_t>(text[i])] : Break::other;
}

bool is_core(Break c) { return c == Break::letter || c == Break::digit || c == Break::joiner; }

/// Rules WB5 to WB13b: where the word that begins at `i` ends.
std::size_t word_end(std::string_view text, std::size_t i) {
  Break last = class_at(text, i);
  for (++i;; ++i) {
    const Break here = class_at(text, i);
    if (is_core(here)) {
      last = here;
      continue;
    }
    const Break after = class_at(text, i + 1);
    const bool joins_letters = here == Break::in_both && last == Break::letter && after == Break::letter;
    const bool joins_digits =
        (here == Break::in_both || here == Break::in_number) && last == Break::digit && after == Break::digit;
    if (!joins_letters && !joins_digits) return i;
  }
}

bool is_ascii(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) >= 0x80; });
}

bool may_be_cased(std::string_view word) {
  return std::any_of(word.begin(), word.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c & 0x80) != 0; });
}

/// Whether a segment is more than "_" and "@".
bool holds_word(std::string_view segment) {
  return std::any_of(segment.begin(), segment.end(), [](char c) { return c != '_' && c != '@'; });
}

constexpr std::int32_t kFirstWordStatus = UBRK_WORD_NUMBER;

UBreakIterator* open_iterator(UBreakIteratorType type) {
  UErrorCode status = U_ZERO_ERROR;
  return ubrk_open(type, "", nullptr, 0, &status);
}

}  // namespace

struct Segmenter::Icu {
  UBreakIterator* words = open_iterator(UBRK_WORD);
  UBreakIterator* sentences = open_iterator(UBRK_SENTENCE);
  std::vector<UChar> utf16;
  std::vector<std::uint32_t> bytes;  ///< byte offset of each UTF-16 unit, and of the end; empty for ASCII

  Icu() = default;
  Icu(const Icu&) = delete;
  Icu& operator=(const Icu&) = delete;
  ~Icu() {
    ubrk_close(words);
    ubrk_close(sentences);
  }

  [[nodiscard]] std::uint32_t byte(std::int32_t unit) const {
    return bytes.empty() ? static_cast<std::uint32_t>(unit) : bytes[static_cast<std::size_t>(unit)];
  }
  void set_text(UBreakIterator* iterator) const {
    UErrorCode status = U_ZERO_ERROR;
    ubrk_setText(iterator, utf16.data(), static_cast<std::int32_t>(utf16.size()), &status);
  }
};

Segmenter::Segmenter() : icu_(std::make_unique<Icu>()) {}
Segmenter::Segmenter(Segmenter&&) noexcept = default;
Segmenter& Segmenter::operator=(Segmenter&&) noexcept = default;
Segmenter::~Segmenter() = default;

void Segmenter::cut(std::string_view text) {
  const bool ascii = is_ascii(text);
  to_utf16(text, ascii);
  ascii ? cut_ascii_words(text) : cut_icu_words(text);
  cut_sentences();
}

void Segmenter::cut_words(std::string_view text) {
  sentences_.clear();
  if (is_ascii(text)) return cut_ascii_words(text);
  to_utf16(text, false);
  cut_icu_words(text);
}

void Segmenter::cut_with_icu(std::string_view text) {
  to_utf16(text, is_ascii(text));
  cut_icu_words(text);
  cut_sentences();
}

void Segmenter::to_utf16(std::string_view text, bool ascii) {
  auto& units = icu_->utf16;
  auto& bytes = icu_->bytes;
  bytes.clear();
  units.clear();
  if (ascii) {
    units.assign(text.begin(), text.end());
    return;
  }
  const auto size = static_cast<std::int32_t>(text.size());
  for (std::int32_t i = 0; i < size;) {
    const auto at = static_cast<std::uint32_t>(i);
    UChar32 c = 0;
    U8_NEXT_OR_FFFD(reinterpret_cast<const std::uint8_t*>(text.data()), i, size, c);
    if (U_IS_BMP(c)) {
      units.push_back(static_cast<UChar>(c));
      bytes.push_back(at);
    } else {
      units.push_back(U16_LEAD(c));
      units.push_back(U16_TRAIL(c));
      bytes.insert(bytes.end(), 2, at);
    }
  }
  bytes.push_back(static_cast<std::uint32_t>(text.size()));
}

void Segmenter::cut_ascii_words(std::string_view text) {
  words_.clear();
  for (std::size_t i = 0; i < text.size();) {
    if (!is_core(class_at(text, i))) {
      ++i;
      continue;
    }
    const std::size_t end = word_end(text, i);
    const std::string_view word = text.substr(i, end - i);
    if (holds_word(word))
      words_.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(end), may_be_cased(word)});
    i = end;
  }
}

void Segmenter::cut_icu_words(std::string_view text) {
  words_.clear();
  icu_->set_text(icu_->words);
  std::int32_t begin = 0;
  for (std::int32_t end = ubrk_next(icu_->words); end != UBRK_DONE; end = ubrk_next(icu_->words)) {
    const std::uint32_t from = icu_->byte(std::exchange(begin, end));
    const std::uint32_t to = icu_->byte(end);
    if (ubrk_getRuleStatus(icu_->words) < kFirstWordStatus) continue;
    const std::string_view word = text.substr(from, to - from);
    if (holds_word(word)) words_.push_back({from, to, may_be_cased(word)});
  }
}

void Segmenter::cut_sentences() {
  sentences_.clear();
  icu_->set_text(icu_->sentences);
  std::size_t word = 0;
  std::uint32_t begin = 0;
  for (std::int32_t next = ubrk_next(icu_->sentences); next != UBRK_DONE; next = ubrk_next(icu_->sentences)) {
    const std::uint32_t end = icu_->byte(next);
    if (word < words_.size() && words_[word].begin < end) sentences_.push_back(begin);
    while (word < words_.size() && words_[word].begin < end) ++word;
    begin = end;
  }
}

}  // namespace phasewatt::workload
