#pragma once

#include <cstdint>
#include <string_view>

#include "phasewatt/base/units.h"
#include "phasewatt/sim/gpu_spec.h"
#include "phasewatt/sim/power_history.h"
#include "phasewatt/sim/random.h"

namespace phasewatt::sim {

/// What the card's own sensors say of its power: refreshed at ticks, latched between them, averaged over a window, off
/// by a gain and an offset that belong to the device. Ticks lie at phase + k·update (± jitter), the phase drawn from
/// the key. Computed from the history only when read. Not thread-safe.
class Sensors {
 public:
  /// With `exact`, gain and offset, tick noise and jitter are left out; refresh, window and quantum stay.
  Sensors(const GpuSpec::Sensor& spec, std::string_view device_id, bool exact);

  /// Draws the phases and the counter's start anew. `start` is where the history starts.
  void begin(std::uint64_t key, std::uint32_t repeat, Nanos start);

  /// The latched readings at `now`, which must not be before the history's start or after its end.
  [[nodiscard]] Watts power_inst(const PowerHistory& history, Nanos now) const;
  [[nodiscard]] Watts power_avg(const PowerHistory& history, Nanos now) const;
  [[nodiscard]] Joules energy(const PowerHistory& history, Nanos now) const;

  /// A counter that sums the instant sensor is refreshed with it and must see every tick before the history forgets it:
  /// call after each push.
  void follow(const PowerHistory& history) {
    if (spec_.energy.integrates == EnergySensorSpec::Integrates::sampled) follow_samples(history);
  }

  [[nodiscard]] double gain() const { return gain_; }
  [[nodiscard]] double offset_w() const { return offset_w_; }

 private:
  struct Tick {
    std::int64_t index = 0;
    Nanos at{};
  };
  [[nodiscard]] RandomWords draw(Stream stream, std::int64_t index) const;
  [[nodiscard]] Nanos tick_time(const PowerSensorSpec& sensor, Nanos phase, Stream stream, std::int64_t index) const;
  [[nodiscard]] Tick last_tick(const PowerSensorSpec& sensor, Nanos phase, Stream stream, Nanos now) const;
  [[nodiscard]] double power_at(const PowerSensorSpec& sensor, Stream stream, const Tick& tick,
                                const PowerHistory& history) const;
  void follow_samples(const PowerHistory& history);

  GpuSpec::Sensor spec_;
  double gain_ = 0;
  double offset_w_ = 0;
  std::uint64_t key_ = 0;
  std::uint32_t repeat_ = 0;
  Nanos phase_inst_{};
  Nanos phase_avg_{};
  Nanos phase_energy_{};
  double counter_start_j_ = 0;
  std::int64_t sampled_tick_ = 0;  ///< last tick that went into sampled_j_
  double sampled_j_ = 0;
};

}  // namespace phasewatt::sim
