#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "phasewatt/device/calibration/of_spec.h"
#include "phasewatt/device/recorder.h"
#include "phasewatt/device/sim/sim_device.h"
#include "phasewatt/engine/sim/sim_engine.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/run.h"
#include "phasewatt/sim/spec_files.h"

/// One point on the simulated GPU in virtual time, measured by its sensors as a study would, with whatever a test or a
/// benchmark wants to go wrong.
namespace phasewatt::replay::sensor_world {

struct Options {
  std::uint64_t seed = 1;
  sim::GpuSpec gpu;
  device::ReadFault fault;
  std::string model = "llama-3.1-8b";
  std::string runtime = "eager";
  int batch = 1;
  int queries = 4;
  int prompt_tokens = 150;
  int max_new_tokens = 60;
  Task task = Task::generation;
  std::string clocks = "[1500]";
  bool assumed = false;  ///< nobody calibrated the card
  bool twins = false;    ///< a second card does exactly what the first does, and is measured too
  /// A card that warms up within seconds is steady after about 20 s, when the window begins.
  std::string measure = "warmup_s = 12\nwindow_s = 20\nstacked_s = 2\nreference_every = 0\n";
};

/// Where the window of the default options surely lies, in seconds from the point's begin.
inline constexpr double kInsideFrom = 28;
inline constexpr double kInsideTo = 38;

/// The shipped card with a small heat capacity.
inline sim::GpuSpec quick_card() {
  sim::GpuSpec gpu = sim::find_gpu("rtx-pro-6000-blackwell-ws").value();
  gpu.thermal.tau_s = 3;
  return gpu;
}

/// Keeps the records.
class Keep final : public RunSink {
 public:
  std::vector<RunRecord> records;
  Result<FinishedPoints> begin(const StudyPlan& /*plan*/) override { return FinishedPoints{}; }
  Status add(const RunRecord& record) override {
    records.push_back(record);
    return ok();
  }
  Status spare(std::uint32_t /*point*/) override { return ok(); }
  Status end(bool /*complete*/) override { return ok(); }
};

/// Records what another recorder does, or says again what that one recorded last.
class Echo final : public device::Recorder {
 public:
  using Last = std::shared_ptr<std::optional<device::SensorTrace>>;
  Echo(Last last, std::unique_ptr<device::Recorder> of) : last_(std::move(last)), of_(std::move(of)) {}
  void start() override {
    if (of_) of_->start();
  }
  Result<device::SensorTrace> stop() override {
    if (!of_) return **last_;
    auto trace = of_->stop();
    if (trace) *last_ = *trace;
    return trace;
  }

 private:
  Last last_;
  std::unique_ptr<device::Recorder> of_;
};

inline Study study(const Options& o) {
  return parse_study("schema = \"phasewatt-study/1\"\nname = \"world\"\nseed = " + std::to_string(o.seed) +
                         "\nrepeats = 1\nmodels = [\"" + o.model + "\"]\nbatch_sizes = [" + std::to_string(o.batch) +
                         "]\nclocks = " + o.clocks + "\n[[datasets]]\nname = \"own\"\nfile = \"own.jsonl\"\n" +
                         "[decoding]\nmax_new_tokens = " + std::to_string(o.max_new_tokens) +
                         "\n[measure]\nenergy = \"sensors\"\n" + o.measure,
                     "world.toml")
      .value();
}

inline StudyPlan plan(const Options& o, const Study& study, const device::DeviceInfo& device) {
  PlanInputs in;
  in.device = device;
  in.models = {o.model};
  DatasetInput data{"own", "own", {}};
  for (int i = 0; i < o.queries; ++i) {
    StudyQuery q;
    q.query.id = "own/" + std::to_string(i);
    q.query.dataset = "own";
    q.query.row = i;
    q.query.task = o.task;
    q.query.prompt = "prompt";
    q.prompt_tokens = o.prompt_tokens + 37 * i;
    if (o.task == Task::classification) {
      q.query.choices = {"yes", "no"};
      q.option_tokens = {1, 2};
    }
    data.queries.push_back(std::move(q));
  }
  in.datasets.push_back(std::move(data));
  return make_plan(study, std::move(in)).value();
}

inline RunRecord measure(const Options& o) {
  const Study asked = study(o);
  struct Owned {
    sim::SimGpu gpu;
  };
  const std::string id = "card-" + std::to_string(o.seed);
  sim::SimGpu probe(o.gpu, {true, id});
  const StudyPlan planned = plan(o, asked, device::SimDevice(probe).info());
  const auto make_rig = [&]() -> Result<Rig> {
    auto owned = std::make_shared<Owned>(Owned{sim::SimGpu(o.gpu, {true, id})});
    Rig rig;
    rig.engine =
        std::make_unique<engine::SimEngine>(owned->gpu, sim::find_runtime(o.gpu.default_host, o.runtime).value(),
                                            engine::SimEngine::Options{o.seed, "world", nullptr});
    rig.device = std::make_unique<device::SimDevice>(owned->gpu);
    rig.clock = std::make_unique<device::SimClockControl>(owned->gpu);
    rig.recorder = device::record_in_virtual_time(owned->gpu, {}, o.fault);
    rig.calibration = o.assumed ? device::assumed_calibration() : device::calibration_of_spec(o.gpu);
    if (o.twins) {
      const auto last = std::make_shared<std::optional<device::SensorTrace>>();
      rig.recorder = std::make_unique<Echo>(last, std::move(rig.recorder));
      rig.others.push_back(
          {std::make_unique<device::SimDevice>(owned->gpu), std::make_unique<Echo>(last, nullptr), rig.calibration});
    }
    rig.keep_alive = std::move(owned);
    return rig;
  };
  Keep keep;
  Observer observer;
  const std::atomic<bool> never = false;
  const auto ran = run_study(planned, asked, make_rig, 1, keep, observer, never);
  if (!ran) {
    RunRecord failed;
    failed.validity = Validity::void_;
    failed.detail = to_string(ran.error());
    return failed;
  }
  return keep.records.front();
}

inline bool has(const RunRecord& record, Reason reason) {
  return std::find(record.reasons.begin(), record.reasons.end(), reason) != record.reasons.end();
}

}  // namespace phasewatt::replay::sensor_world
