// Properties that hold for any valid input, and where the shipped card stands against public measurements.
#include <gtest/gtest.h>
// RapidCheck needs gtest before it.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/sim/support.h"

namespace phasewatt::sim::test {
namespace {

double between(double low, double high) { return low + (high - low) * (*rc::gen::inRange(0, 1'000'001) / 1e6); }

GpuSpec any_spec() {
  GpuSpec g = rtx();
  g.power.cap_w = between(60, 900);
  g.memory.sm_bytes_per_clk = between(20, 80);
  g.memory.overlap_exp = *rc::gen::element(4.0, 2.0, 8.0);
  g.memory.bw_knee_exp = *rc::gen::element(4.0, 3.0);
  g.clocks.lock_floor_mhz = *rc::gen::element(0.0, 0.0, 1200.0);
  return g;
}

RuntimeSpec any_runtime() {
  RuntimeSpec r = *rc::gen::element(0, 1) == 0 ? eager() : graph();
  r.host_exp = *rc::gen::element(4.0, 1.0);
  r.fixed_s = *rc::gen::element(0.0, 0.001);
  return r;
}

ArchSpec any_arch() {
  const std::vector<std::string> names(kPaperModels.begin(), kPaperModels.end());
  return arch(*rc::gen::elementOf(names));
}

PassIn any_pass() {
  const double batch = *rc::gen::inRange(1, 65);
  const double tokens = *rc::gen::inRange(1, 2049);
  const double ctx = *rc::gen::inRange(0, 8193);
  switch (*rc::gen::element(Phase::prefill, Phase::decode, Phase::score)) {
    case Phase::prefill: return prefill(batch, tokens);
    case Phase::decode: return decode(batch, ctx);
    default: return {Phase::score, batch, tokens, ctx, tokens};
  }
}

RC_GTEST_PROP(Model, ResultsStayWithinPhysics, ()) {
  const GpuSpec g = any_spec();
  const PassIn in = any_pass();
  const PassOut out = eval(g, any_runtime(), any_arch(), in, between(100, 4000), between(20, 100));
  RC_ASSERT(std::isfinite(out.t_s) && std::isfinite(out.power_w) && std::isfinite(out.energy_j));
  RC_ASSERT(out.t_s >= out.bytes / g.memory.bw_bytes_per_s);
  RC_ASSERT(out.t_s >= out.flops / (g.compute.fp16_dense_flops_at_rated * out.f_eff_mhz / g.clocks.sm_rated_mhz));
  RC_ASSERT(out.power_w >= g.power.base_w);
  RC_ASSERT(out.over_cap || out.power_w <= g.power.cap_w);
  RC_ASSERT(out.f_eff_mhz >= std::max(g.clocks.sm_min_mhz, g.clocks.lock_floor_mhz));
  RC_ASSERT(out.f_eff_mhz <= g.clocks.sm_max_mhz);
}

RC_GTEST_PROP(Model, AHigherClockIsNeverSlower, ()) {
  const GpuSpec g = any_spec();
  const RuntimeSpec r = any_runtime();
  const ArchSpec a = any_arch();
  const PassIn in = any_pass();
  const double low = between(180, 3090);
  const double high = between(low, 3090);
  RC_ASSERT(eval(g, r, a, in, high).t_s <= eval(g, r, a, in, low).t_s * (1 + 1e-9));
}

RC_GTEST_PROP(Model, MoreSequencesOrContextNeverMakeADecodeStepFaster, ()) {
  const GpuSpec g = any_spec();
  const RuntimeSpec r = any_runtime();
  const ArchSpec a = any_arch();
  const double mhz = between(180, 3090);
  const double batch = *rc::gen::inRange(1, 64);
  const double ctx = *rc::gen::inRange(0, 8000);
  const double t = eval(g, r, a, decode(batch, ctx), mhz).t_s;
  RC_ASSERT(eval(g, r, a, decode(batch + 1, ctx), mhz).t_s >= t * (1 - 1e-9));
  RC_ASSERT(eval(g, r, a, decode(batch, ctx + 100), mhz).t_s >= t * (1 - 1e-9));
}

RC_GTEST_PROP(Model, ACappedPassRunsAtTheHighestClockWithinTheCap, ()) {
  GpuSpec g = rtx();
  g.power.cap_w = between(130, 500);
  const PassOut out = eval(g, eager(), any_arch(), any_pass(), 3090);
  RC_PRE(out.throttle_mask == throttle_sw_power_cap && !out.over_cap);
  RC_ASSERT(out.power_w <= g.power.cap_w);
  RC_ASSERT(out.power_w >= g.power.cap_w * (1 - 1e-8));
}

TEST(Model, NothingBreaksAtTheCorners) {
  const GpuSpec g = rtx();
  for (const double batch : {1.0, 1e4})
    for (const double tokens : {1.0, 1e6})
      for (const double ctx : {0.0, 1e7})
        for (const double mhz : {0.0, 180.0, 3090.0, 1e6}) {
          const PassOut out =
              eval(g, eager(), arch("Llama-3.1-8B"), {Phase::score, batch, tokens, ctx, tokens}, mhz, -50);
          EXPECT_TRUE(std::isfinite(out.energy_j) && out.energy_j > 0);
        }
  const PassOut nothing = eval_load(g, Load{}, 3090);
  EXPECT_EQ(nothing.t_s, 0);
  EXPECT_EQ(nothing.energy_j, 0);
  EXPECT_TRUE(std::isfinite(nothing.power_w));
}

TEST(Model, LeakageIsStatedAtTheReferenceTemperature) {
  const GpuSpec g = rtx();
  EXPECT_EQ(leak_factor(g, kReferenceDieC), 1.0);
  EXPECT_GT(context_idle_w(g, 2842, 80), context_idle_w(g, 2842, 40));
}

TEST(Model, ConfidenceFallsOutsideTheFittedRange) {
  const GpuSpec g = rtx();
  ArchSpec a = arch("Llama-3.1-8B");
  EXPECT_EQ(eval(g, eager(), a, decode(8, 400), 2842).confidence, Confidence::a);
  EXPECT_EQ(eval(g, eager(), a, decode(8, 400), 960).confidence, Confidence::b);
  EXPECT_EQ(eval(g, eager(), a, decode(32, 400), 2842).confidence, Confidence::b);
  EXPECT_EQ(eval(g, eager(), a, decode(8, 400), 487).confidence, Confidence::c);
  a.bytes_per_weight = 1;
  EXPECT_TRUE(eval(g, eager(), a, decode(8, 400), 2842).extrapolated());
}

// ---- public measurements by others; the sources stand in docs/simulated-gpu.md

struct StepAnchor {
  const char* model;
  double batch;
  double ms;
  double watts;  // 0 = not published
};

TEST(Anchors, DecodeStepsOfAnEagerEngine) {
  for (const auto& [model, batch, ms, watts] : {StepAnchor{"Qwen2.5-3B", 1, 12.03, 0},
                                                {"Qwen2-1.5B", 1, 9.50, 169},
                                                {"Qwen2-1.5B", 8, 10.13, 179},
                                                {"Qwen2.5-3B", 8, 12.57, 243},
                                                {"Yi-1.5-6B", 8, 12.96, 337}}) {
    const PassOut out = eval(rtx(), eager(), arch(model), decode(batch, 200), 2700);
    EXPECT_NEAR(out.t_s * 1e3, ms, 0.10 * ms) << model;
    if (watts > 0) {
      EXPECT_NEAR(out.power_w, watts, 0.20 * watts) << model;
    }
  }
}

TEST(Anchors, EnergyPerTokenOfASiblingCard) {
  GpuSpec g = rtx();
  g.silicon.sm_count = 170;
  g.compute.fp16_dense_flops_at_rated *= 170.0 / 188.0;
  EXPECT_NEAR(eval(g, eager(), arch("Qwen2-7B"), decode(1, 200), 2700).energy_j, 5.51, 0.20 * 5.51);
  EXPECT_NEAR(eval(g, eager(), arch("TinyLlama-1.1B"), decode(1, 200), 2700).energy_j, 1.66, 0.20 * 1.66);
}

TEST(Anchors, MatrixProductsAndStream) {
  const GpuSpec g = rtx();
  const std::array<std::array<double, 2>, 3> tflops{{{2048, 270}, {4096, 395}, {8192, 375}}};
  for (const auto& [n, observed] : tflops) {
    Load gemm{.flops = 2 * n * n * n, .bytes = 6 * n * n, .kernels = 1};
    gemm.saturation = n * n / (n * n + 1768.48 * 1768.48);  // half of the best utilisation at 1768²
    EXPECT_NEAR(gemm.flops / eval_load(g, gemm, 3090).t_s / 1e12, observed, 0.15 * observed) << n;
  }
  const Load stream{.bytes = 4e9, .kernels = 1};
  EXPECT_NEAR(stream.bytes / eval_load(g, stream, 2617).t_s, 1.489e12, 0.02 * 1.489e12);
  EXPECT_NEAR(context_idle_w(g, 2700), 105, 0.20 * 105);
}

TEST(Anchors, SlowdownUnderALowerCap) {
  GpuSpec g = rtx();
  const double full = eval(g, eager(), arch("Qwen2.5-32B"), decode(8, 204), 2617).t_s;
  const auto slowdown = [&](double cap) {
    g.power.cap_w = cap;
    return eval(g, eager(), arch("Qwen2.5-32B"), decode(8, 204), 2617).t_s / full;
  };
  EXPECT_NEAR(slowdown(360), 1.009, 0.10 * 1.009);
  EXPECT_NEAR(slowdown(300), 1.046, 0.10 * 1.046);
  // The known outlier of the fit: a mixed serving load stands in for decode, and the model is 14 % too fast.
  EXPECT_NEAR(slowdown(250), 1.19, 0.15 * 1.19);
}

// The paper's table says +0.5 %; a card at 180 MHz has 35 TFLOP/s and cannot do that. Whoever "fixes" the default to
// match the table breaks this.
TEST(Honesty, PrefillAtTheLowestClockIsManyTimesSlower) {
  const ArchSpec a = arch("Qwen2.5-32B");
  const double slow = eval(rtx(), eager(), a, prefill(8, 154), 180).t_s;
  const double fast = eval(rtx(), eager(), a, prefill(8, 154), 2842).t_s;
  EXPECT_GE(slow / fast - 1, 5.0);
}

TEST(Headline, DecodeSaves42PercentAtOneToOneAndAHalfGigahertz) {
  for (const char* model : kPaperModels) {
    const PassOut full = eval(rtx(), eager(), arch(model), decode(1, 200), 2842);
    bool found = false;
    for (double mhz = 1050; mhz <= 1500; mhz += 7.5) {
      const PassOut low = eval(rtx(), eager(), arch(model), decode(1, 200), mhz);
      const double saving = 1 - low.energy_j / full.energy_j;
      found |= std::abs(saving - 0.42) <= 0.03 && low.t_s / full.t_s <= 1.02;
    }
    EXPECT_TRUE(found) << model;
  }
}

}  // namespace
}  // namespace phasewatt::sim::test
