#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What Python's str does, on UTF-8, because the paper's numbers were computed there. All functions are pure and
/// thread-safe, and take any bytes: a byte that is not valid UTF-8 counts as one character that is not white space.
namespace phasewatt::workload {

/// Code points of the text (`len`).
std::size_t count_code_points(std::string_view text);

/// The first `count` code points (`text[:count]`); all of it when it has fewer.
std::string_view first_code_points(std::string_view text, std::size_t count);

/// White space as `str.split()` sees it: the 29 code points of Unicode's bidirectional types WS, B, S and category Zs.
bool is_space(char32_t code_point);

/// `str.isupper()` of one character: Unicode's derived property Uppercase.
bool is_upper(char32_t code_point);

/// `str.lower()`: full Unicode lower-casing, with the final sigma, without a language's own rules.
std::string to_lower(std::string_view text);

/// Words as `str.split()` without arguments sees them.
std::size_t count_words(std::string_view text);

/// What leading_space() says of a text whose first byte is beyond ASCII.
std::size_t leading_wide_space(std::string_view text);

/// Length in bytes of the white-space character at the front of a non-empty text, 0 when there is none.
inline std::size_t leading_space(std::string_view text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  if (lead > ' ') return lead < 0x80 ? 0 : leading_wide_space(text);
  return lead == ' ' || (lead >= 0x09 && lead <= 0x0D) || lead >= 0x1C ? 1 : 0;
}

/// The first code point of a non-empty text; U+FFFD when it is not valid UTF-8.
char32_t first_code_point(std::string_view text);

}  // namespace phasewatt::workload
