// Any bytes as tokenizer files of each form; vocab.json and merges.txt are parted by a NUL. What is read encodes and
// decodes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/workload/tokenizer.h"
#include "phasewatt/workload/tokenizer_parts.h"

using namespace phasewatt;
using namespace phasewatt::workload;

namespace {

void use(Result<TokenizerParts> parts) {
  if (!parts) return;
  if (!parts->presplit) parts->presplit = Presplit::gpt2;
  const auto tokenizer = Tokenizer::build(*parts, "fuzz");
  if (!tokenizer) return;
  const std::string text = "It's 12 caf\u00e9s\n\n  <|end|> aaaa";
  std::vector<std::uint32_t> ids;
  tokenizer->encode(text, ids, {.special_tokens = true, .bos = true});
  if (!tokenizer->decode(ids)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  use(read_tokenizer_json(text, "fuzz"));
  use(read_tiktoken(text, "fuzz"));
  const std::size_t nul = std::min(text.find('\0'), text.size());
  use(read_vocab_merges(text.substr(0, nul), "fuzz", text.substr(std::min(nul + 1, text.size())), "fuzz"));
  TokenizerParts parts;
  (void)read_added_tokens(text, "fuzz", parts).ok();
  (void)read_tokenizer_config(text, "fuzz", parts).ok();
  return 0;
}
