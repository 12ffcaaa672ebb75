#include <algorithm>

#include "phasewatt/device/recorder.h"
#include "phasewatt/device/sample_lane.h"
#include "phasewatt/device/sim/sim_observer.h"

namespace phasewatt::device {
namespace {

/// A lane as events of virtual time.
struct VirtualLane {
  VirtualLane(Device& device, const std::vector<LanePlan>& plans, SampleClock clock, Nanos first)
      : lane(device, plans, clock), next(first), any(!plans.empty()) {}
  SampleLane lane;
  Nanos next;  ///< when it wakes
  bool any;
  std::uint32_t wakes = 0;
};

ReadFault without_late(ReadFault faults) {
  faults.late = {};
  return faults;
}

class VirtualRecorder final : public Recorder {
 public:
  VirtualRecorder(sim::SimGpu& gpu, const Rates& rates, const ReadFault& faults)
      : gpu_(gpu), observer_(gpu), faulty_(observer_, without_late(faults)), faults_(faults), device_(observer_) {
    if (faults.any()) device_ = faulty_;
    const auto& readable = observer_.info().readable;
    plans_ = lane_plans(readable, rates, observer_.cost({.energy = true}) > kSlowRead);
    lag_ = slack(plans_.main);
    energy_lag_ = slack(plans_.energy);
  }
  ~VirtualRecorder() override { forget(); }
  VirtualRecorder(const VirtualRecorder&) = delete;
  VirtualRecorder& operator=(const VirtualRecorder&) = delete;

  void start() override {
    forget();
    trace_ = {};
    observer_.begin();
    faulty_.begin(gpu_.now());
    main_.emplace(device_, plans_.main, observer_.clock(), gpu_.now());
    energy_.emplace(device_, plans_.energy, observer_.clock(), gpu_.now());
    gpu_.set_watcher([this] { follow(); });
  }

  Result<SensorTrace> stop() override {
    if (!main_) return Error{ErrorCode::internal, "a recording was stopped before its start", {}};
    for (auto* each : {&main_, &energy_}) {
      (*each)->lane.drain(trace_);
      (*each)->lane.finish(trace_);
    }
    forget();
    return std::move(trace_);
  }

 private:
  /// How far behind now() reads must stay, so that none of those that are due together reaches beyond it.
  [[nodiscard]] Nanos slack(const std::vector<LanePlan>& plans) const {
    Nanos all{};
    for (const auto& each : plans) all += observer_.cost(each.plan.what);
    // The value is that of a call's begin, so the last one's length does not count.
    return plans.empty() ? all : all - observer_.cost(plans.back().plan.what);
  }

  void follow() {
    if (main_->any) observer_.note();
    advance(*main_, gpu_.now() - lag_);
    advance(*energy_, gpu_.now() - energy_lag_);
  }

  void advance(VirtualLane& each, Nanos until) {
    if (!each.any) return;
    while (each.next <= until) {
      observer_.set_time(each.next);
      each.next = each.lane.step(each.next) + lateness(each);
    }
    each.lane.drain(trace_);
  }

  Nanos lateness(VirtualLane& each) const {
    if (faults_.late <= Nanos(0)) return {};
    const auto which = static_cast<std::uint32_t>(&each == &*energy_);
    const auto dice = sim::philox(faults_.seed, {each.wakes++, which, 1, 0});
    return from_seconds(to_seconds(faults_.late) * sim::uniform(dice[0]));
  }

  void forget() {
    if (!main_) return;
    gpu_.set_watcher({});
    main_.reset();
    energy_.reset();
  }

  sim::SimGpu& gpu_;
  SimObserver observer_;
  FaultyDevice faulty_;
  ReadFault faults_;
  std::reference_wrapper<Device> device_;
  LanePlans plans_;
  Nanos lag_{};
  Nanos energy_lag_{};
  SensorTrace trace_;
  std::optional<VirtualLane> main_;
  std::optional<VirtualLane> energy_;
};

}  // namespace

std::unique_ptr<Recorder> record_in_virtual_time(sim::SimGpu& gpu, Recorder::Rates rates, ReadFault faults) {
  return std::make_unique<VirtualRecorder>(gpu, rates, faults);
}

}  // namespace phasewatt::device
