#include "phasewatt/workload/word_counts.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

// Text is read in pieces of eight bytes held in a number, the first byte lowest. A word is usually shorter than that,
// so that finding its end and hashing it take no loop, whose end the processor would guess wrong once per word.
constexpr std::size_t kPiece = 8;
constexpr std::uint64_t kEach = 0x0101010101010101U;
constexpr std::uint64_t kHighBits = 0x80 * kEach;

/// The `size` ≤ 8 bytes at `at`, of which `readable` may be touched; zeros above.
std::uint64_t load(const char* at, std::size_t size, std::size_t readable) {
  std::uint64_t piece = 0;
  std::memcpy(&piece, at, readable >= kPiece ? kPiece : size);
  if constexpr (std::endian::native == std::endian::big) piece = __builtin_bswap64(piece);
  return size == kPiece ? piece : piece & ((std::uint64_t{1} << (8 * size)) - 1);
}

/// Bytes before the first that may be white space (a control character, a space or beyond ASCII), at most 8.
std::size_t plain_prefix(std::uint64_t piece) {
  const std::uint64_t below_space = (piece - 0x21 * kEach) & ~piece;  // exact up to the first hit
  const std::uint64_t hits = (below_space | piece) & kHighBits;
  return hits == 0 ? kPiece : static_cast<std::size_t>(std::countr_zero(hits)) / 8;
}

/// Whether an ASCII piece has a capital.
bool has_capital(std::uint64_t piece) {
  const std::uint64_t from_a = piece + (0x80 - 'A') * kEach;
  const std::uint64_t beyond_z = piece + (0x80 - 'Z' - 1) * kEach;
  return (from_a & ~beyond_z & kHighBits) != 0;
}

bool is_beyond_ascii(char c) { return static_cast<std::uint8_t>(c) >= 0x80; }
bool continues(char c) { return (static_cast<std::uint8_t>(c) & 0xC0U) == 0x80U; }

std::uint64_t hash_step(std::uint64_t hash, std::uint64_t piece) {
  hash = (hash ^ piece) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32U);
}

/// Each step can be undone, so that words of one length up to 8 bytes with one hash are one word.
std::uint64_t hash_of(std::string_view word, std::size_t readable) {
  if (word.size() <= kPiece) return hash_step(0, load(word.data(), word.size(), readable));
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < word.size(); i += kPiece)
    hash = hash_step(hash, load(word.data() + i, std::min(kPiece, word.size() - i), readable - i));
  return hash;
}

/// Whether the word "a" stands in the middle of "as a result". Only ASCII letters lower-case to these letters.
bool surrounded_by_phrase(std::string_view text, std::string_view a) {
  constexpr std::string_view kPhrase = "as a result";
  constexpr std::size_t kBefore = 3;
  const auto at = static_cast<std::size_t>(a.data() - text.data());
  return at >= kBefore && to_lower_ascii(text.substr(at - kBefore, kPhrase.size())) == kPhrase;
}

}  // namespace

void WordCounts::grow(std::size_t slots) {
  slots_.assign(slots, 0);
  const std::size_t mask = slots - 1;
  for (std::uint32_t number = 1; number <= entries_.size(); ++number) {
    std::size_t i = entries_[number - 1].hash & mask;
    while (slots_[i] != 0) i = (i + 1) & mask;
    slots_[i] = number;
  }
}

WordCounts::Entry& WordCounts::find_or_insert(std::string_view word, std::uint64_t hash) {
  if (2 * entries_.size() >= slots_.size()) grow(2 * slots_.size());
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = hash & mask;; i = (i + 1) & mask) {
    std::uint32_t& slot = slots_[i];
    if (slot == 0) {
      entries_.push_back({word, hash, 0, 0, false});
      slot = static_cast<std::uint32_t>(entries_.size());
      return entries_.back();
    }
    Entry& known = entries_[slot - 1];
    if (known.hash == hash && known.word.size() == word.size() && (word.size() <= kPiece || known.word == word))
      return known;
  }
}

void WordCounts::add(std::string_view text, std::string_view word, bool cased) {
  ++words_;
  const char first = word.front();
  if (cased) {
    upper_first_ += (is_beyond_ascii(first) ? is_upper(first_code_point(word)) : first >= 'A' && first <= 'Z') ? 1 : 0;
  }
  if (word.size() == 1 && (first == 'a' || first == 'A')) as_a_result_ += surrounded_by_phrase(text, word) ? 1 : 0;
  const auto readable = static_cast<std::size_t>(text.data() + text.size() - word.data());
  Entry& entry = find_or_insert(word, hash_of(word, readable));
  if (entry.count++ == 0 && cased) {
    entry.cased = true;
    cased_.push_back(static_cast<std::uint32_t>(entries_.size() - 1));
  }
}

void WordCounts::begin(std::size_t bytes) {
  entries_.clear();
  cased_.clear();
  grow(std::bit_ceil(bytes / 4 + 16));  // prose has one distinct word in eight bytes at most
  words_ = upper_first_ = as_a_result_ = 0;
}

void WordCounts::count(std::string_view text) {
  begin(text.size());
  code_points_ = text.size();

  std::size_t begin = 0;
  bool cased = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t left = text.size() - i;
    const std::uint64_t piece = load(text.data() + i, std::min(kPiece, left), left);
    const std::size_t plain = std::min(plain_prefix(piece), left);
    if (plain == kPiece) {
      cased = cased || has_capital(piece);
      i += kPiece;
      continue;
    }
    cased = cased || has_capital(piece & ((std::uint64_t{1} << (8 * plain)) - 1));
    i += plain;
    if (i == text.size()) break;
    const std::size_t space = leading_space(text.substr(i));
    if (space == 0) {
      cased = cased || is_beyond_ascii(text[i]);
      code_points_ -= continues(text[i]) ? 1 : 0;
      ++i;
      continue;
    }
    if (i > begin) add(text, text.substr(begin, i - begin), cased);
    code_points_ -= space - 1;
    begin = i += space;
    cased = false;
  }
  if (text.size() > begin) add(text, text.substr(begin), cased);
  finish();
}

void WordCounts::finish() {
  distinct_folded_ = entries_.size() - cased_.size();
  // Lower-casing grows a word at most by half, so that views into the arena stay where they are.
  std::size_t bytes = 0;
  for (const std::uint32_t index : cased_) bytes += entries_[index].word.size();
  arena_.clear();
  arena_.reserve(2 * bytes);
  for (const std::uint32_t index : cased_) {
    const Entry entry = entries_[index];
    const std::size_t begin = arena_.size();
    if (std::none_of(entry.word.begin(), entry.word.end(), is_beyond_ascii)) {
      for (const char c : entry.word) arena_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else {
      arena_ += to_lower(entry.word);
    }
    const std::string_view lower = std::string_view(arena_).substr(begin);
    Entry& folded = find_or_insert(lower, hash_of(lower, lower.size()));
    distinct_folded_ += folded.folded() == 0 ? 1 : 0;
    folded.others += entry.count;
  }
}

}  // namespace phasewatt::workload
