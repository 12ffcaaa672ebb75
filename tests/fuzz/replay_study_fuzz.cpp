#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "phasewatt/replay/study.h"

// Any bytes give a study within its documented ranges or an error that says something.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto study = phasewatt::replay::parse_study({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (!study) {
    if (study.error().what.empty()) std::abort();
    return 0;
  }
  if (study->models.empty() || study->datasets.empty() || study->batch_sizes.empty()) std::abort();
  if (study->clocks.list.empty() != study->clocks.automatic.has_value()) std::abort();
  if (study->repeats < 1 || study->repeats > 100 || study->decoding.max_new_tokens < 1) std::abort();
  return 0;
}
