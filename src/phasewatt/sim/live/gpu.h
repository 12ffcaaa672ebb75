#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "phasewatt/sim/live/config.h"
#include "phasewatt/sim/live/state.h"
#include "phasewatt/sim/power_history.h"
#include "phasewatt/sim/sensors.h"

namespace phasewatt::sim::live {

/// What a card is doing at an instant.
struct Doing {
  double watts = 0;
  double mhz = 0;  ///< SM clock, an effective one under a cap
  std::uint64_t throttle_mask = 0;
  double busy = 0;
  double memory = 0;
};

/// One simulated card in real time: the equations of gpu_model.h applied to a GpuState that several processes share.
/// The object holds what never changes; everything that does is in the state. `now` never runs backwards for a state.
/// Same state, config and instants give the same results in every process. Not thread-safe: guard the state.
class LiveGpu {
 public:
  /// `seed` with the UUID gives the card its noise.
  LiveGpu(GpuConfig config, std::uint64_t seed, bool noise);

  [[nodiscard]] const GpuConfig& config() const { return config_; }
  [[nodiscard]] const GpuSpec& spec() const { return config_.spec; }
  [[nodiscard]] const std::vector<Mhz>& supported_clocks() const { return supported_; }

  /// A card as after loading the driver at `now`: no lock, no load, cool, the scripted events ahead.
  void start(GpuState& state, std::int64_t now) const;

  /// Lets time pass up to `now`, less what is left of a grid step.
  void advance(GpuState& state, std::int64_t now) const;

  /// Whether an event of the kind is active; its slot, or null.
  [[nodiscard]] const EventSlot* active(const GpuState& state, EventKind kind) const;

  // Clocks. Success means that the request is installed; it comes into force after a delay drawn for it.
  /// Clocks are clamped and snapped to supported ones; most ≥ least is the caller's business.
  ClockRange lock(GpuState& state, ClockRange asked, std::int32_t pid, std::int64_t now) const;
  void reset_lock(GpuState& state, std::int32_t pid, std::int64_t now) const;

  /// Adds a pass of `work` that begins at the later of `begin` and the state's now; for watts, `seconds` is its length,
  /// for a load that follows from the clock of the moment. Null when there is no place: too many passes ahead.
  const LoadSegment* add_load(GpuState& state, const Work& work, std::int64_t begin, double seconds,
                              std::int32_t pid) const;

  /// Ends what dead processes left: their passes stop at the state's now, their contexts go. At most every 5 ms.
  void bury_dead(GpuState& state) const;

  // Readings as the sensors give them: latched, averaged, off by the card's error. A stuck sensor latches at the first.
  [[nodiscard]] double power_instant_w(GpuState& state);
  [[nodiscard]] double power_average_w(GpuState& state);
  [[nodiscard]] double energy_j(GpuState& state);
  [[nodiscard]] Doing doing(const GpuState& state) const;
  [[nodiscard]] int temperature_c(const GpuState& state) const;
  struct Utilization {
    double gpu = 0;  ///< share of the last second in which a kernel ran, refreshed every 100 ms
    double memory = 0;
  };
  [[nodiscard]] Utilization utilization(const GpuState& state);

 private:
  void settle(GpuState& state) const;
  void step(GpuState& state, std::int64_t until) const;
  [[nodiscard]] std::int64_t next_change(const GpuState& state, std::int64_t target) const;
  [[nodiscard]] std::int64_t next_trace_change(const GpuState& state) const;
  [[nodiscard]] double allowed_mhz(const GpuState& state) const;
  [[nodiscard]] bool has_context(const GpuState& state) const;
  [[nodiscard]] Doing idle(const GpuState& state) const;
  [[nodiscard]] Doing work_at(const GpuState& state, const Work& work, double seconds) const;
  void stick(GpuState& state);
  void load_history(const GpuState& state, double Mark::*what, double before);
  [[nodiscard]] Sensors sensors(const GpuState& state) const;

  GpuConfig config_;
  std::uint64_t key_ = 0;
  bool noise_ = true;
  std::vector<Mhz> supported_;
  PowerHistory history_;  ///< scratch of the readings
};

/// CLOCK_MONOTONIC, ns.
std::int64_t monotonic_now();

/// When process `pid` was started, in the kernel's ticks; 0 when there is no such process.
std::uint64_t process_start(std::int32_t pid);

}  // namespace phasewatt::sim::live
