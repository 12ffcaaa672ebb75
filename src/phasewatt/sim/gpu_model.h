#pragma once

#include <cstdint>

#include "phasewatt/base/records.h"
#include "phasewatt/sim/gpu_spec.h"

/// Time, power and energy of one forward pass as pure functions: no state, no I/O, no randomness; SI units, doubles.
/// Bit-identical between compilers (the room is built with -ffp-contract=off). Thread-safe. A roofline with soft
/// corners:
///
///   t_mem  = bytes / BW(f)        BW(f) = eta·BW·[1 + (f_knee/f)^4]^(-1/4)
///   t_comp = flops / (peak·(f/f_rated)·u_max·tokens/(tokens + tile_pad))
///   t_kern = kernels·(fixed + cycles/f)
///   t_gpu  = (t_mem^4 + t_comp^4)^(1/4) + t_kern
///   T      = (t_gpu^4 + t_host^4)^(1/4) + fixed
///   P      = base + leak·V³·e^(k·(t_die - 60)) + clk·V²·f + act·V²·f·min(1, t_gpu/T) + (mem·bytes + flop·V²·flops)/T
///
/// flops and bytes of a pass: pass_load. What the constants were fitted to, and the sources: docs/simulated-gpu.md.
namespace phasewatt::sim {

/// Die temperature at which the leakage of a spec file is stated.
inline constexpr double kReferenceDieC = 60.0;

/// One forward pass: `batch` sequences of `new_tokens` each, every new token looking at `ctx` keys.
struct PassIn {
  Phase kind = Phase::prefill;
  double batch = 1;
  double new_tokens = 1;
  double ctx = 0;     ///< prefill: half the prompt; decode and score: the context
  double logits = 1;  ///< positions per sequence whose logits are computed
};

/// Work in the terms of the hardware; a pass of a model, or a micro-load such as a copy or a single GEMM.
struct Load {
  double flops = 0;
  double bytes = 0;       ///< device-memory traffic, read and written
  double kernels = 0;     ///< kernels in a row
  double saturation = 1;  ///< share of the best utilisation that the shape allows, (0, 1]
  double host_s = 0;      ///< time the host needs for the pass
  double host_exp = 4;    ///< how host and GPU time overlap
  double fixed_s = 0;     ///< time in which neither hides the other
};

/// Where the result stands against the range the model was fitted for: a ±10/15 %, b ±20/25 %, c ±40 % (time/power).
enum class Confidence { a, b, c };

struct PassOut {
  double t_s = 0;
  double t_gpu_s = 0;
  double t_mem_s = 0;
  double t_comp_s = 0;
  double t_kern_s = 0;
  double t_host_s = 0;
  double flops = 0;
  double bytes = 0;
  double f_eff_mhz = 0;
  double power_w = 0;
  double energy_j = 0;
  std::uint64_t throttle_mask = 0;  ///< ThrottleBit; only the power cap in the pure function
  Confidence confidence = Confidence::a;
  bool over_cap = false;  ///< the cap is exceeded even at the lowest clock

  [[nodiscard]] bool extrapolated() const { return confidence == Confidence::c; }
};

/// Everything that depends on the GPU and the clock alone, so that a run of passes at one clock pays for it once.
struct ClockPoint {
  double mhz = 0;
  double bytes_per_s = 0;
  double flops_per_s = 0;  ///< at full saturation
  double kernel_s = 0;     ///< per kernel
  double steady_w = 0;     ///< base and clock tree
  double leak_w = 0;       ///< at kReferenceDieC
  double active_w = 0;     ///< while the GPU is busy
  double flop_j = 0;
};

/// Factors by which a noisy pass differs from the pure one; the default changes nothing.
struct Disturbance {
  double gpu_time = 1;
  double host_time = 1;
  double host_extra_s = 0;
  double power = 1;
};

/// Volts at a clock: linear between the points of the spec.
double voltage(const GpuSpec& spec, double mhz);

ClockPoint clock_point(const GpuSpec& spec, double mhz);

/// Factor on the leakage at a die temperature, 1 at kReferenceDieC.
double leak_factor(const GpuSpec& spec, double t_die_c);

/// Hardware terms of a pass.
Load pass_load(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const PassIn& in);

/// The load at a given clock, whatever its power.
PassOut eval_at(const GpuSpec& spec, const ClockPoint& clock, const Load& load, double leak,
                const Disturbance& disturbance = {});

/// The load at the highest clock ≤ `f_req_mhz` whose power is within the cap (and never below the spec's lock floor or
/// lowest clock). With `disturbance.power` ≠ 1 the disturbed power is held to the cap.
PassOut eval_load(const GpuSpec& spec, const Load& load, double f_req_mhz, double t_die_c = kReferenceDieC,
                  const Disturbance& disturbance = {});

/// One pass of a model in the steady state: eval_load of its pass_load, with the confidence of the region.
PassOut eval(const GpuSpec& spec, const RuntimeSpec& runtime, const ArchSpec& arch, const PassIn& in, double f_req_mhz,
             double t_die_c = kReferenceDieC);

/// Watts of a card that holds a context and does nothing.
double context_idle_w(const GpuSpec& spec, double mhz, double t_die_c = kReferenceDieC);

/// Region of the model: c below 500 MHz or off 16-bit weights; a for clocks ≥ 0.35·max, batches ≤ 16, contexts ≤ 8192.
Confidence confidence(const GpuSpec& spec, const ArchSpec& arch, const PassIn& in, double f_eff_mhz);

}  // namespace phasewatt::sim
