#pragma once

#include <array>
#include <cstdint>

#include "phasewatt/device/rocm/rsmi_entry_points.h"

/// What the simulated ROCm SMI library answers. Tests load the library, get this structure from it and change it at
/// will; it is made for one thread. There is no model of a GPU behind it: values stay as they are set.
namespace phasewatt::device::rocm {

/// What one function returns and, on success, writes.
template <class T>
struct Answer {
  rsmi_status_t status = RSMI_STATUS_NOT_SUPPORTED;
  T value{};

  Answer() = default;
  explicit Answer(rsmi_status_t failure) : status(failure) {}
  Answer(T given) : status(RSMI_STATUS_SUCCESS), value(given) {}  // NOLINT(google-explicit-constructor)
};

struct SimClock {
  std::uint32_t count = 0;
  std::uint32_t current = 0;
  std::array<std::uint64_t, 32> hz{};
};

struct SimPower {
  std::uint64_t microwatts = 0;
  RSMI_POWER_TYPE type = RSMI_CURRENT_POWER;
};

struct SimGpu {
  const char* name = nullptr;  ///< null: NOT_SUPPORTED
  Answer<std::uint64_t> unique_id;
  Answer<std::uint64_t> pci_id;
  Answer<std::uint64_t> memory_bytes;
  Answer<std::uint64_t> cap_microwatts;
  Answer<std::uint64_t> average_microwatts;
  Answer<SimPower> power;
  Answer<std::uint64_t> energy_count;
  float energy_resolution = 15.3F;
  Answer<SimClock> shader;
  Answer<SimClock> memory;
  std::array<Answer<std::int64_t>, 3> millidegrees;  ///< edge, junction, memory
  Answer<std::uint32_t> busy_percent;
  Answer<std::uint32_t> memory_busy_percent;
};

enum class FrequencyLayout { five, six, unfilled };

struct SimRocm {
  rsmi_status_t init = RSMI_STATUS_SUCCESS;
  Answer<std::uint32_t> count = 0U;
  Answer<const char*> driver = "6.7.0";
  FrequencyLayout layout = FrequencyLayout::six;
  bool deep_sleep = false;  ///< of layout six
  std::array<SimGpu, 2> gpus;
  int started = 0;       ///< rsmi_init less rsmi_shut_down
  int energy_calls = 0;  ///< of rsmi_dev_energy_count_get
  int power_calls = 0;   ///< of both functions of power
  int clock_calls = 0;
  int other_calls = 0;  ///< of temperature and utilisation
};

}  // namespace phasewatt::device::rocm

extern "C" phasewatt::device::rocm::SimRocm* phasewatt_rocm_sim();
