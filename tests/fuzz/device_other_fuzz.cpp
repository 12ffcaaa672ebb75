// Any bytes as what ROCm SMI wrote for a clock, and as what the kernel wrote for a number: something or nothing, never
// a crash, and never a clock that no card has.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "phasewatt/device/rapl/powercap.h"
#include "phasewatt/device/rocm/frequencies.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt::device;
  rocm::rsmi_frequencies_room_t room;
  rocm::poison(room);
  std::memcpy(room.bytes, data, std::min(size, sizeof room.bytes));
  if (const auto read = rocm::read_frequencies(room)) {
    if (read->levels.size() > 33 || (read->current && read->current->value() > 1e5)) std::abort();
    const auto clocks = rocm::supported_clocks(*read);
    if (std::adjacent_find(clocks.begin(), clocks.end(), std::greater_equal<>()) != clocks.end()) std::abort();
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto number = rapl::parse_number(text);
  if (number && text.find_first_of("0123456789") == std::string_view::npos) std::abort();
  return 0;
}
