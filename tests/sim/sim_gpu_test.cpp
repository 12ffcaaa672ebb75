#include "phasewatt/sim/sim_gpu.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <thread>

#include "phasewatt/base/files.h"
#include "phasewatt/sim/estimate.h"
#include "tests/sim/support.h"

namespace phasewatt::sim::test {
namespace {

const SimGpu::Options kQuiet{.noise = false, .device_id = {}};

Load decode_load(const GpuSpec& g, const std::string& model, double batch, double ctx) {
  return pass_load(g, eager(), arch(model), decode(batch, ctx));
}

/// The steady-state card of the golden vectors: the cap clips every pass.
GpuSpec steady() {
  GpuSpec g = rtx();
  g.power.cap_window_s = 0;
  return g;
}

TEST(SimGpu, WithoutNoiseAPassIsThePureFunction) {
  SimGpu gpu(steady(), kQuiet);
  for (const double mhz : {180.0, 960.0, 2842.0}) {
    gpu.begin_point({1, 0, Mhz(mhz)});
    for (std::uint32_t i = 0; i < 50; ++i) {
      const Load load = decode_load(gpu.spec(), "Qwen2.5-32B", 8, 300 + i);
      const PassOut want = eval_load(gpu.spec(), load, mhz, gpu.die_c());
      const auto pass = gpu.run(load, {0, i});
      EXPECT_EQ(pass.out.t_s, want.t_s);
      EXPECT_EQ(pass.out.power_w, want.power_w);
      EXPECT_EQ(pass.out.f_eff_mhz, want.f_eff_mhz);
      EXPECT_NEAR(to_seconds(pass.end - pass.begin), want.t_s, 1e-9);
    }
  }
}

TEST(SimGpu, EnergyAddsUp) {
  SimGpu gpu(rtx());
  gpu.begin_point({1, 0, Mhz(1500)});
  double sum = 0;
  for (std::uint32_t i = 0; i < 1000; ++i)
    sum += gpu.run(decode_load(gpu.spec(), "Llama-3.1-8B", 4, 300), {0, i}).out.energy_j;
  EXPECT_NEAR(gpu.true_joules(), sum, 1e-9 * sum);
}

/// What a point leaves behind, bit for bit.
std::string course(SimGpu& gpu, const PointKey& key) {
  gpu.begin_point(key);
  std::string bytes;
  const auto keep = [&](double value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof raw);
  };
  for (std::uint32_t request = 0; request < 4; ++request) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      const auto pass = gpu.run(decode_load(gpu.spec(), "Qwen2.5-32B", 8, 300 + i), {request, i});
      keep(pass.out.t_s);
      keep(pass.out.energy_j);
      keep(pass.out.f_eff_mhz);
    }
    keep(gpu.read_power_inst().value());
    keep(gpu.read_power_avg().value());
    keep(gpu.read_energy().value());
    gpu.lock(Mhz(request % 2 == 0 ? 960 : 2842));
    keep(to_seconds(gpu.now()));
  }
  keep(gpu.die_c());
  return sha256_hex(bytes);
}

TEST(SimGpu, APointDependsOnItsKeyAlone) {
  std::map<std::uint64_t, std::string> alone;
  for (std::uint64_t key = 0; key < 8; ++key) {
    SimGpu gpu(rtx());
    alone[key] = course(gpu, {key, 0, Mhz(2842)});
  }
  SimGpu gpu(rtx());
  for (const std::uint64_t key : {5U, 2U, 7U, 0U, 3U, 1U, 6U, 4U, 5U})
    EXPECT_EQ(course(gpu, {key, 0, Mhz(2842)}), alone[key]);

  std::array<std::string, 8> seen;
  std::vector<std::thread> threads;
  for (std::uint64_t key = 0; key < seen.size(); ++key)
    threads.emplace_back([&seen, key] {
      SimGpu own(rtx());
      seen[key] = course(own, {key, 0, Mhz(2842)});
    });
  for (auto& thread : threads) thread.join();
  for (std::uint64_t key = 0; key < seen.size(); ++key) EXPECT_EQ(seen[key], alone[key]);

  EXPECT_NE(alone[0], alone[1]);
  EXPECT_NE(course(gpu, {0, 1, Mhz(2842)}), alone[0]) << "repeats differ";
}

#if defined(__x86_64__) && defined(__GLIBC__)
// The same with every compiler. It also pins the mathematics library's exp, log and cos as of glibc 2.28 or newer on a
// processor with FMA.
TEST(SimGpu, ACourseIsTheSameOnEveryCompiler) {
  SimGpu gpu(rtx());
  EXPECT_EQ(course(gpu, {42, 1, Mhz(2842)}), "f7cdff4aeb3bb3ddfea714feb928e6b6f9ecba116ca529848af2e2c4151fcb34");
}
#endif

TEST(SimGpu, RepeatsScatterAsMeasuredCardsDo) {
  SimGpu gpu(steady());
  std::vector<double> seconds;
  std::vector<double> joules;
  for (std::uint32_t repeat = 0; repeat < 200; ++repeat) {
    gpu.begin_point({9, repeat, Mhz(1500)});
    double t = 0;
    double e = 0;
    for (std::uint32_t i = 0; t < 6; ++i) {
      const auto pass = gpu.run(decode_load(gpu.spec(), "Qwen2.5-32B", 1, 300), {0, i}).out;
      t += pass.t_s;
      e += pass.energy_j;
      if (i == 130) {
        seconds.push_back(t);
        joules.push_back(e);
      }
    }
  }
  const auto variation = [](const std::vector<double>& x) {
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    double squares = 0;
    for (const double v : x) squares += (v - mean) * (v - mean);
    return std::sqrt(squares / static_cast<double>(x.size() - 1)) / mean;
  };
  ASSERT_EQ(seconds.size(), 200U);
  EXPECT_GT(variation(seconds), 0.002);
  EXPECT_LT(variation(seconds), 0.006);
  EXPECT_GT(variation(joules), 0.008);
  EXPECT_LT(variation(joules), 0.02);
}

TEST(SimGpu, AClockChangesOnlyAfterTheCallReturned) {
  SimGpu gpu(rtx());
  gpu.begin_point({1, 0, std::nullopt});
  const Load load = decode_load(gpu.spec(), "Llama-3.2-1B", 1, 300);
  EXPECT_EQ(gpu.run(load, {}).out.f_eff_mhz, 3090);
  const Nanos before = gpu.now();
  EXPECT_EQ(gpu.lock(Mhz(964)), Mhz(967));  // 960, 967, …
  EXPECT_EQ(gpu.now() - before, std::chrono::milliseconds(2));
  EXPECT_EQ(gpu.run(load, {}).out.f_eff_mhz, 3090);
  gpu.idle(std::chrono::milliseconds(500));
  const auto pass = gpu.run(load, {}).out;
  EXPECT_EQ(pass.f_eff_mhz, 967);
  EXPECT_EQ(pass.throttle_mask, throttle_locked_clocks);
  EXPECT_EQ(gpu.sm_clock(), Mhz(967));
  gpu.unlock();
  gpu.idle(std::chrono::milliseconds(500));
  EXPECT_EQ(gpu.run(load, {}).out.f_eff_mhz, 3090);
  const Nanos idle = gpu.now();
  gpu.unlock();
  EXPECT_EQ(gpu.now(), idle) << "nothing to give back";
}

TEST(SimGpu, SwitchDelaysStayWithinTheirLimits) {
  SimGpu gpu(rtx());
  const auto& spec = gpu.spec().clock_switch;
  double least = 1;
  double most = 0;
  for (std::uint64_t key = 0; key < 200; ++key) {
    gpu.begin_point({key, 0, Mhz(2842)});
    gpu.lock(Mhz(960));
    const Nanos asked = gpu.now();
    while (gpu.sm_clock() != Mhz(960)) gpu.idle(std::chrono::microseconds(500));
    const double delay = to_seconds(gpu.now() - asked);
    EXPECT_GE(delay, spec.min_s);
    EXPECT_LE(delay, spec.max_s + 0.001);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_LT(least, spec.median_s);
  EXPECT_GT(most, 2 * spec.median_s);
}

TEST(SimGpu, ALockIsClampedToTheRange) {
  SimGpu gpu(rtx());
  gpu.begin_point({});
  EXPECT_EQ(gpu.lock(Mhz(1)), Mhz(180));
  EXPECT_EQ(gpu.lock(Mhz(99999)), Mhz(3090));
}

TEST(SimGpu, TheCapHoldsTheAverageAndLetsABurstPass) {
  SimGpu gpu(rtx(), kQuiet);
  gpu.begin_point({1, 0, std::nullopt});
  const Load load = decode_load(gpu.spec(), "Qwen2.5-32B", 1, 300);  // above 600 W at 3090 MHz
  const auto first = gpu.run(load, {0, 0}).out;
  EXPECT_GT(first.power_w, gpu.spec().power.cap_w);
  EXPECT_EQ(first.throttle_mask, 0U);
  double seconds = 0;
  double joules = 0;
  bool capped = false;
  for (std::uint32_t i = 1; i < 1000; ++i) {
    const auto pass = gpu.run(load, {0, i}).out;
    capped |= (pass.throttle_mask & throttle_sw_power_cap) != 0;
    if (i < 500) continue;
    seconds += pass.t_s;
    joules += pass.energy_j;
  }
  EXPECT_TRUE(capped);
  EXPECT_LE(joules / seconds, gpu.spec().power.cap_w * 1.0001);
  EXPECT_GE(joules / seconds, gpu.spec().power.cap_w * 0.99);
  EXPECT_EQ(gpu.take_throttle_mask(), throttle_sw_power_cap);
  EXPECT_EQ(gpu.take_throttle_mask(), throttle_idle);
}

TEST(SimGpu, HeatApproachesItsSteadyStateAndTakesClockOff) {
  SimGpu gpu(rtx(), kQuiet);
  gpu.begin_point({1, 0, std::nullopt});
  const double cold = gpu.die_c();
  EXPECT_NEAR(cold, 25 + 0.085 * context_idle_w(gpu.spec(), 3090, cold), 0.1);
  const Load load = decode_load(gpu.spec(), "Qwen2.5-32B", 8, 300);
  for (std::uint32_t i = 0; i < 10000; ++i) gpu.run(load, {0, i});
  EXPECT_NEAR(gpu.die_c(), 25 + 0.085 * 600, 1);
  gpu.idle(std::chrono::minutes(10));
  EXPECT_NEAR(gpu.die_c(), cold, 0.5);

  GpuSpec hot = rtx();
  hot.thermal.r_c_per_w = 0.2;
  SimGpu oven(hot, kQuiet);
  oven.begin_point({1, 0, std::nullopt});
  std::uint64_t mask = 0;
  PassOut last;
  for (std::uint32_t i = 0; i < 10000; ++i) {
    last = oven.run(load, {0, i}).out;
    mask |= last.throttle_mask;
  }
  EXPECT_TRUE(mask & throttle_sw_thermal);
  EXPECT_NEAR(oven.die_c(), hot.thermal.slow_c, 1.5);
  EXPECT_LT(last.f_eff_mhz, 3000);
}

TEST(SimGpu, IdlePowerDependsOnTheContext) {
  SimGpu gpu(rtx(), kQuiet);
  gpu.idle(std::chrono::seconds(1));
  EXPECT_NEAR(gpu.true_joules(), gpu.spec().power.idle_no_context_w, 1e-6);
  gpu.begin_point({1, 0, Mhz(960)});
  gpu.idle(std::chrono::seconds(1));
  EXPECT_NEAR(gpu.true_joules(), context_idle_w(gpu.spec(), 960, gpu.die_c()), 0.01);
}

TEST(SimGpu, ALockFloorKeepsTheClockUp) {
  GpuSpec g = rtx();
  g.clocks.lock_floor_mhz = 1200;
  SimGpu gpu(g, kQuiet);
  gpu.begin_point({1, 0, Mhz(180)});
  EXPECT_EQ(gpu.run(decode_load(g, "Llama-3.2-1B", 1, 300), {}).out.f_eff_mhz, 1200);
}

TEST(Memory, WhatDoesNotFitIsSaid) {
  const GpuSpec g = rtx();
  EXPECT_TRUE(check_memory(g, arch("Qwen2.5-32B"), 8, 500, 1));
  const Status full = check_memory(g, arch("Qwen2.5-32B"), 64, 8192, 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::out_of_memory);
}

TEST(Estimate, IsTheSumOfItsPasses) {
  const GpuSpec g = steady();
  const ArchSpec a = arch("Llama-3.1-8B");
  const RequestCost cost = estimate(g, eager(), a, {8, 336, 100, {}}, Mhz(2842));
  double seconds = eval(g, eager(), a, prefill(8, 336), 2842).t_s;
  EXPECT_EQ(cost.prefill_s, seconds);
  for (int i = 0; i < 100; ++i) seconds += eval(g, eager(), a, decode(8, 336.5 + i), 2842).t_s;
  EXPECT_NEAR(cost.seconds, seconds, 1e-4 * seconds);

  const RequestCost scored = estimate(g, eager(), a, {1, 100, 0, {12, 0}}, std::nullopt);
  const double want = eval(g, eager(), a, prefill(1, 100), 3090).t_s +
                      eval(g, eager(), a, {Phase::score, 1, 12, 100, 12}, 3090).t_s +
                      eval(g, eager(), a, {Phase::score, 1, 1, 100, 1}, 3090).t_s;
  EXPECT_NEAR(scored.seconds, want, 1e-12);
}

}  // namespace
}  // namespace phasewatt::sim::test
