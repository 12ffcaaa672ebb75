#include "phasewatt/sim/gpu_model.h"

#include <algorithm>
#include <cmath>

namespace phasewatt::sim {
namespace {

constexpr int kSolverSteps = 40;

double fourth_root(double x) { return std::sqrt(std::sqrt(x)); }

/// (a^p + b^p)^(1/p): two costs that hide each other more the larger p is. 4 is what the shipped files use.
double overlap(double a, double b, double p) {
  if (p == 4.0) {
    const double a2 = a * a;
    const double b2 = b * b;
    return fourth_root(a2 * a2 + b2 * b2);
  }
  return std::pow(std::pow(a, p) + std::pow(b, p), 1.0 / p);
}

/// Memory bandwidth the SMs can draw at a clock: flat above the knee, proportional to the clock below it.
double bandwidth(const GpuSpec& spec, double mhz) {
  const double achieved = spec.memory.bw_eta * spec.memory.bw_bytes_per_s;
  const double knee_mhz = achieved / (spec.silicon.sm_count * spec.memory.sm_bytes_per_clk) / 1e6;
  const double ratio = knee_mhz / mhz;
  const double p = spec.memory.bw_knee_exp;
  if (p == 4.0) return achieved / fourth_root(1.0 + ratio * ratio * (ratio * ratio));
  return achieved * std::pow(1.0 + std::pow(ratio, p), -1.0 / p);
}

}  // namespace

std::vector<Mhz> GpuSpec::supported_clocks() const {
  std::vector<Mhz> out;
  for (int k = 0;; ++k) {
    const double mhz = std::floor(clocks.sm_min_mhz + k * clocks.sm_step_mhz);
    if (mhz > clocks.sm_max_mhz) break;
    if (out.empty() || mhz > out.back().value()) out.emplace_back(mhz);
  }
  return out;
}

double ArchSpec::w_layer() const {
  const double query = heads * head_dim;
  const double kv = kv_heads * head_dim;
  const double bias = qkv_bias ? query + 2.0 * kv : 0.0;
  return hidden * query + 2.0 * hidden * kv + query * hidden + 3.0 * hidden * ffn + bias + 2.0 * hidden;
}

double ArchSpec::w_head() const { return vocab * hidden; }

double ArchSpec::params() const { return layers * w_layer() + (tied ? 1.0 : 2.0) * w_head() + hidden; }

double ArchSpec::kv_bytes_per_token() const { return 4.0 * layers * kv_heads * head_dim; }

double voltage(const GpuSpec& spec, double mhz) {
  const auto& points = spec.clocks.vf_mhz_v;
  const auto above = std::find_if(points.begin(), points.end(), [&](const VfPoint& p) { return p.mhz >= mhz; });
  if (above == points.end()) return points.back().volts;
  if (above == points.begin()) return points.front().volts;
  const VfPoint& low = *(above - 1);
  return low.volts + (above->volts - low.volts) * (mhz - low.mhz) / (above->mhz - low.mhz);
}

ClockPoint clock_point(const GpuSpec& spec, double mhz) {
  const double volts = voltage(spec, mhz);
  const double v2 = volts * volts;
  const double v2ghz = v2 * (mhz * 1e-3);
  ClockPoint out;
  out.mhz = mhz;
  out.bytes_per_s = bandwidth(spec, mhz);
  out.flops_per_s = spec.compute.fp16_dense_flops_at_rated * (mhz / spec.clocks.sm_rated_mhz) * spec.compute.util_max;
  out.kernel_s = spec.kernels.fixed_s + spec.kernels.cycles / (mhz * 1e6);
  out.steady_w = spec.power.base_w + spec.power.clk_w_per_v2ghz * v2ghz;
  out.leak_w = spec.power.leak_w_at_1v * v2 * volts;
  out.active_w = spec.power.act_w_per_v2ghz * v2ghz;
  out.flop_j = spec.power.flop_j_at_1v * v2;
  return out;
}

double leak_factor(const GpuSpec& spec, double t_die_c) {
  return std::exp(spec.power.leak_temp_per_k * (t_die_c - kReferenceDieC));
}

Load pass_load(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const PassIn& in) {
  const double tokens = in.batch * in.new_tokens;
  const double logits = in.batch * in.logits;
  const double w_layer = arch.w_layer();
  const double w_head = arch.w_head();
  Load out;
  out.flops = 2.0 * tokens * arch.layers * w_layer + 2.0 * logits * w_head +
              4.0 * tokens * arch.layers * arch.heads * arch.head_dim * in.ctx;
  const double weights = arch.bytes_per_weight * (arch.layers * w_layer + w_head);
  const double cache = in.batch * arch.kv_bytes_per_token() * (in.new_tokens + std::max(in.new_tokens, in.ctx));
  const double activations =
      spec.kernels.activation_mult * tokens * arch.layers * 2.0 * (20.0 * arch.hidden + 6.0 * arch.ffn);
  out.bytes = weights + cache + activations + 10.0 * logits * arch.vocab;
  out.kernels = spec.kernels.per_layer * arch.layers + spec.kernels.per_pass;
  out.saturation = tokens / (tokens + spec.compute.tile_pad_tokens);
  out.host_s = runtime.host_s_per_layer * arch.layers + runtime.host_s_per_pass;
  out.host_exp = runtime.host_exp;
  out.fixed_s = runtime.fixed_s;
  return out;
}

PassOut eval_at(const GpuSpec& spec, const ClockPoint& clock, const Load& load, double leak,
                const Disturbance& disturbance) {
  PassOut out;
  out.flops = load.flops;
  out.bytes = load.bytes;
  out.f_eff_mhz = clock.mhz;
  out.t_mem_s = load.bytes / clock.bytes_per_s;
  out.t_comp_s = load.flops / (clock.flops_per_s * load.saturation);
  out.t_kern_s = load.kernels * clock.kernel_s;
  out.t_gpu_s = (overlap(out.t_mem_s, out.t_comp_s, spec.memory.overlap_exp) + out.t_kern_s) * disturbance.gpu_time;
  out.t_host_s = load.host_s * disturbance.host_time + disturbance.host_extra_s;
  out.t_s = overlap(out.t_gpu_s, out.t_host_s, load.host_exp) + load.fixed_s;
  const double per_s = out.t_s > 0 ? 1.0 / out.t_s : 0.0;
  const double work_j = spec.power.mem_j_per_byte * load.bytes + clock.flop_j * load.flops;
  out.power_w =
      (clock.steady_w + clock.leak_w * leak + clock.active_w * std::min(1.0, out.t_gpu_s * per_s) + work_j * per_s) *
      disturbance.power;
  out.energy_j = out.power_w * out.t_s;
  return out;
}

PassOut eval_load(const GpuSpec& spec, const Load& load, double f_req_mhz, double t_die_c,
                  const Disturbance& disturbance) {
  const double leak = leak_factor(spec, t_die_c);
  const double cap = spec.power.cap_w;
  const auto at = [&](double mhz) { return eval_at(spec, clock_point(spec, mhz), load, leak, disturbance); };

  const double asked =
      std::clamp(std::max(f_req_mhz, spec.clocks.lock_floor_mhz), spec.clocks.sm_min_mhz, spec.clocks.sm_max_mhz);
  PassOut high = at(asked);
  if (high.power_w <= cap) return high;

  const double floor_mhz = std::max(spec.clocks.lock_floor_mhz, spec.clocks.sm_min_mhz);
  PassOut low = at(std::min(floor_mhz, asked));
  low.throttle_mask = throttle_sw_power_cap;
  low.over_cap = low.power_w > cap;
  if (low.over_cap) return low;

  // Power grows with the clock, so [low, high] brackets the answer. False position with the Illinois rule needs about
  // eight evaluations where bisection needs forty, and keeps the bracket; `low` is always within the cap.
  double below = low.power_w - cap;
  double above = high.power_w - cap;
  int side = 0;
  for (int step = 0; step < kSolverSteps; ++step) {
    const double width = high.f_eff_mhz - low.f_eff_mhz;
    if (width <= 1e-9 || -below <= 1e-12 * cap) break;
    double mhz = (low.f_eff_mhz * above - high.f_eff_mhz * below) / (above - below);
    if (mhz <= low.f_eff_mhz || mhz >= high.f_eff_mhz) mhz = low.f_eff_mhz + 0.5 * width;
    const PassOut middle = at(mhz);
    if (middle.power_w <= cap) {
      low = middle;
      below = middle.power_w - cap;
      if (side < 0) above *= 0.5;
      side = -1;
    } else {
      high = middle;
      above = middle.power_w - cap;
      if (side > 0) below *= 0.5;
      side = 1;
    }
  }
  low.throttle_mask = throttle_sw_power_cap;
  low.over_cap = false;
  return low;
}

Confidence confidence(const GpuSpec& spec, const ArchSpec& arch, const PassIn& in, double f_eff_mhz) {
  if (f_eff_mhz < 500.0 || arch.bytes_per_weight != 2.0) return Confidence::c;
  const bool fitted = f_eff_mhz >= 0.35 * spec.clocks.sm_max_mhz && in.batch <= 16.0 && in.ctx <= 8192.0;
  return fitted ? Confidence::a : Confidence::b;
}

PassOut eval(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const PassIn& in, double f_req_mhz,
             double t_die_c) {
  PassOut out = eval_load(spec, pass_load(spec, runtime, arch, in), f_req_mhz, t_die_c);
  out.confidence = confidence(spec, arch, in, out.f_eff_mhz);
  return out;
}

double context_idle_w(const GpuSpec& spec, double mhz, double t_die_c) {
  const ClockPoint clock = clock_point(spec, mhz);
  return clock.steady_w + clock.leak_w * leak_factor(spec, t_die_c);
}

}  // namespace phasewatt::sim
