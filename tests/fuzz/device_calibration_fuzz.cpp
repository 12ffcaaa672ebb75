// Any bytes as a calibration file, and as the lines of a load command: an error, or something that is written and read
// again as the same.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "phasewatt/device/calibration/file.h"
#include "phasewatt/device/calibration/load_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace phasewatt::device;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)parse_load_line(text.substr(0, text.find('\n')));
  const auto calibration = parse_calibration(text, "fuzz");
  if (!calibration) return 0;
  const double shortest = shortest_window_s(*calibration);
  if (!(shortest >= 0)) std::abort();
  const auto again = parse_calibration(to_json(*calibration), "again");
  if (!again || to_json(*again) != to_json(*calibration)) std::abort();
  return 0;
}
