#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "apps/cli/calibrate_load.h"
#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/calibration/of_spec.h"
#include "phasewatt/sim/live/claim.h"

namespace phasewatt::cli {
namespace {

/// A pass is queued while the one before still runs, so that a late thread leaves no gap. Off takes as long as what is
/// queued.
constexpr Nanos kPass = std::chrono::milliseconds(40);
constexpr double kShareOfCap = 0.6;  ///< below the power cap, whose governor would bend the steps
constexpr double kContextBytes = 1e9;

class SimulatedLoad final : public device::StepLoad {
 public:
  SimulatedLoad(std::shared_ptr<sim::live::LiveRig> rig, std::size_t card) : rig_(std::move(rig)), card_(card) {}
  ~SimulatedLoad() override { end_thread(); }
  SimulatedLoad(const SimulatedLoad&) = delete;
  SimulatedLoad& operator=(const SimulatedLoad&) = delete;

  Status start() override {
    PHASEWATT_ASSIGN(auto claim, sim::live::GpuClaim::take(rig_, card_, kContextBytes));
    claim_.emplace(std::move(claim));
    return ok();
  }

  Result<Nanos> on() override {
    PHASEWATT_ASSIGN(const auto first, draw());
    until_ = first.end;
    thread_ = std::jthread([this](const std::stop_token& stop) { keep_busy(stop); });
    return first.begin;
  }

  Result<Nanos> off() override {
    end_thread();
    if (trouble_) return *trouble_;
    std::this_thread::sleep_until(std::chrono::steady_clock::time_point(until_));
    return until_;
  }

  Result<device::LoadCeilings> measure() override {
    return device::LoadCeilings{device::ceilings_of_spec(rig_->config().gpus[card_].spec), {}};
  }

  Status quit() override {
    end_thread();
    claim_.reset();
    return ok();
  }

 private:
  Result<sim::live::GpuClaim::Pass> draw() {
    const Watts cap(rig_->config().gpus[card_].spec.power.cap_w);
    return claim_->draw(cap * kShareOfCap, kPass);
  }

  void keep_busy(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      auto pass = draw();
      if (!pass) {
        trouble_ = std::move(pass).error();
        return;
      }
      until_ = pass->end;
      std::unique_lock lock(mutex);
      wake.wait_until(lock, stop, std::chrono::steady_clock::time_point(pass->begin), [] { return false; });
    }
  }

  void end_thread() {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }

  std::shared_ptr<sim::live::LiveRig> rig_;
  std::size_t card_;
  std::optional<sim::live::GpuClaim> claim_;
  Nanos until_{};                 ///< end of what is queued; the thread's while it runs
  std::optional<Error> trouble_;  ///< likewise
  std::jthread thread_;           ///< last: it ends before what it uses
};

}  // namespace

std::unique_ptr<device::StepLoad> simulated_load(std::shared_ptr<sim::live::LiveRig> rig, std::size_t card) {
  return std::make_unique<SimulatedLoad>(std::move(rig), card);
}

}  // namespace phasewatt::cli
