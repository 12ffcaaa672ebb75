#include "phasewatt/replay/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "phasewatt/base/text.h"
#include "phasewatt/replay/measure.h"
#include "phasewatt/replay/plan.h"
#include "phasewatt/replay/stop_rule.h"

namespace phasewatt::replay {
namespace {

using Clock = std::chrono::steady_clock;

/// Model passes of each point: what its time is roughly proportional to, for the time left.
std::vector<double> passes_of(const StudyPlan& plan, const Decoding& decoding) {
  std::map<std::pair<std::string, int>, double> known;
  std::vector<double> passes;
  passes.reserve(plan.points.size());
  for (const auto& point : plan.points) {
    const auto [at, fresh] = known.try_emplace({point.dataset, point.batch}, 0.0);
    if (fresh) {
      for (const auto& batch : batches_of(plan, queries_of(plan, point.dataset), point.batch)) {
        const StudyQuery& first = plan.queries[batch.begin];
        at->second += 1.0 + (first.query.task == Task::classification ? static_cast<double>(first.option_tokens.size())
                                                                      : decoding.max_new_tokens);
      }
    }
    passes.push_back(at->second);
  }
  return passes;
}

/// The GPUs that a real engine computes on must be those whose sensors are read.
Status check_measured(const engine::ModelInfo& loaded, const Rig& rig) {
  const device::DeviceInfo& first = rig.device->info();
  if (!rig.recorder || rig.engine->info().simulated || first.simulated) return ok();
  std::vector<std::string> measured{first.id};
  for (const Meter& other : rig.others) measured.push_back(other.device->info().id);
  if (loaded.gpus.empty())
    return Error{
        ErrorCode::bad_input,
        fmt::format("the engine runs on the CPU, and the study measures {} ({})", join(measured, ", "), first.name),
        "use [device] kind = \"none\", or an engine that knows CUDA (phasewatt doctor)"};
  if (std::is_permutation(loaded.gpus.begin(), loaded.gpus.end(), measured.begin(), measured.end())) return ok();
  return Error{
      ErrorCode::bad_input,
      fmt::format("the engine runs on {}, and the study measures {}", join(loaded.gpus, ", "), join(measured, ", ")),
      "name the same GPU in [engine] device and [device] gpu"};
}

/// What the workers of one run share. Everything but the constants is guarded by `mutex_`.
class Run {
 public:
  Run(const StudyPlan& plan, const Study& study, RunSink& sink, Observer& observer, const std::atomic<bool>& stop)
      : plan_(plan), study_(study), stop_rule_(study), sink_(sink), observer_(observer), stop_(stop) {}

  Result<RunSummary> carry_out(const RigFactory& make_rig, int jobs) {
    PHASEWATT_ASSIGN(const auto finished, sink_.begin(plan_));
    guard([&] {
      if (auto status = prepare(finished, make_rig, jobs); !status) fail(std::move(status).error());
    });
    if (!error_) work();
    summary_.interrupted = !error_ && summary_.skipped + summary_.done + summary_.spared < summary_.total;
    summary_.wall_s = std::chrono::duration<double>(Clock::now() - started_).count();
    auto ended = sink_.end(!error_ && !summary_.interrupted);
    if (!error_ && !ended) error_ = std::move(ended).error();
    if (error_) return *std::move(error_);
    return summary_;
  }

 private:
  Status prepare(const FinishedPoints& finished, const RigFactory& make_rig, int jobs) {
    summary_.total = static_cast<std::uint32_t>(plan_.points.size());
    for (const auto index : execution_order(plan_))
      if (!finished.contains(index)) todo_.push_back(index);
    summary_.skipped = summary_.total - static_cast<std::uint32_t>(todo_.size());
    for (const auto& [index, point] : finished)
      if (!point.spared) stop_rule_.add(plan_.points[index], point.validity, point.energy, point.wall_s);
    passes_ = passes_of(plan_, study_.decoding);
    for (const auto index : todo_) passes_left_ += passes_[index];

    auto wanted = static_cast<std::size_t>(study_.measure.repeats_max ? 1 : std::max(jobs, 1));
    for (std::size_t i = 0; i < std::min(wanted, todo_.size()); ++i) {
      PHASEWATT_ASSIGN(Rig rig, make_rig());
      if (!rig.engine || !rig.device) return Error{ErrorCode::internal, "a rig lacks its engine or its device", {}};
      if (rig.real_time || !rig.engine->info().simulated || !rig.device->info().simulated) wanted = 1;
      rigs_.push_back(std::move(rig));
    }
    summary_.jobs = static_cast<int>(rigs_.size());
    if (!rigs_.empty()) context_ = make_context(plan_, study_, rigs_.front().device->info().supported_clocks);
    return ok();
  }

  /// One rig is driven on the calling thread, more on a thread each.
  void work() {
    if (rigs_.size() == 1) {
      drive(rigs_.front());
      return;
    }
    std::vector<std::thread> threads;
    threads.reserve(rigs_.size());
    try {
      for (auto& rig : rigs_) threads.emplace_back([this, &rig] { drive(rig); });
    } catch (const std::system_error& e) {
      // Those that started do the work; without any there is none.
      if (threads.empty())
        fail({ErrorCode::io, std::string("no thread could be started: ") + e.what(), "use --jobs 1"});
    }
    for (auto& thread : threads) thread.join();
  }

  /// A worker: points until none is left, then the clock is given back, whatever happened.
  void drive(Rig& rig) {
    guard([&] {
      engine::ModelInfo loaded;
      while (const auto index = next())
        if (auto status = run_point(plan_.points[*index], rig, loaded); !status) fail(std::move(status).error());
    });
    guard([&] {
      if (!rig.clock) return;
      if (auto reset = rig.clock->reset(); !reset) fail(std::move(reset).error());
    });
  }

  /// Turns what an engine or a library throws into the run's error, so that the sink is closed on every way out.
  template <class Work>
  void guard(Work&& work) {
    try {
      std::forward<Work>(work)();
    } catch (const std::bad_alloc&) {
      fail({ErrorCode::out_of_memory, "the host's memory does not suffice for this study", "use fewer jobs"});
    } catch (const std::exception& e) {
      fail({ErrorCode::internal, std::string("a worker of the study failed: ") + e.what(), {}});
    }
  }

  std::optional<std::uint32_t> next() {
    const std::lock_guard lock(mutex_);
    while (!stop_ && !abandoned_ && next_ != todo_.size()) {
      const std::uint32_t index = todo_[next_++];
      if (!stop_rule_.satisfied(plan_.points[index])) return index;
      if (auto spared = sink_.spare(index); !spared) {
        fail_locked(std::move(spared).error());
        return std::nullopt;
      }
      ++summary_.spared;
      passes_left_ -= passes_[index];
    }
    return std::nullopt;
  }

  void fail(Error error) {
    const std::lock_guard lock(mutex_);
    fail_locked(std::move(error));
  }

  void fail_locked(Error error) {
    abandoned_ = true;
    if (!error_) error_ = std::move(error);
  }

  Status run_point(const RunPoint& point, Rig& rig, engine::ModelInfo& loaded) {
    {
      const std::lock_guard lock(mutex_);
      observer_.on_point_begin(point);
    }
    if (auto error = load(point.model, rig, loaded)) {
      // What this machine or build cannot do for one model, it cannot do for the others.
      const bool for_all = error->code == ErrorCode::unsupported || error->code == ErrorCode::bad_input;
      if (for_all && !rig.engine->info().simulated) return *std::move(error);
      return keep(void_record(point, reason_of(*error), to_string(*error)));
    }
    PHASEWATT_TRY(check_measured(loaded, rig));
    PHASEWATT_ASSIGN(auto record, measure_point(context_, point, rig, stop_, abandoned_));
    return record ? keep(*record) : ok();
  }

  /// Makes `model` current. The error of a failed load is remembered, so that it is not tried again for each point.
  std::optional<Error> load(const std::string& model, Rig& rig, engine::ModelInfo& loaded) {
    if (loaded.id == model) return std::nullopt;
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = unloadable_.find(model); at != unloadable_.end()) return at->second;
    }
    auto result = rig.engine->load(model);
    if (result) {
      loaded = std::move(result).value();
      loaded.id = model;
      return std::nullopt;
    }
    loaded = {};
    const std::lock_guard lock(mutex_);
    return unloadable_.try_emplace(model, result.error()).first->second;
  }

  Status keep(const RunRecord& record) {
    const std::lock_guard lock(mutex_);
    if (abandoned_) return ok();  // after an error nothing more reaches the sink
    PHASEWATT_TRY(sink_.add(record));
    stop_rule_.add(record.point, record.validity, record.energy, record.wall_s);
    ++summary_.done;
    ++(record.validity == Validity::valid      ? summary_.valid
       : record.validity == Validity::degraded ? summary_.degraded
                                               : summary_.void_);
    passes_done_ += passes_[record.point.index];
    passes_left_ -= passes_[record.point.index];
    Progress progress{summary_.skipped + summary_.done + summary_.spared, summary_.total, {}};
    const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
    progress.eta_s = elapsed * passes_left_ / passes_done_;
    observer_.on_point_done(record, progress);
    return ok();
  }

  const StudyPlan& plan_;
  const Study& study_;
  StopRule stop_rule_;
  RunSink& sink_;
  Observer& observer_;
  const std::atomic<bool>& stop_;
  const Clock::time_point started_ = Clock::now();
  RunContext context_;
  std::vector<double> passes_;
  std::vector<std::uint32_t> todo_;  // in execution order
  std::vector<Rig> rigs_;

  std::mutex mutex_;
  std::atomic<bool> abandoned_ = false;  // an error ends the run
  std::optional<Error> error_;
  std::size_t next_ = 0;
  std::map<std::string, Error> unloadable_;
  double passes_done_ = 0;
  double passes_left_ = 0;
  RunSummary summary_;
};

}  // namespace

Result<RunSummary> run_study(const StudyPlan& plan, const Study& study, const RigFactory& make_rig, int jobs,
                             RunSink& sink, Observer& observer, const std::atomic<bool>& stop) {
  return Run(plan, study, sink, observer, stop).carry_out(make_rig, jobs);
}

}  // namespace phasewatt::replay
