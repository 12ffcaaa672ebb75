// Any bytes as quality scores, in both formats; what is read is whole, within 0..1 and not read twice.
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "phasewatt/workload/quality_file.h"

using namespace phasewatt;
using namespace phasewatt::workload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& result : {read_qualities(text, "fuzz.jsonl"), read_qualities(text, "fuzz.csv")}) {
    if (!result) {
      if (result.error().what.find("fuzz.") == std::string::npos) __builtin_trap();
      continue;
    }
    std::set<std::pair<std::string_view, std::string_view>> seen;
    if (result->empty()) __builtin_trap();
    for (const QualityScore& score : *result) {
      if (score.id.empty() || score.model.empty() || !(score.quality >= 0 && score.quality <= 1)) __builtin_trap();
      if (!seen.emplace(score.id, score.model).second) __builtin_trap();
    }
  }
  return 0;
}
