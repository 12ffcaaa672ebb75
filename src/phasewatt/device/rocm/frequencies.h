#pragma once

#include <optional>
#include <vector>

#include "phasewatt/base/units.h"
#include "phasewatt/device/rocm/rsmi_types.h"

namespace phasewatt::device::rocm {

/// What rsmi_dev_gpu_clk_freq_get says, in one shape.
struct Frequencies {
  std::vector<Mhz> levels;     ///< as listed, without the one of deep sleep
  std::optional<Mhz> current;  ///< absent when the library does not mark one
};

/// Fills the room with what no library writes, so that read_frequencies() sees whether the call filled it.
void poison(rsmi_frequencies_room_t& room);

/// Reads either layout; nullopt when the room holds neither, as when a library says success without filling it.
///
/// The layouts are told apart by their bytes: libraries of both report the version 1.0 (Debian's packages of ROCm 5 as
/// ROCm 7.2). Layout 6 begins with a bool and has a count of at least 1 at byte 4; read as layout 5 that would be one
/// frequency, the current one of which does not exist. Every frequency must lie below 100 GHz. Pure.
std::optional<Frequencies> read_frequencies(const rsmi_frequencies_room_t& room);

/// The clocks a card can be set to: the levels in ascending order. Empty when they do not say: cards with fine-grained
/// clocks list least, current and greatest, so that three levels or fewer are no list. Pure.
std::vector<Mhz> supported_clocks(const Frequencies& frequencies);

}  // namespace phasewatt::device::rocm
