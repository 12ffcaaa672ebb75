#include "phasewatt/engine/sim/sim_card.h"

#include <time.h>

#include <cerrno>

namespace phasewatt::engine {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;

void sleep_until(Nanos at) {
  const timespec deadline{at.count() / kNanosPerSecond, at.count() % kNanosPerSecond};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace

Status VirtualCard::hold(double /*bytes*/) {
  gpu_.hold_context(true);
  return ok();
}

Result<SimCard::Pass> VirtualCard::run(const sim::Load& load, sim::PassTag tag) {
  const auto done = gpu_.run(load, tag);
  return Pass{done.begin, done.end, Mhz(done.out.f_eff_mhz), Joules(done.out.energy_j), done.out};
}

LiveCard::LiveCard(std::shared_ptr<sim::live::LiveRig> rig, std::size_t gpu)
    : rig_(std::move(rig)), gpu_(gpu), spec_(rig_->config().gpus.at(gpu).spec) {}

Status LiveCard::hold(double bytes) {
  claim_.reset();  // the model before gives its memory back first
  PHASEWATT_ASSIGN(auto claim, sim::live::GpuClaim::take(rig_, gpu_, bytes));
  claim_.emplace(std::move(claim));
  return ok();
}

Result<SimCard::Pass> LiveCard::run(const sim::Load& load, sim::PassTag /*tag*/) {
  if (!claim_) return Error{ErrorCode::internal, "a pass before a model was loaded", {}};
  PHASEWATT_ASSIGN(const auto done, claim_->run(load));
  sleep_until(done.end);
  return Pass{done.begin, done.end, done.clock, std::nullopt};
}

}  // namespace phasewatt::engine
