#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

/// How byte-level BPE tokenizers cut text into pieces before they merge, by hand instead of by regular expression:
/// the same pieces, an order of magnitude faster. tests/workload/pretokenize_test.cpp compares with PCRE2.
namespace phasewatt::workload {

/// What the expressions tell apart. `space` is Unicode's White_Space except CR and LF, `letter` is \p{L}, `number`
/// \p{N}. A byte that is not part of valid UTF-8 is a character of its own and `other`.
enum class CharKind : std::uint8_t { other, letter, number, space, newline };

/// The kinds of all code points (ICU's tables).
const std::vector<CharKind>& char_kinds();

/// A character of the text.
struct TextChar {
  CharKind kind = CharKind::other;
  std::uint32_t bytes = 1;
};

/// Code point and length of the UTF-8 sequence at `p`, whose first byte is 0x80 or more; bytes = 1 and U+FFFD when it
/// is not valid.
struct WideChar {
  char32_t code_point = 0xFFFD;
  std::uint32_t bytes = 1;
};
WideChar decode_wide(const char* p, const char* end);

/// Walks over characters of one kind. All functions read within [p, end) only.
class CharScan {
 public:
  CharScan() : kinds_(char_kinds().data()) {}

  /// The character at p < end.
  [[nodiscard]] TextChar at(const char* p, const char* end) const {
    const auto byte = static_cast<std::uint8_t>(*p);
    if (byte < 0x80) return {kinds_[byte], 1};
    const WideChar wide = decode_wide(p, end);
    return {kinds_[wide.code_point], wide.bytes};
  }

  /// The end of the run of characters of `kind` that begins at p.
  [[nodiscard]] const char* skip(CharKind kind, const char* p, const char* end) const {
    while (p < end) {
      const TextChar c = at(p, end);
      if (c.kind != kind) break;
      p += c.bytes;
    }
    return p;
  }

  /// skip() for letters, eight ASCII bytes at a time.
  [[nodiscard]] const char* skip_letters(const char* p, const char* end) const {
    while (end - p >= 8) {
      const unsigned letters = ascii_letters(p);
      p += letters;
      if (letters == 8) continue;
      if (static_cast<std::uint8_t>(*p) < 0x80) return p;
      const TextChar c = at(p, end);
      if (c.kind != CharKind::letter) return p;
      p += c.bytes;
    }
    return skip(CharKind::letter, p, end);
  }

  /// At most `limit` further numbers.
  [[nodiscard]] const char* skip_numbers(int limit, const char* p, const char* end) const {
    for (; limit > 0 && p < end; --limit) {
      const TextChar c = at(p, end);
      if (c.kind != CharKind::number) break;
      p += c.bytes;
    }
    return p;
  }

 private:
  /// How many of the eight bytes at p are ASCII letters before the first that is not.
  static unsigned ascii_letters(const char* p) {
    constexpr std::uint64_t kEach = 0x0101010101010101U;
    std::uint64_t word = 0;
    if constexpr (std::endian::native == std::endian::little) {
      std::memcpy(&word, p, 8);
    } else {
      for (unsigned i = 0; i < 8; ++i) word |= std::uint64_t{static_cast<std::uint8_t>(p[i])} << (8 * i);
    }
    const std::uint64_t lower = (word | (0x20 * kEach)) & (0x7F * kEach);
    // The top bit of a byte is set by the first sum from 'a' on, by the second beyond 'z'.
    const std::uint64_t from_a = lower + (0x80 - 'a') * kEach;
    const std::uint64_t beyond_z = lower + (0x7F - 'z') * kEach;
    const std::uint64_t others = ~(from_a & ~beyond_z & ~word) & (0x80 * kEach);
    return static_cast<unsigned>(std::countr_zero(others)) / 8;
  }

  const CharKind* kinds_;
};

/// Length of 's 't 're 've 'm 'll 'd at p, where an apostrophe stands; 0 when there is none. Ignoring case takes in
/// the long s (U+017F), as Unicode's case folding says.
std::uint32_t contraction(const char* p, const char* end, bool ignore_case);

/// The end of \s*[\r\n]+|\s+(?!\S)|\s+ at p, where white space stands.
const char* white_space_end(const CharScan& scan, const char* p, const char* end);

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,kNumbers}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|
/// \s+(?!\S)|\s+ with kNumbers = 3 for Llama 3 and 1 for Qwen2.
template <int kNumbers>
struct Cl100kSplit {
  CharScan scan;

  /// The end of the piece that begins at p < end.
  const char* operator()(const char* p, const char* end) const {
    const TextChar first = scan.at(p, end);
    const char* next = p + first.bytes;
    if (first.kind == CharKind::letter) return scan.skip_letters(next, end);
    if (first.kind == CharKind::number) return scan.skip_numbers(kNumbers - 1, next, end);
    if (first.kind == CharKind::newline) return white_space_end(scan, p, end);
    if (*p == '\'') {
      if (const std::uint32_t bytes = contraction(p, end, true); bytes > 0) return p + bytes;
    }
    const TextChar second = next < end ? scan.at(next, end) : TextChar{CharKind::newline, 0};
    if (second.kind == CharKind::letter) return scan.skip_letters(next + second.bytes, end);
    if (first.kind == CharKind::other || (*p == ' ' && second.kind == CharKind::other))
      return scan.skip(CharKind::newline, scan.skip(CharKind::other, next, end), end);
    return white_space_end(scan, p, end);
  }
};

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ (GPT-2).
struct Gpt2Split {
  CharScan scan;

  const char* operator()(const char* p, const char* end) const;
};

}  // namespace phasewatt::workload
