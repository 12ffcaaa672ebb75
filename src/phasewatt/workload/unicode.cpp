#include "phasewatt/workload/unicode.h"

#include <unicode/ucasemap.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cstdint>

namespace phasewatt::workload {
namespace {

bool is_continuation(char c) { return (static_cast<std::uint8_t>(c) & 0xC0U) == 0x80U; }

bool is_ascii_space(std::uint8_t c) { return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F); }

std::size_t sequence_length(std::uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

struct Decoded {
  char32_t code_point = 0xFFFD;
  std::size_t bytes = 1;
};

Decoded decode(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  const std::size_t length = sequence_length(lead);
  if (length == 1) return {lead, 1};
  if (length == 0 || length > text.size()) return {};
  char32_t code_point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return {};
    code_point = (code_point << 6U) | (static_cast<std::uint8_t>(text[i]) & 0x3FU);
  }
  return {code_point, length};
}

}  // namespace

std::size_t count_code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string_view first_code_points(std::string_view text, std::size_t count) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_continuation(text[i])) continue;
    if (count == 0) return text.substr(0, i);
    --count;
  }
  return text;
}

bool is_space(char32_t c) {
  if (c < 0x80) return is_ascii_space(static_cast<std::uint8_t>(c));
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z';
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_UPPERCASE) != 0;
}

std::string to_lower(std::string_view text) {
  // A case map is immutable and may be shared between threads; the root locale has no rules of its own.
  static const UCaseMap* const map = [] {
    UErrorCode status = U_ZERO_ERROR;
    return ucasemap_open("", 0, &status);
  }();
  // The longest growth by lower-casing is 2 bytes to 3.
  std::string lower(text.size() + text.size() / 2 + 1, '\0');
  UErrorCode status = U_ZERO_ERROR;
  const std::int32_t size = ucasemap_utf8ToLower(map, lower.data(), static_cast<std::int32_t>(lower.size()),
                                                 text.data(), static_cast<std::int32_t>(text.size()), &status);
  if (U_FAILURE(status) != 0) return std::string(text);
  lower.resize(static_cast<std::size_t>(size));
  return lower;
}

std::size_t leading_wide_space(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  // All other white space begins with one of these bytes.
  if (lead != 0xC2 && lead != 0xE1 && lead != 0xE2 && lead != 0xE3) return 0;
  const Decoded first = decode(text);
  return is_space(first.code_point) ? first.bytes : 0;
}

char32_t first_code_point(std::string_view text) { return decode(text).code_point; }

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  while (!text.empty()) {
    const std::size_t space = leading_space(text);
    if (space == 0 && !inside) ++words;
    inside = space == 0;
    text.remove_prefix(inside ? 1 : space);
  }
  return words;
}

}  // namespace phasewatt::workload
