// Any bytes as text, with a vocabulary whose merges meet often: what is encoded decodes to the same bytes, the pieces
// of the three splitters make progress, and normalised text is encoded the same again.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_parts.h"

using namespace phasewatt;
using namespace phasewatt::workload;

namespace {

Tokenizer make(Presplit presplit, bool nfc) {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte) parts.tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* token : {"aa", "aaa", "ab", "aab", " a", "e\u0301", "\xCC\x81", "\u00e9", "\n\n", "  ", "'s", "12"})
    parts.tokens.emplace_back(token);
  parts.whole_pieces = true;
  parts.added = {{"<|end|>", static_cast<std::uint32_t>(parts.tokens.size())}};
  parts.presplit = presplit;
  parts.nfc = nfc;
  auto tokenizer = Tokenizer::build(parts, "fuzz");
  if (!tokenizer) __builtin_trap();
  return std::move(tokenizer).value();
}

std::string round_trip(const Tokenizer& tokenizer, TokenEncoder& encoder, std::string_view text,
                       EncodeOptions options) {
  std::vector<std::uint32_t> ids;
  encoder.encode(text, ids, options);
  if (ids.size() != encoder.count(text, options)) __builtin_trap();
  return tokenizer.decode(ids).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Tokenizer> tokenizers{make(Presplit::gpt2, false), make(Presplit::llama3, false),
                                                 make(Presplit::qwen2, false)};
  static std::vector<TokenEncoder> encoders(tokenizers.begin(), tokenizers.end());
  static const Tokenizer normalising = make(Presplit::qwen2, true);
  static TokenEncoder normalising_encoder(normalising);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (std::size_t i = 0; i < tokenizers.size(); ++i)
    for (const bool special : {false, true})
      if (round_trip(tokenizers[i], encoders[i], text, {.special_tokens = special}) != text) __builtin_trap();
  const std::string once = round_trip(normalising, normalising_encoder, text, {});
  if (round_trip(normalising, normalising_encoder, once, {}) != once) __builtin_trap();
  return 0;
}
