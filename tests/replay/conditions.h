#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "tests/replay/sensor_world.h"

/// What a point must be caught at, each condition injected alone.
namespace phasewatt::replay::sensor_world {

struct Condition {
  std::string_view name;
  std::vector<Reason> any_of;                         ///< one of these must be given; none = the point must be valid
  std::function<void(Options&, double at_s)> inject;  ///< `at_s`: a time inside the window
};

inline Nanos after(double seconds) { return from_seconds(seconds); }

inline std::vector<Condition> conditions() {
  return {
      {"clean", {}, [](Options&, double) {}},
      {"clock not attained",
       {Reason::clock_not_attained},
       [](Options& o, double) { o.gpu.clocks.lock_floor_mhz = 2000; }},
      {"thermal slowdown", {Reason::throttled}, [](Options& o, double) { o.gpu.thermal.slow_c = 45; }},
      {"foreign process",
       {Reason::foreign_process},
       [](Options& o, double at_s) { o.fault.foreign_from = after(at_s); }},
      {"lost samples", {Reason::lost_samples}, [](Options& o, double) { o.fault.lost_share = 0.95; }},
      {"all samples lost", {Reason::lost_samples}, [](Options& o, double) { o.fault.lost_share = 1; }},
      {"counter reset", {Reason::counter_reset}, [](Options& o, double at_s) { o.fault.reset_at = after(at_s); }},
      {"stuck power reading",
       {Reason::sensor_stuck},
       [](Options& o, double at_s) { o.fault.stuck_from = after(at_s); }},
      {"not a number", {Reason::bad_reading}, [](Options& o, double) { o.fault.nan_share = 0.05; }},
      {"thermal drift",
       {Reason::thermal_drift, Reason::not_settled},
       [](Options& o, double) {
         o.gpu.thermal.tau_s = 20;
         o.measure = "warmup_s = 0\nwarmup_max_s = 0\nwindow_s = 20\nstacked_s = 2\nreference_every = 0\n";
       }},
  };
}

}  // namespace phasewatt::replay::sensor_world
