// Any bytes as a text: mentions are in order and inside, and a worker finds the same again.
#include <cstdint>
#include <string_view>
#include <vector>

#include "phasewatt/workload/entities.h"

using namespace phasewatt::workload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static EntityWorker used(EntityTagger::shipped());
  std::vector<phasewatt::EntitySpan> spans, again;
  used.tag(text, spans);
  std::uint32_t last = 0;
  for (const auto& span : spans) {
    if (span.begin < last || span.begin >= span.end || span.end > size) __builtin_trap();
    last = span.end;
  }
  used.tag(text, again);
  if (spans != again) __builtin_trap();
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < size; at += 3) tokens.push_back(text.substr(at, 3));
  used.tag_tokens(tokens, spans);
  for (const auto& span : spans)
    if (span.begin >= span.end || span.end > tokens.size()) __builtin_trap();
  return 0;
}
