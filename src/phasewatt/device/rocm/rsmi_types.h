#pragma once

#include <cstddef>
#include <cstdint>

/// The part of ROCm SMI's C interface (librocm_smi64) that phasewatt uses, declared by hand so that a build needs no
/// ROCm. Names, values and layouts are those of the public header (ROCm SMI 5.2 to 7), inside a namespace so that a
/// program may include AMD's header beside this one. Sizes are asserted at the end.
///
/// Units: power µW, energy counts of a resolution in µJ, clocks Hz, temperature thousandths of a degree Celsius.
// NOLINTBEGIN(readability-identifier-naming): the interface's own names, under which people look them up.
namespace phasewatt::device::rocm {

/// What every function returns.
enum rsmi_status_t : std::uint32_t {
  RSMI_STATUS_SUCCESS = 0,
  RSMI_STATUS_INVALID_ARGS = 1,
  RSMI_STATUS_NOT_SUPPORTED = 2,  ///< by this card or this library
  RSMI_STATUS_FILE_ERROR = 3,     ///< the driver does not offer the file that the value would come from
  RSMI_STATUS_PERMISSION = 4,
  RSMI_STATUS_OUT_OF_RESOURCES = 5,
  RSMI_STATUS_INTERNAL_EXCEPTION = 6,
  RSMI_STATUS_INPUT_OUT_OF_BOUNDS = 7,
  RSMI_STATUS_INIT_ERROR = 8,
  RSMI_STATUS_NOT_YET_IMPLEMENTED = 9,
  RSMI_STATUS_NOT_FOUND = 10,
  RSMI_STATUS_INSUFFICIENT_SIZE = 11,
  RSMI_STATUS_INTERRUPT = 12,
  RSMI_STATUS_UNEXPECTED_SIZE = 13,
  RSMI_STATUS_NO_DATA = 14,
  RSMI_STATUS_UNEXPECTED_DATA = 15,
  RSMI_STATUS_BUSY = 16,  ///< another process holds the library's lock on the card
  RSMI_STATUS_REFCOUNT_OVERFLOW = 17,
  RSMI_STATUS_UNKNOWN_ERROR = 0xffffffffU,
};

enum rsmi_sw_component_t : std::uint32_t { RSMI_SW_COMP_DRIVER = 0 };

enum rsmi_clk_type_t : std::uint32_t {
  RSMI_CLK_TYPE_SYS = 0,  ///< the clock of the shader engines
  RSMI_CLK_TYPE_MEM = 4,
};

enum rsmi_temperature_metric_t : std::uint32_t { RSMI_TEMP_CURRENT = 0 };

/// Passed as a plain number.
enum rsmi_temperature_type_t : std::uint32_t {
  RSMI_TEMP_TYPE_EDGE = 0,
  RSMI_TEMP_TYPE_JUNCTION = 1,  ///< the hottest spot of the die
  RSMI_TEMP_TYPE_MEMORY = 2,
};

enum rsmi_memory_type_t : std::uint32_t { RSMI_MEM_TYPE_VRAM = 0 };

/// What rsmi_dev_power_get returned: MI300 and newer tell the current power, older cards an average.
enum RSMI_POWER_TYPE : std::uint32_t {
  RSMI_AVERAGE_POWER = 0,
  RSMI_CURRENT_POWER = 1,
  RSMI_INVALID_POWER = 0xffffffffU,
};

struct rsmi_version_t {
  std::uint32_t major;
  std::uint32_t minor;
  std::uint32_t patch;
  const char* build;
};

/// rsmi_frequencies_t up to ROCm 5.
struct rsmi_frequencies_v5_t {
  std::uint32_t num_supported;
  std::uint32_t current;  ///< index into `frequency`; beyond `num_supported` when it is not known
  std::uint64_t frequency[32];
};

/// rsmi_frequencies_t from ROCm 6 on.
struct rsmi_frequencies_v6_t {
  bool has_deep_sleep;  ///< frequency[0] is then the one of deep sleep
  std::uint32_t num_supported;
  std::uint32_t current;
  std::uint64_t frequency[33];
};

/// What phasewatt passes where rsmi_frequencies_t is wanted: room for either layout and then some, since the library's
/// version does not tell which one it fills (frequencies.h).
struct rsmi_frequencies_room_t {
  alignas(std::uint64_t) unsigned char bytes[512];
};

/// What the interface lays down for a 64-bit system.
static_assert(sizeof(rsmi_status_t) == 4 && sizeof(RSMI_POWER_TYPE) == 4 && sizeof(rsmi_clk_type_t) == 4);
static_assert(sizeof(rsmi_version_t) == 24 && offsetof(rsmi_version_t, build) == 16);
static_assert(sizeof(rsmi_frequencies_v5_t) == 264 && offsetof(rsmi_frequencies_v5_t, frequency) == 8);
static_assert(sizeof(rsmi_frequencies_v6_t) == 280 && offsetof(rsmi_frequencies_v6_t, num_supported) == 4 &&
              offsetof(rsmi_frequencies_v6_t, frequency) == 16);
static_assert(sizeof(rsmi_frequencies_room_t) > sizeof(rsmi_frequencies_v6_t));

}  // namespace phasewatt::device::rocm
// NOLINTEND(readability-identifier-naming)
