#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"
#include "phasewatt/device/calibration.h"

/// The lines that a load command answers with; docs/calibration.md describes the protocol. Pure functions.
namespace phasewatt::device {

struct LoadReady {};
struct LoadOn {
  Nanos at{};  ///< CLOCK_MONOTONIC, the GPU is busy
};
struct LoadOff {
  Nanos at{};  ///< the GPU has been synchronised and is idle
};
struct LoadCeiling {
  std::optional<double> Ceilings::*member = nullptr;
  double value = 0;
  std::optional<Stretch> when{};  ///< CLOCK_MONOTONIC, while it was reached
};
struct LoadMeasured {};
using LoadLine = std::variant<LoadReady, LoadOn, LoadOff, LoadCeiling, LoadMeasured>;

/// One line without its end: "ready", "on <ns>", "off <ns>", "ceiling <name> <number> [<ns> <ns>]", "measured".
/// bad_input quotes what was got.
Result<LoadLine> parse_load_line(std::string_view line);

/// For messages: what is printable of a line, at most 80 characters.
std::string quoted(std::string_view line);

}  // namespace phasewatt::device
