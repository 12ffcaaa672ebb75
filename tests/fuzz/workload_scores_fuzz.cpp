// Any bytes as reference and prediction, parted at the first line end.
#include <cstdint>
#include <string_view>

#include "phasewatt/workload/scores.h"

using namespace phasewatt::workload;

namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void check_unit(double value) { check(value >= 0 && value <= 1); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view reference = text.substr(0, text.find('\n'));
  const std::string_view prediction = text.substr(reference.size());
  const Rouge forth = rouge(reference, prediction);
  const Rouge back = rouge(prediction, reference);
  for (const auto measure : {&Rouge::rouge_1, &Rouge::rouge_2, &Rouge::rouge_l}) {
    check_unit((forth.*measure).precision);
    check_unit((forth.*measure).recall);
    check_unit((forth.*measure).f1);
    check((forth.*measure).f1 == (back.*measure).f1);
  }
  check(forth.rouge_l.f1 <= forth.rouge_1.f1);
  check_unit(match_answer(reference, prediction).f1);
  check(match_answer(text, text).exact == 1);
  return 0;
}
