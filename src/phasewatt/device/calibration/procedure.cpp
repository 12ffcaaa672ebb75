#include "phasewatt/device/calibration/procedure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "phasewatt/device/calibration/analysis.h"
#include "phasewatt/device/calibration/recording.h"

namespace phasewatt::device {
namespace {

constexpr Nanos kLook = std::chrono::milliseconds(20);  ///< how often a wait looks whether to stop
/// Refreshes every 20 ms, the fastest that are known, are still seen to a twentieth.
constexpr double kFastestPollS = 0.001;
/// Power is read for no more than a quarter of the time, so that the load's host thread is not held up.
constexpr double kPollPerCost = 4;
constexpr double kClockPollS = 0.001;
constexpr double kCeilingClockPollS = 0.005;
constexpr double kClockTolerance = 0.02;  ///< of the target: boost and power cap move the clock by a step or two
constexpr double kLeastToleranceMhz = 8;
constexpr int kCostProbes = 15;
constexpr std::uint64_t kSeed = 20231202;

/// One run of the procedure; holds where it is in time.
class Run {
 public:
  Run(const CalibrationPlan& plan, const CalibrationParts& parts)
      : plan_(plan),
        parts_(parts),
        total_s_(plan.total_s(parts.load != nullptr, parts.clock != nullptr)),
        begin_(monotonic_now()),
        random_(kSeed) {}

  Result<Calibration> measure() {
    Calibration out;
    const auto& info = parts_.device.info();
    out.device_id = info.id;
    out.device_name = info.name;
    out.driver = info.driver;
    out.simulated = info.simulated;
    if (!info.readable.power_instant && !info.readable.power_average && !info.readable.energy)
      return Error{ErrorCode::unsupported, info.name + " tells neither power nor energy",
                   "see phasewatt devices for what it can tell"};
    PHASEWATT_TRY(probe_costs());
    PHASEWATT_TRY(rest_without_context());
    if (parts_.load == nullptr) {
      out.notes.emplace_back(
          "no load was given: windows and lags are assumed, and gain, power with a context and ceilings are not "
          "known.");
      analyse_traces(traces_, out);
      return out;
    }
    PHASEWATT_TRY(parts_.load->start());
    PHASEWATT_TRY(under_load());
    PHASEWATT_TRY(switches(out));
    PHASEWATT_TRY(ceilings(out));
    PHASEWATT_TRY(parts_.load->quit());
    say("analysis");
    analyse_traces(traces_, out);
    return out;
  }

 private:
  void say(std::string_view what) {
    what_ = what;
    report();
  }
  void report() const {
    const double share = std::min(1.0, to_seconds(monotonic_now() - begin_) / total_s_);
    if (parts_.progress) parts_.progress(share, what_);
  }

  [[nodiscard]] bool stopped() const { return parts_.stop != nullptr && *parts_.stop; }

  Status wait_until(Nanos until) {
    for (Nanos now = monotonic_now(); now < until; now = monotonic_now()) {
      if (stopped()) return interrupted();
      report();
      std::this_thread::sleep_for(std::min(kLook, until - now));
    }
    return stopped() ? Status(interrupted()) : ok();
  }
  Status wait(double seconds) { return wait_until(monotonic_now() + from_seconds(seconds)); }
  static Error interrupted() {
    return {ErrorCode::interrupted, "stopped before the calibration was complete; nothing was kept", {}};
  }

  /// A read of each signal costs what it costs; polling faster than that only blocks.
  Status probe_costs() {
    say("cost of reads");
    const auto& has = parts_.device.info().readable;
    const auto cost = [&](const ReadMask& what) -> Result<double> {
      std::vector<double> costs;
      for (int i = 0; i < kCostProbes; ++i) {
        const Nanos begin = monotonic_now();
        PHASEWATT_TRY(parts_.device.read(what));
        costs.push_back(to_seconds(monotonic_now() - begin));
      }
      return median_of(std::move(costs));
    };
    double power_s = 0;
    for (const auto& what : power_reads()) {
      PHASEWATT_ASSIGN(const double one, cost(what));
      power_s += one;
    }
    power_poll_ = from_seconds(std::max(kFastestPollS, kPollPerCost * power_s));
    if (has.energy) {
      PHASEWATT_ASSIGN(const double one, cost({.energy = true}));
      energy_poll_ = from_seconds(std::max(kFastestPollS, 1.3 * one));
    }
    return ok();
  }

  [[nodiscard]] std::vector<ReadMask> power_reads() const {
    std::vector<ReadMask> reads;
    if (parts_.device.info().readable.power_instant) reads.push_back({.power_instant = true});
    if (parts_.device.info().readable.power_average) reads.push_back({.power_average = true});
    return reads;
  }
  void add_power(std::vector<SamplePlan>& plans) const {
    for (const auto& what : power_reads()) plans.push_back({0, what, power_poll_, {}});
  }
  void add_energy(std::vector<SamplePlan>& plans) const {
    if (parts_.device.info().readable.energy) plans.push_back({0, {.energy = true}, energy_poll_, {}});
  }
  [[nodiscard]] std::vector<SamplePlan> all_plans() const {
    std::vector<SamplePlan> plans;
    add_power(plans);
    add_energy(plans);
    return plans;
  }

  Status rest_without_context() {
    say("idle without a context");
    PHASEWATT_ASSIGN(const auto readings, parts_.device.read({.processes = true}));
    traces_.alone = readings.other_processes && readings.other_processes->empty();
    Recording recording(parts_.device, all_plans());
    PHASEWATT_TRY(wait(plan_.idle_s));
    PHASEWATT_ASSIGN(traces_.idle, recording.finish());
    return ok();
  }

  Status under_load() {
    say("idle with a context");
    PHASEWATT_TRY(wait(plan_.settle_s));
    {
      Recording recording(parts_.device, all_plans());
      PHASEWATT_TRY(wait(plan_.idle_context_s));
      PHASEWATT_ASSIGN(traces_.idle_context, recording.finish());
    }
    say("steps, power");
    std::vector<SamplePlan> plans;
    add_power(plans);
    PHASEWATT_TRY(steps(plans, plan_.power_steps_s, traces_.power_steps, traces_.power_edges));
    say("steps, energy counter");
    plans.clear();
    add_energy(plans);
    PHASEWATT_TRY(steps(plans, plan_.energy_steps_s, traces_.energy_steps, traces_.energy_edges));
    return steady();
  }

  Status steps(const std::vector<SamplePlan>& plans, double seconds, SensorTrace& trace, StepEdges& edges) {
    if (plans.empty()) return ok();
    Recording recording(parts_.device, plans);
    const Nanos until = monotonic_now() + from_seconds(seconds);
    while (monotonic_now() < until) {
      PHASEWATT_TRY(wait(half_period_s()));
      PHASEWATT_ASSIGN(const Nanos on, parts_.load->on());
      edges.on.push_back(on);
      PHASEWATT_TRY(wait(half_period_s()));
      PHASEWATT_ASSIGN(const Nanos off, parts_.load->off());
      edges.off.push_back(off);
    }
    PHASEWATT_ASSIGN(trace, recording.finish());
    return ok();
  }

  /// The GEMM's rate goes with the SM clock, which a power cap may hold down: it is looked at meanwhile.
  Status ceilings(Calibration& out) {
    say("ceilings");
    const bool readable = parts_.device.info().readable.clocks;
    std::optional<Recording> clocks;
    if (readable)
      clocks.emplace(parts_.device,
                     std::vector<SamplePlan>{{0, {.clocks = true}, from_seconds(kCeilingClockPollS), {}}});
    PHASEWATT_ASSIGN(auto found, parts_.load->measure());
    out.ceilings = std::move(found.ceilings);
    std::vector<double> seen;
    if (clocks) {
      PHASEWATT_ASSIGN(const auto trace, clocks->finish());
      for (const ClockRead& read : trace.clocks)
        if (found.gemm && read.sm_clock && found.gemm->begin <= read.at && read.at <= found.gemm->end)
          seen.push_back(read.sm_clock->value());
    }
    if (!seen.empty()) out.ceilings.gemm_clock = Mhz(median_of(std::move(seen)));
    if (out.ceilings.gemm_flops_per_s && !out.ceilings.gemm_clock)
      out.notes.emplace_back(
          found.gemm ? "the SM clock at the GEMM's rate is not known: nothing was read while the load reached it."
                     : "the SM clock at the GEMM's rate is not known: the load does not say when it reached it.");
    return ok();
  }

  /// Never a multiple of the refresh period: edges fall everywhere in it.
  double half_period_s() {
    return std::uniform_real_distribution(plan_.shortest_half_s, plan_.longest_half_s)(random_);
  }

  Status steady() {
    say("steady load");
    PHASEWATT_ASSIGN(traces_.steady_load.begin, parts_.load->on());
    // The power governor and the clock settle within the first second.
    PHASEWATT_TRY(wait(std::min(1.0, plan_.steady_s / 4)));
    traces_.steady_load.begin = monotonic_now();
    Recording recording(parts_.device, all_plans());
    PHASEWATT_TRY(wait(plan_.steady_s));
    PHASEWATT_ASSIGN(traces_.steady, recording.finish());
    PHASEWATT_ASSIGN(traces_.steady_load.end, parts_.load->off());
    return ok();
  }

  /// Spread over the supported clocks, in an order in which each is reached from afar.
  [[nodiscard]] std::vector<Mhz> targets() const {
    const auto& all = parts_.clocks;
    const std::size_t number = std::min(plan_.clocks, all.size());
    std::vector<Mhz> spread;
    for (std::size_t i = 0; i < number; ++i)
      spread.push_back(all[number == 1 ? all.size() - 1 : i * (all.size() - 1) / (number - 1)]);
    std::vector<Mhz> out;
    for (std::size_t low = 0, high = spread.size(); low < high;) {
      out.push_back(spread[low++]);
      if (low < high) out.push_back(spread[--high]);
    }
    return out;
  }

  /// Gives the clock back on every way out.
  class GiveBack {
   public:
    explicit GiveBack(ClockControl& clock) : clock_(clock) {}
    GiveBack(const GiveBack&) = delete;
    GiveBack& operator=(const GiveBack&) = delete;
    ~GiveBack() {
      if (!done_) (void)clock_.reset();
    }
    Status now() {
      done_ = true;
      return clock_.reset();
    }

   private:
    ClockControl& clock_;
    bool done_ = false;
  };

  Status switches(Calibration& out) {
    if (parts_.clock == nullptr || parts_.clocks.empty() || !parts_.device.info().readable.clocks) return ok();
    PHASEWATT_TRY(parts_.load->on());
    PHASEWATT_TRY(wait(plan_.switch_s));
    GiveBack give_back(*parts_.clock);
    for (const Mhz target : targets()) {
      say(fmt::format("switch to {:g} MHz", target.value()));
      PHASEWATT_TRY(switch_to(target, out));
    }
    PHASEWATT_TRY(give_back.now());
    PHASEWATT_TRY(parts_.load->off());
    return ok();
  }

  Status switch_to(Mhz target, Calibration& out) {
    PHASEWATT_ASSIGN(const auto before, parts_.device.read({.clocks = true}));
    SwitchTrace trace;
    trace.from = before.sm_clock.value_or(Mhz(0));
    Recording recording(parts_.device, {{0, {.clocks = true}, from_seconds(kClockPollS), {}}});
    PHASEWATT_TRY(wait(plan_.switch_s / 8));
    trace.call_begin = monotonic_now();
    auto locked = parts_.clock->lock(target);
    trace.call_end = monotonic_now();
    if (!locked) {
      // The helper may allow only some of the clocks; that is no reason to lose the rest.
      if (locked.error().code != ErrorCode::permission) return std::move(locked).error();
      out.notes.push_back(fmt::format("{:g} MHz was not allowed: {}", target.value(), locked.error().what));
      return ok();
    }
    trace.to = *locked;
    PHASEWATT_TRY(wait(plan_.switch_s));
    PHASEWATT_TRY(parts_.clock->held());
    PHASEWATT_ASSIGN(const SensorTrace seen, recording.finish());
    trace.clocks = seen.clocks;
    const Mhz tolerance(std::max(kLeastToleranceMhz, kClockTolerance * trace.to.value()));
    if (const auto latency = switch_latency(trace, tolerance))
      out.switches.push_back(*latency);
    else
      out.notes.push_back(
          fmt::format("{:g} MHz was locked and not attained within {:.1f} s.", trace.to.value(), plan_.switch_s));
    return ok();
  }

  const CalibrationPlan& plan_;
  const CalibrationParts& parts_;
  double total_s_;
  Nanos begin_;
  std::mt19937_64 random_;
  std::string what_;
  Nanos power_poll_{};
  Nanos energy_poll_{};
  CalibrationTraces traces_;
};

}  // namespace

CalibrationPlan CalibrationPlan::quick() {
  return {.idle_s = 1.5,
          .settle_s = 1.3,
          .idle_context_s = 1.8,
          .power_steps_s = 8,
          .energy_steps_s = 3.5,
          .steady_s = 4,
          .switch_s = 0.4,
          .shortest_half_s = 0.17,
          .longest_half_s = 0.6,
          .clocks = 3};
}

double CalibrationPlan::total_s(bool load, bool switches) const {
  if (!load) return idle_s;
  const double measuring = idle_s + settle_s + idle_context_s + power_steps_s + energy_steps_s + steady_s;
  return measuring + (switches ? switch_s * (1.2 * static_cast<double>(clocks) + 1) : 0) + 1;
}

Result<Calibration> calibrate(const CalibrationPlan& plan, const CalibrationParts& parts) {
  return Run(plan, parts).measure();
}

}  // namespace phasewatt::device
