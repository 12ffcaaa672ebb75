#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/sim/dynamics.h"
#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/power_history.h"
#include "phasewatt/sim/random.h"
#include "phasewatt/sim/sensors.h"

namespace phasewatt::sim {

/// What a point's whole course depends on.
struct PointKey {
  std::uint64_t hash = 0;    ///< of seed, card, runtime, model, workload, batch and clock
  std::uint32_t repeat = 0;  ///< repeats of a point differ in this alone
  std::optional<Mhz> clock;  ///< the lock the point starts under; absent = stock
};

/// Names a pass within its point; with the key it determines the pass's noise.
struct PassTag {
  std::uint32_t request = 0;
  std::uint32_t pass = 0;
};

/// The lowest memory a batch needs: weights, cache of `tokens` per sequence, FP32 logits, 1 GiB for the rest.
/// out_of_memory when the card has less.
Status check_memory(const GpuSpec& spec, const ArchSpec& arch, double batch, double tokens, double logits);

/// A simulated GPU in virtual time: gpu_model.h plus what a card remembers. It has a clock that follows a request late,
/// a power limit on the moving average, heat, noise and sensors. Shared by the simulated engine, device and clock
/// control of one rig. Not thread-safe; instances are independent of each other.
class SimGpu {
 public:
  struct Options {
    bool noise = true;      ///< false: every pass is the pure function, sensors have neither error nor jitter
    std::string device_id;  ///< determines the sensors' gain and offset; empty = "sim:<spec id>"
  };
  struct Pass {
    Nanos begin{};
    Nanos end{};
    PassOut out;
  };

  explicit SimGpu(GpuSpec spec) : SimGpu(std::move(spec), Options{}) {}
  SimGpu(GpuSpec spec, Options options);

  [[nodiscard]] const GpuSpec& spec() const { return spec_; }
  [[nodiscard]] const std::string& device_id() const { return options_.device_id; }
  [[nodiscard]] const std::vector<Mhz>& supported_clocks() const { return supported_; }
  [[nodiscard]] Nanos now() const { return now_; }

  /// Puts time, temperature, power history, clock, sensors and noise into the state that belongs to `key` alone: the
  /// card has been holding a context, idle, at the key's clock for long. Whatever was locked before is forgotten.
  void begin_point(const PointKey& key);

  /// Carries out one pass.
  Pass run(const Load& load, PassTag tag);

  /// Lets time pass; the card holds its context at the current clock.
  void idle(Nanos span);

  /// Whether a process holds a context; without one the card draws `idle_no_context_w`. begin_point sets it.
  void hold_context(bool held) { context_ = held; }

  /// Asks for the supported clock nearest to `clock`, clamped to the range, and returns it. Costs the call's time; the
  /// clock changes only after a delay drawn for this request.
  Mhz lock(Mhz clock);
  /// Back to stock, with the same costs. Nothing happens when no lock is in force.
  void unlock();

  /// `watcher` is called whenever time has passed, after each pass and each slice of idle time: what a thread beside
  /// the engine's would do is done there, with the readings of the past below. It must not let time pass itself.
  void set_watcher(std::function<void()> watcher) { watcher_ = std::move(watcher); }

  /// The latched readings as they stood at `at`, not after now() and within the reach of the power history. They cost
  /// the card no time: another thread reads them.
  [[nodiscard]] Watts power_inst_at(Nanos at) const { return sensors_.power_inst(history_, at); }
  [[nodiscard]] Watts power_avg_at(Nanos at) const { return sensors_.power_avg(history_, at); }
  [[nodiscard]] Joules energy_at(Nanos at) const { return sensors_.energy(history_, at); }

  // Readings. They take the call's time, during which the card idles; the value is the one at the call's begin.
  Watts read_power_inst();
  Watts read_power_avg();
  Joules read_energy();

  // What costs no noticeable time to read.
  /// SM clock of the last thing the card did (an effective one under a cap).
  [[nodiscard]] Mhz sm_clock() const { return Mhz(clock_now_); }
  /// Whole degrees, as NVML gives it.
  [[nodiscard]] Celsius temperature() const;
  /// Reasons of every pass since the last call, as a poller on a real card would have seen them; throttle_idle when
  /// there was none.
  std::uint64_t take_throttle_mask();

  // The truth, for tests.
  [[nodiscard]] double die_c() const { return warmth_.die_c; }
  [[nodiscard]] double true_joules() const { return history_.joules_at(now_); }
  [[nodiscard]] double true_joules_at(Nanos at) const { return history_.joules_at(at); }
  [[nodiscard]] const Sensors& sensors() const { return sensors_; }

 private:
  void request_clock(std::optional<Mhz> target);
  void settle_clock();
  [[nodiscard]] double allowed_mhz() const;
  [[nodiscard]] Disturbance disturb(PassTag tag) const;
  [[nodiscard]] double idle_w() const;
  void spend(double seconds, double watts);
  void warm(double seconds, double watts);

  GpuSpec spec_;
  Options options_;
  std::vector<Mhz> supported_;
  Sensors sensors_;
  PowerHistory history_;
  PointKey key_;

  Nanos now_{};
  bool context_ = false;
  std::optional<Mhz> lock_;     ///< in force
  std::optional<Mhz> pending_;  ///< asked for, in force from pending_at_; absent = stock
  bool switching_ = false;
  Nanos pending_at_{};
  std::uint32_t switches_ = 0;
  ClockPoint clock_;  ///< of allowed_mhz()
  double clock_now_ = 0;
  Warmth warmth_;
  std::function<void()> watcher_;
  std::uint64_t mask_ = 0;
  bool worked_ = false;
  double run_time_log_ = 0;
  double run_power_ = 1;
};

}  // namespace phasewatt::sim
