#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "phasewatt/base/records.h"

/// The rows of study_calibration.
namespace phasewatt::store {

/// Begins the names of those that hold a GPU's calibration.
inline constexpr std::string_view kSensorsName = "sensors.";

/// A row that holds one of the card's ceilings.
struct CeilingColumn {
  std::string_view name;
  std::optional<double> (*get)(const Ceilings&);
  void (*set)(Ceilings&, double);
};

inline constexpr std::array kCeilingColumns{
    CeilingColumn{"ceiling.copy_bytes_per_s", [](const Ceilings& c) { return c.copy_bytes_per_s; },
                  [](Ceilings& c, double v) { c.copy_bytes_per_s = v; }},
    CeilingColumn{"ceiling.stream_bytes_per_s", [](const Ceilings& c) { return c.stream_bytes_per_s; },
                  [](Ceilings& c, double v) { c.stream_bytes_per_s = v; }},
    CeilingColumn{"ceiling.gemm_flops_per_s", [](const Ceilings& c) { return c.gemm_flops_per_s; },
                  [](Ceilings& c, double v) { c.gemm_flops_per_s = v; }},
    CeilingColumn{"ceiling.launch_s", [](const Ceilings& c) { return c.launch_s; },
                  [](Ceilings& c, double v) { c.launch_s = v; }},
    CeilingColumn{"ceiling.gemm_sm_mhz",
                  [](const Ceilings& c) { return c.gemm_clock ? std::optional(c.gemm_clock->value()) : std::nullopt; },
                  [](Ceilings& c, double v) { c.gemm_clock = Mhz(v); }}};

}  // namespace phasewatt::store
