// Any bytes to each CSV reader. A byte 0xFF, which no UTF-8 text holds, parts questions from summaries.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/features.h"
#include "phasewatt/workload/readers.h"

using namespace phasewatt;
using namespace phasewatt::workload;

namespace {

void check(const Result<Queries>& result) {
  if (!result) return;
  for (const Query& query : *result)
    if (paper_features(query).words != prompt_tokens(query) || prompt_tokens(query) < 1) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(read_truthfulqa(text, "fuzz"));
  const std::string_view questions = text.substr(0, text.find('\xFF'));
  const std::string_view summaries = text.substr(std::min(questions.size() + 1, text.size()));
  check(read_narrativeqa({questions, "qaps", summaries, "summaries"}, "test"));
  if (auto own = CsvTable::open(text, "fuzz")) check(read_all(*stream_csv(std::move(*own), "mine")));

  auto table = CsvTable::open(text, "fuzz");
  while (table) {
    const auto more = table->next();
    if (!more || !*more) break;
  }
  return 0;
}
