#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Small text helpers that messages and readers share. All are pure and thread-safe.
namespace phasewatt {

/// The candidate with the smallest edit distance to `word` (at most max(2, length/2) edits); empty when none is near.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

/// "did you mean 'x'? valid: a, b, c" — the hint for an unknown word.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// Joins with a separator.
std::string join(std::span<const std::string> parts, std::string_view separator);

/// Without leading and trailing ASCII white space.
std::string_view trim(std::string_view text);

/// Lower-case of ASCII letters; other bytes as they are.
std::string to_lower_ascii(std::string_view text);

/// Byte offset of the first byte that is not part of valid UTF-8; npos when all is valid.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace phasewatt
