#include "phasewatt/workload/word_counts.h"

#include <algorithm>
#include <array>
#include <bit>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

// FNV-1a's step with a final mix, because slots are taken from the low bits.
constexpr std::uint64_t kHashStart = 0xcbf29ce484222325U;
constexpr std::uint64_t hash_step(std::uint64_t hash, std::uint8_t byte) { return (hash ^ byte) * 0x100000001b3U; }
constexpr std::uint64_t hash_end(std::uint64_t hash) { return hash ^ (hash >> 32U); }

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = kHashStart;
  for (const char c : word) hash = hash_step(hash, static_cast<std::uint8_t>(c));
  return hash_end(hash);
}

enum Kind : std::uint8_t { lower_or_other, upper, space, beyond_ascii };

constexpr std::array<Kind, 256> kKinds = [] {
  std::array<Kind, 256> kinds{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool white = c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    kinds[c] = c >= 0x80 ? beyond_ascii : white ? space : c >= 'A' && c <= 'Z' ? upper : lower_or_other;
  }
  return kinds;
}();

/// Whether the word "a" stands in the middle of "as a result". Only ASCII letters lower-case to these letters.
bool surrounded_by_phrase(std::string_view text, std::string_view a) {
  constexpr std::string_view kPhrase = "as a result";
  constexpr std::size_t kBefore = 3;
  const auto at = static_cast<std::size_t>(a.data() - text.data());
  return at >= kBefore && to_lower_ascii(text.substr(at - kBefore, kPhrase.size())) == kPhrase;
}

}  // namespace

void WordCounts::Table::reset(std::size_t most_words) {
  slots.assign(std::bit_ceil(2 * most_words + 1), 0);
  entries.clear();
}

void WordCounts::Table::add(const Entry& entry) {
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = entry.hash & mask;; i = (i + 1) & mask) {
    std::uint32_t& slot = slots[i];
    if (slot == 0) {
      entries.push_back(entry);
      slot = static_cast<std::uint32_t>(entries.size());
      return;
    }
    Entry& known = entries[slot - 1];
    if (known.hash == entry.hash && known.word == entry.word) {
      known.count += entry.count;
      return;
    }
  }
}

void WordCounts::add_word(const Entry& word, std::string_view text) {
  ++words_;
  const char first = word.word.front();
  const bool ascii = static_cast<std::uint8_t>(first) < 0x80;
  if (word.cased && (ascii ? first >= 'A' && first <= 'Z' : is_upper(first_code_point(word.word)))) ++upper_first_;
  if (word.word.size() == 1 && (first == 'a' || first == 'A') && surrounded_by_phrase(text, word.word)) ++as_a_result_;
  exact_.add(word);
}

void WordCounts::count(std::string_view text) {
  exact_.reset((text.size() + 1) / 2);
  words_ = upper_first_ = as_a_result_ = 0;

  std::size_t begin = 0;
  std::uint64_t hash = kHashStart;
  bool cased = false;
  const auto finish = [&](std::size_t end) {
    if (end > begin) add_word({text.substr(begin, end - begin), hash_end(hash), 1, cased}, text);
    hash = kHashStart;
    cased = false;
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const Kind kind = kKinds[byte];
    const std::size_t white = kind == space ? 1 : kind == beyond_ascii ? leading_space(text.substr(i)) : 0;
    if (white != 0) {
      finish(i);
      begin = i += white;
      continue;
    }
    hash = hash_step(hash, byte);
    cased = cased || kind != lower_or_other;
    ++i;
  }
  finish(text.size());
  fold_case();
}

void WordCounts::fold_case() {
  lower_.reset(exact_.entries.size());
  // Lower-casing grows a text at most by half, so that views into the arena stay where they are.
  arena_.clear();
  std::size_t cased_bytes = 0;
  for (const Entry& entry : exact_.entries) cased_bytes += entry.cased ? entry.word.size() : 0;
  arena_.reserve(2 * cased_bytes);
  for (const Entry& entry : exact_.entries) {
    if (!entry.cased) {
      lower_.add(entry);
      continue;
    }
    const std::size_t begin = arena_.size();
    if (std::all_of(entry.word.begin(), entry.word.end(), [](char c) { return static_cast<std::uint8_t>(c) < 0x80; })) {
      for (const char c : entry.word) arena_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else {
      arena_ += to_lower(entry.word);
    }
    const std::string_view word = std::string_view(arena_).substr(begin);
    lower_.add({word, hash_of(word), entry.count, false});
  }
}

}  // namespace phasewatt::workload
