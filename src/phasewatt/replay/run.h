#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/base/run_sink.h"
#include "phasewatt/device/calibration.h"
#include "phasewatt/device/clock_control.h"
#include "phasewatt/device/device.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/engine/engine.h"
#include "phasewatt/replay/study.h"

/// Carries out a plan: each point through an engine, on a device, into a sink.
namespace phasewatt::replay {

/// A further GPU that the engine uses: its energy is added to that of the rig's device.
struct Meter {
  std::unique_ptr<device::Device> device;
  std::unique_ptr<device::Recorder> recorder;
  device::Calibration calibration;
};

/// What one worker drives. `clock` null = observe mode: nothing is ever locked.
struct Rig {
  std::shared_ptr<void> keep_alive;  ///< whatever the others stand on, for example the simulated GPU; destroyed last
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<device::Device> device;
  std::unique_ptr<device::ClockControl> clock;
  /// Reads the device beside the engine: points are then measured by sensors. Null: the engine's spans tell the truth.
  std::unique_ptr<device::Recorder> recorder;
  device::Calibration calibration;  ///< of the device's sensors; used with the recorder
  std::vector<Meter> others;        ///< with the recorder only
  /// The device lives in real time. Otherwise engine and device share virtual time.
  bool real_time = false;
};
/// Makes one rig; called on the thread of run_study, once per worker.
using RigFactory = std::function<Result<Rig>()>;

struct Progress {
  std::uint32_t done = 0;  ///< finished points, those of earlier runs included
  std::uint32_t total = 0;
  std::optional<double> eta_s;  ///< wall time left, by model passes; absent before the first point is done
};

/// Watches a run, for a progress bar. Calls come from several threads, but one at a time.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on_point_begin(const RunPoint& /*point*/) {}
  virtual void on_point_done(const RunRecord& /*record*/, const Progress& /*progress*/) {}
};

struct RunSummary {
  std::uint32_t total = 0;    ///< points of the plan
  std::uint32_t skipped = 0;  ///< finished before this run
  std::uint32_t done = 0;     ///< finished in this run
  std::uint32_t spared = 0;   ///< not run, because the stop rule had what it wanted
  std::uint32_t valid = 0;    ///< of those done in this run, as the next two
  std::uint32_t degraded = 0;
  std::uint32_t void_ = 0;   // NOLINT(readability-identifier-naming): `void` is a keyword
  bool interrupted = false;  ///< `stop` was seen before the last point; the point in flight was dropped
  int jobs = 0;              ///< workers used; 0 when nothing was left to run
  double wall_s = 0;
};

/// Runs every point of `plan` that `sink` does not already hold.
///
/// At most `jobs` workers, each with a rig and a thread of its own; one when engine or device is real, because points
/// of one GPU cannot overlap, and with a stop rule, so that what it sees does not depend on the order. Calls to `sink`
/// and `observer` are serialised. Points do not depend on each other, so the records are the same for any number of
/// workers and after any interruption.
///
/// An engine's error voids its point (out_of_memory, engine_failed with the message in `detail`), a failed load all
/// points of that model; the run goes on. Where a real engine gives unsupported or bad_input (no such GPU, say), the
/// run ends, as it does when it computes on another GPU than the one that is measured. An error of the sink, the device
/// or the clock control ends the run and is returned; what was finished is kept. `stop` may be set from a signal
/// handler; it is looked at between batches. The sink is closed and clocks are reset on every way out.
Result<RunSummary> run_study(const StudyPlan& plan, const Study& study, const RigFactory& make_rig, int jobs,
                             RunSink& sink, Observer& observer, const std::atomic<bool>& stop);

}  // namespace phasewatt::replay
