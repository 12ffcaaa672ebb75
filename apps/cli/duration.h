#pragma once

#include <string>
#include <string_view>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"

namespace phasewatt::cli {

/// "10ms", "1.5s", "2m", "1h" (also "us"): more than nothing and at most 1000 h. `flag` stands in the error.
Result<Nanos> parse_duration(std::string_view text, const std::string& flag);

/// Shortest of the same units that is exact enough to read: "10 ms", "1.5 s".
std::string duration_words(Nanos span);

}  // namespace phasewatt::cli
