#include "phasewatt/sim/sim_gpu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace phasewatt::sim {
namespace {

/// Where a point's time starts: late enough that every window of a sensor lies after zero.
constexpr Nanos kEpoch = std::chrono::seconds(100);
constexpr double kIdleSliceS = 1.0;
constexpr double kReserveBytes = 1073741824.0;
constexpr double kLogitBytes = 4.0;

}  // namespace

Status check_memory(const GpuSpec& spec, const ArchSpec& arch, double batch, double tokens, double logits) {
  const double need = arch.weight_bytes() + batch * tokens * arch.kv_bytes_per_token() +
                      batch * logits * arch.vocab * kLogitBytes + kReserveBytes;
  if (need <= spec.silicon.mem_bytes) return ok();
  constexpr double kGiB = 1073741824.0;
  return Error{ErrorCode::out_of_memory,
               fmt::format("'{}' with {:.0f} sequences of {:.0f} tokens needs {:.1f} GiB, '{}' has {:.1f} GiB", arch.id,
                           batch, tokens, need / kGiB, spec.id, spec.silicon.mem_bytes / kGiB),
               "use a smaller batch or model"};
}

SimGpu::SimGpu(GpuSpec spec, Options options)
    : spec_(std::move(spec)),
      options_([&] {
        if (options.device_id.empty()) options.device_id = "sim:" + spec_.id;
        return std::move(options);
      }()),
      supported_(spec_.supported_clocks()),
      sensors_(spec_.sensor, options_.device_id, !options_.noise) {
  begin_point({});
  context_ = false;
}

void SimGpu::begin_point(const PointKey& key) {
  key_ = key;
  now_ = kEpoch;
  context_ = true;
  lock_.reset();
  if (key.clock) lock_ = nearest_clock(supported_, *key.clock);
  pending_.reset();
  switching_ = false;
  switches_ = 0;
  warmth_ = {.heat_at = now_ + kHeatPeriod};
  mask_ = 0;
  worked_ = false;
  clock_ = clock_point(spec_, allowed_mhz());
  clock_now_ = clock_.mhz;

  // Steady state of an idle card: heat and leakage feed each other, so a few rounds.
  warmth_.die_c = spec_.thermal.ambient_c;
  for (int i = 0; i < 8; ++i)
    warmth_.die_c = std::min(spec_.thermal.slow_c, spec_.thermal.ambient_c + spec_.thermal.r_c_per_w * idle_w());
  warmth_.average_w = idle_w();
  history_.restart(now_, warmth_.average_w);
  sensors_.begin(key.hash, key.repeat, now_);

  run_time_log_ = 0;
  run_power_ = 1;
  if (options_.noise) {
    const auto words = philox(key_.hash, {key_.repeat, 0, 0, static_cast<std::uint32_t>(Stream::run)});
    const auto z = normals(words[0], words[1]);
    run_time_log_ = spec_.noise.run_time_sigma * z[0];
    run_power_ = std::exp(spec_.noise.run_power_sigma * z[1]);
  }
}

Disturbance SimGpu::disturb(PassTag tag) const {
  if (!options_.noise) return {};
  const auto words = philox(key_.hash, {key_.repeat, tag.request, tag.pass, static_cast<std::uint32_t>(Stream::pass)});
  const auto z = normals(words[0], words[1]);
  Disturbance out;
  out.gpu_time = std::exp(run_time_log_ + spec_.noise.pass_gpu_sigma * z[0]);
  out.host_time = std::exp(spec_.noise.pass_host_sigma * z[1]);
  out.power = run_power_;
  if (uniform(words[2]) < spec_.noise.outlier_prob) {
    const auto [least, most] = spec_.noise.outlier_host_s;
    out.host_extra_s = least + (most - least) * uniform(words[3]);
  }
  return out;
}

double SimGpu::allowed_mhz() const {
  return warmth_.allowed_mhz(spec_, lock_ ? lock_->value() : spec_.clocks.sm_max_mhz);
}

SimGpu::Pass SimGpu::run(const Load& load, PassTag tag) {
  settle_clock();
  const Disturbance disturbance = disturb(tag);
  Pass pass;
  pass.begin = now_;
  pass.out = eval_at(spec_, clock_, load, leak_factor(spec_, warmth_.die_c), disturbance);
  if (warmth_.over_cap(spec_, pass.out.t_s, pass.out.power_w))
    pass.out = eval_load(spec_, load, clock_.mhz, warmth_.die_c, disturbance);
  if (lock_) pass.out.throttle_mask |= throttle_locked_clocks;
  pass.out.throttle_mask |= warmth_.throttle_mask(spec_);
  mask_ |= pass.out.throttle_mask;
  worked_ = true;
  clock_now_ = pass.out.f_eff_mhz;
  spend(pass.out.t_s, pass.out.power_w);
  pass.end = now_;
  return pass;
}

void SimGpu::idle(Nanos span) {
  // In slices, because the leakage falls while the card cools, and up to a pending switch of the clock.
  for (const Nanos until = now_ + std::max(span, Nanos(0)); now_ < until;) {
    settle_clock();
    clock_now_ = clock_.mhz;
    Nanos slice = std::min(until - now_, from_seconds(kIdleSliceS));
    if (switching_) slice = std::min(slice, pending_at_ - now_);
    const double watts = idle_w();
    const double joules = watts * to_seconds(slice);
    now_ += slice;
    history_.push(now_, joules);
    sensors_.follow(history_);
    warm(to_seconds(slice), watts);
    if (watcher_) watcher_();
  }
  settle_clock();
}

void SimGpu::spend(double seconds, double watts) {
  now_ += from_seconds(seconds);
  history_.push(now_, watts * seconds);
  sensors_.follow(history_);
  warm(seconds, watts);
  if (watcher_) watcher_();
}

void SimGpu::warm(double seconds, double watts) {
  if (warmth_.spend(spec_, now_, seconds, watts)) clock_ = clock_point(spec_, allowed_mhz());
}

double SimGpu::idle_w() const {
  if (!context_) return spec_.power.idle_no_context_w;
  return clock_.steady_w + clock_.leak_w * leak_factor(spec_, warmth_.die_c);
}

Mhz SimGpu::lock(Mhz clock) {
  const Mhz nearest = nearest_clock(supported_, clock);
  request_clock(nearest);
  return nearest;
}

void SimGpu::unlock() {
  if (lock_ || (switching_ && pending_)) request_clock(std::nullopt);
}

void SimGpu::request_clock(std::optional<Mhz> target) {
  idle(from_seconds(spec_.clock_switch.call_s));
  if (!switching_ && target == lock_) return;
  const auto& s = spec_.clock_switch;
  const double delay = options_.noise ? switch_delay_s(s, key_.hash, key_.repeat, switches_) : s.median_s;
  ++switches_;
  pending_ = target;
  pending_at_ = now_ + from_seconds(std::clamp(delay, s.min_s, s.max_s));
  switching_ = true;
}

void SimGpu::settle_clock() {
  if (!switching_ || now_ < pending_at_) return;
  lock_ = pending_;
  switching_ = false;
  clock_ = clock_point(spec_, allowed_mhz());
}

Watts SimGpu::read_power_inst() {
  const Watts value = sensors_.power_inst(history_, now_);
  idle(from_seconds(spec_.sensor.power_inst.call_s));
  return value;
}

Watts SimGpu::read_power_avg() {
  const Watts value = sensors_.power_avg(history_, now_);
  idle(from_seconds(spec_.sensor.power_avg.call_s));
  return value;
}

Joules SimGpu::read_energy() {
  const Joules value = sensors_.energy(history_, now_);
  idle(from_seconds(spec_.sensor.energy.call_s));
  return value;
}

Celsius SimGpu::temperature() const { return Celsius(std::floor(warmth_.die_c + 0.5)); }

std::uint64_t SimGpu::take_throttle_mask() {
  std::uint64_t out = mask_;
  if (!worked_) out |= throttle_idle;
  if (!worked_ && lock_) out |= throttle_locked_clocks;
  mask_ = 0;
  worked_ = false;
  return out;
}

}  // namespace phasewatt::sim
