#include "phasewatt/workload/pretokenize.h"

#include <unicode/uchar.h>

#include <algorithm>

namespace phasewatt::workload {
namespace {

constexpr UChar32 kCodePoints = 0x110000;

CharKind kind_of(UCharCategory category) {
  switch (category) {
    case U_UPPERCASE_LETTER:
    case U_LOWERCASE_LETTER:
    case U_TITLECASE_LETTER:
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER: return CharKind::letter;
    case U_DECIMAL_DIGIT_NUMBER:
    case U_LETTER_NUMBER:
    case U_OTHER_NUMBER: return CharKind::number;
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR: return CharKind::space;
    default: return CharKind::other;
  }
}

UBool fill_range(const void* context, UChar32 start, UChar32 limit, UCharCategory category) {
  auto& kinds = *static_cast<std::vector<CharKind>*>(const_cast<void*>(context));
  std::fill(kinds.begin() + start, kinds.begin() + limit, kind_of(category));
  return true;
}

/// The lower-case ASCII letter at p, case ignored or not; 0 when there is none.
struct FoldedLetter {
  char letter = 0;
  std::uint32_t bytes = 0;
};
FoldedLetter folded_letter(const char* p, const char* end, bool ignore_case) {
  if (p == end) return {};
  if (*p >= 'a' && *p <= 'z') return {*p, 1};
  if (!ignore_case) return {};
  if (*p >= 'A' && *p <= 'Z') return {static_cast<char>(*p - 'A' + 'a'), 1};
  if (end - p >= 2 && p[0] == '\xC5' && p[1] == '\xBF') return {'s', 2};
  return {};
}

bool is_white(CharKind kind) { return kind == CharKind::space || kind == CharKind::newline; }

}  // namespace

const std::vector<CharKind>& char_kinds() {
  static const std::vector<CharKind> table = [] {
    std::vector<CharKind> kinds(kCodePoints, CharKind::other);
    u_enumCharTypes(fill_range, &kinds);
    // White_Space is the separators (Z) and these controls.
    for (const char32_t control : {U'\t', U'\v', U'\f', U'\x85'}) kinds[control] = CharKind::space;
    kinds['\r'] = kinds['\n'] = CharKind::newline;
    return kinds;
  }();
  return table;
}

WideChar decode_wide(const char* p, const char* end) {
  const auto byte = [&](std::ptrdiff_t i) { return static_cast<std::uint8_t>(p[i]); };
  const auto follows = [&](std::ptrdiff_t i, std::uint8_t low, std::uint8_t high) {
    return end - p > i && byte(i) >= low && byte(i) <= high;
  };
  const auto bits = [&](std::ptrdiff_t i) { return static_cast<char32_t>(byte(i) & 0x3FU); };
  const std::uint8_t lead = byte(0);
  if (lead >= 0xC2 && lead <= 0xDF) {
    if (follows(1, 0x80, 0xBF)) return {(lead & 0x1FU) << 6U | bits(1), 2};
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    // No overlong forms, no surrogates.
    if (follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2, 0x80, 0xBF))
      return {(lead & 0x0FU) << 12U | bits(1) << 6U | bits(2), 3};
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    if (follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2, 0x80, 0xBF) &&
        follows(3, 0x80, 0xBF))
      return {(lead & 0x07U) << 18U | bits(1) << 12U | bits(2) << 6U | bits(3), 4};
  }
  return {};
}

std::uint32_t contraction(const char* p, const char* end, bool ignore_case) {
  const FoldedLetter first = folded_letter(p + 1, end, ignore_case);
  switch (first.letter) {
    case 's':
    case 't':
    case 'm':
    case 'd': return 1 + first.bytes;
    case 'r':
    case 'v':
    case 'l': {
      const FoldedLetter second = folded_letter(p + 1 + first.bytes, end, ignore_case);
      return second.letter == (first.letter == 'l' ? 'l' : 'e') ? 1 + first.bytes + second.bytes : 0;
    }
    default: return 0;
  }
}

const char* white_space_end(const CharScan& scan, const char* p, const char* end) {
  const char* after_newline = nullptr;
  const char* last = p;
  const char* next = p;
  while (next < end) {
    const TextChar c = scan.at(next, end);
    if (!is_white(c.kind)) break;
    last = next;
    next += c.bytes;
    if (c.kind == CharKind::newline) after_newline = next;
  }
  if (after_newline != nullptr) return after_newline;
  // The last character of a run stays for what follows, unless it is the only one.
  return next == end || last == p ? next : last;
}

const char* Gpt2Split::operator()(const char* p, const char* end) const {
  if (*p == '\'') {
    if (const std::uint32_t bytes = contraction(p, end, false); bytes > 0) return p + bytes;
  }
  const char* start = *p == ' ' && end - p > 1 ? p + 1 : p;
  const TextChar c = scan.at(start, end);
  if (!is_white(c.kind)) return scan.skip(c.kind, start + c.bytes, end);
  const char* last = p;
  const char* next = p;
  while (next < end) {
    const TextChar white = scan.at(next, end);
    if (!is_white(white.kind)) break;
    last = next;
    next += white.bytes;
  }
  return next == end || last == p ? next : last;
}

}  // namespace phasewatt::workload
