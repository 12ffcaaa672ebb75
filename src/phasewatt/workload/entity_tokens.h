#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

/// Tokens and sentences as the entity tagger sees them, close to those of Universal Dependencies: white space parts,
/// punctuation stands alone, hyphens part ("Al - Zaman"), clitics part ("Rome 's", "do n't"), addresses stay whole.
namespace phasewatt::workload {

/// Bytes [begin, end) of the text.
struct TokenSpan {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

/// A sentence is cut after so many tokens, so that scratch memory stays bounded.
inline constexpr std::size_t kMaxSentenceTokens = 256;

/// Puts the tokens of the sentence that starts at byte `begin` (or after the white space there) into `out`
/// (overwritten) and returns where the next one starts; `out` is empty only at the end of the text. Sentences end at .
/// ! ? before what can start a sentence, at blank lines, and at the end of short lines. `text` holds less than 4 GiB.
/// Pure.
std::size_t next_sentence(std::string_view text, std::size_t begin, std::vector<TokenSpan>& out);

}  // namespace phasewatt::workload
