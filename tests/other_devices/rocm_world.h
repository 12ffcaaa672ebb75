#pragma once

#include <dlfcn.h>

#include <stdexcept>

#include "phasewatt/device/device.h"
#include "tests/other_devices/rocm_sim/rocm_sim.h"

namespace phasewatt::device::rocm {

/// A simulated ROCm SMI, loaded before phasewatt loads it, so that what it answers can be set.
class RocmWorld {
 public:
  explicit RocmWorld(const char* library) : library_(library), handle_(::dlopen(library, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error(::dlerror());
    using GetSim = SimRocm* (*)();
    sim_ = reinterpret_cast<GetSim>(::dlsym(handle_, "phasewatt_rocm_sim"))();
    *sim_ = SimRocm{};
  }
  ~RocmWorld() { ::dlclose(handle_); }
  RocmWorld(const RocmWorld&) = delete;
  RocmWorld& operator=(const RocmWorld&) = delete;

  [[nodiscard]] const char* library() const { return library_; }
  SimRocm& sim() { return *sim_; }

  /// A data-centre card of the older kind: average power, a list of clocks, an edge sensor.
  void add_mi100() {
    SimGpu& gpu = next();
    gpu.name = "AMD Instinct MI100 (SIMULATED)";
    gpu.unique_id = 0x18'5a'bc'de'f0'12'34'56ULL;
    gpu.pci_id = (0x0001ULL << 32U) | 0xc3'00ULL;
    gpu.memory_bytes = 34'342'961'152ULL;
    gpu.cap_microwatts = 290'000'000ULL;
    gpu.average_microwatts = 38'000'000ULL;
    gpu.power = SimPower{38'000'000, RSMI_AVERAGE_POWER};
    gpu.energy_count = 65'628ULL;
    gpu.shader = SimClock{5, 2, {300'000'000, 495'000'000, 731'000'000, 1'000'000'000, 1'502'000'000}};
    gpu.memory = SimClock{2, 1, {350'000'000, 1'200'000'000}};
    gpu.millidegrees = {std::int64_t{41'000}, std::int64_t{44'000}, std::int64_t{40'000}};
    gpu.busy_percent = 25U;
    gpu.memory_busy_percent = 3U;
  }

  /// One of the newer kind: the power of the moment, fine-grained clocks, no edge sensor.
  void add_mi300x() {
    SimGpu& gpu = next();
    gpu.name = "AMD Instinct MI300X (SIMULATED)";
    gpu.unique_id = 0x0a'7c'00'00'00'00'00'01ULL;
    gpu.memory_bytes = 206'141'652'992ULL;
    gpu.cap_microwatts = 750'000'000ULL;
    gpu.power = SimPower{140'500'000, RSMI_CURRENT_POWER};
    gpu.energy_count = 1'000'000ULL;
    gpu.shader = SimClock{3, 1, {500'000'000, 132'000'000, 2'100'000'000}};
    gpu.memory = SimClock{1, 0, {900'000'000}};
    gpu.millidegrees[RSMI_TEMP_TYPE_JUNCTION] = std::int64_t{39'000};
    gpu.busy_percent = 0U;
    gpu.memory_busy_percent = 0U;
  }

  /// A card that says nothing.
  SimGpu& next() { return sim_->gpus.at(sim_->count.value++); }

 private:
  const char* library_;
  void* handle_;
  SimRocm* sim_ = nullptr;
};

inline constexpr ReadMask kEverything{.power_instant = true,
                                      .power_average = true,
                                      .energy = true,
                                      .clocks = true,
                                      .temperature = true,
                                      .throttle = true,
                                      .utilization = true,
                                      .processes = true};

}  // namespace phasewatt::device::rocm
