// Any bytes as an entity model: as they are, and with the right checksum, so that what lies behind it is reached.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/workload/entities.h"
#include "phasewatt/workload/entity_model.h"

using namespace phasewatt;
using namespace phasewatt::workload;

namespace {

void check(std::string_view bytes) {
  const auto tagger = EntityTagger::open_bytes(bytes, "fuzz");
  if (!tagger) return;
  if (tagger->model().serialize() != bytes) __builtin_trap();
  EntityWorker worker(*tagger);
  std::vector<phasewatt::EntitySpan> spans;
  const std::string_view text = "Barack Obama of the U.S. met new york's Bank of England; 1,000 \xC3\x89mile.";
  worker.tag(text, spans);
  for (const auto& span : spans)
    if (span.begin >= span.end || span.end > text.size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  seal_entity_model(bytes);
  check(bytes);
  return 0;
}
