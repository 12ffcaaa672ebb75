#include "apps/cli/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace phasewatt::cli {
namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
constexpr std::array kUnits{Unit{"us", 1e-6}, Unit{"ms", 1e-3}, Unit{"s", 1}, Unit{"m", 60}, Unit{"h", 3600}};
constexpr double kLongest = 1000 * 3600.0;

}  // namespace

Result<Nanos> parse_duration(std::string_view text, const std::string& flag) {
  const Error wrong{ErrorCode::usage, fmt::format("{} is '{}', which is no span of time", flag, text),
                    "write a number and a unit: 500us, 10ms, 1.5s, 2m, 1h"};
  double number = 0;
  const auto [rest, failed] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (failed != std::errc() || !std::isfinite(number)) return wrong;
  const std::string_view unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  for (const auto& each : kUnits) {
    if (unit != each.name) continue;
    const double seconds = number * each.seconds;
    if (seconds < 1e-6 || seconds > kLongest) return wrong;
    return from_seconds(seconds);
  }
  return wrong;
}

std::string duration_words(Nanos span) {
  const double seconds = to_seconds(span);
  if (seconds < 1e-3) return fmt::format("{:.6g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.6g} ms", seconds * 1e3);
  return fmt::format("{:.6g} s", seconds);
}

}  // namespace phasewatt::cli
