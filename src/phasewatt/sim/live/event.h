#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace phasewatt::sim::live {

/// What can be made to happen to a simulated card, by a script or while it runs.
enum class EventKind : std::uint32_t {
  permission_denied,   ///< changing a clock is refused, whoever asks
  gpu_lost,            ///< the card has fallen off the bus: every call about it fails
  clock_not_attained,  ///< locks are installed, but the clock stays at `value` MHz (0: at the stock clock)
  foreign_lock,        ///< somebody else locks the clock at `value` MHz, once
  foreign_process,     ///< a process `pid` that is none of ours holds a context
  slow_calls,          ///< every call takes `value` milliseconds more
  stuck_sensor,        ///< power and energy keep the value of the first reading
  driver_mismatch,     ///< initialisation fails as after an update of the driver under running programs
  driver_not_loaded,   ///< initialisation fails as without a driver
};

struct EventName {
  EventKind kind;
  std::string_view name;
};
inline constexpr std::array kEventNames{
    EventName{EventKind::permission_denied, "permission_denied"},
    EventName{EventKind::gpu_lost, "gpu_lost"},
    EventName{EventKind::clock_not_attained, "clock_not_attained"},
    EventName{EventKind::foreign_lock, "foreign_lock"},
    EventName{EventKind::foreign_process, "foreign_process"},
    EventName{EventKind::slow_calls, "slow_calls"},
    EventName{EventKind::stuck_sensor, "stuck_sensor"},
    EventName{EventKind::driver_mismatch, "driver_mismatch"},
    EventName{EventKind::driver_not_loaded, "driver_not_loaded"},
};

constexpr std::string_view to_string(EventKind kind) { return kEventNames[static_cast<std::size_t>(kind)].name; }

constexpr std::optional<EventKind> parse_event(std::string_view name) {
  for (const auto& each : kEventNames)
    if (each.name == name) return each.kind;
  return std::nullopt;
}

}  // namespace phasewatt::sim::live
