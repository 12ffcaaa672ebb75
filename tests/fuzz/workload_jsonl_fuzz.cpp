// Any bytes to each JSONL reader; what is read gets its features.
#include <cstdint>
#include <string_view>

#include "phasewatt/workload/features.h"
#include "phasewatt/workload/readers.h"

using namespace phasewatt;
using namespace phasewatt::workload;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& result :
       {read_boolq(text, "fuzz"), read_hellaswag(text, "fuzz"), read_generic(text, "fuzz", "mine")}) {
    if (!result) continue;
    for (const Query& query : *result) {
      const Features features = paper_features(query);
      if (features.words != prompt_tokens(query) || features.words < 1) __builtin_trap();
      for (const int tokens : option_tokens(query))
        if (tokens < 1) __builtin_trap();
      if (query.answer && (*query.answer < 0 || *query.answer >= static_cast<int>(query.choices.size())))
        __builtin_trap();
    }
  }
  (void)paper_features(text);
  return 0;
}
