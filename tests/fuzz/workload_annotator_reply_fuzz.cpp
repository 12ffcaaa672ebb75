// Any bytes as an annotator's reply to a text with characters of one to four bytes; spans lie on their boundaries.
#include <cstdint>
#include <string_view>

#include "phasewatt/workload/annotator_lines.h"

using namespace phasewatt::workload;

namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kText = "Zo\u00EB \u65E5\u672C \U0001F642 in Z\u00FCrich";
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto reply = parse_annotator_reply(line, "q/1", kText);
  if (!reply) {
    check(!reply.error().what.empty());
    return 0;
  }
  const auto on_boundary = [&](std::uint32_t at) {
    return at == kText.size() || (static_cast<std::uint8_t>(kText[at]) & 0xC0U) != 0x80U;
  };
  std::uint32_t last = 0;
  for (const auto& span : reply->entities) {
    check(span.begin >= last && span.begin < span.end && span.end <= kText.size());
    check(on_boundary(span.begin) && on_boundary(span.end));
    last = span.begin;
  }
  return 0;
}
