#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "phasewatt/analysis/bound.h"
#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/spec_files.h"

/// The diagnosis sees what an engine can count (time, bytes, flops, busy time, launches); the truth is taken from the
/// terms of the simulated GPU, which it does not see.
namespace phasewatt::analysis {
namespace {

/// What a card's ceilings would read: a long copy and a large GEMM, at the highest clock under the power cap.
Ceilings ceilings_of(const sim::GpuSpec& spec) {
  sim::Load copy;
  copy.bytes = 4e9;
  copy.kernels = 1;
  sim::Load gemm;
  gemm.flops = 2.0 * 8192 * 8192 * 8192;
  gemm.bytes = 3.0 * 2 * 8192 * 8192;
  gemm.kernels = 1;
  const double highest = spec.clocks.sm_max_mhz;
  const auto copied = sim::eval_load(spec, copy, highest);
  const auto multiplied = sim::eval_load(spec, gemm, highest);
  Ceilings ceilings;
  ceilings.copy_bytes_per_s = copied.bytes / copied.t_s;
  ceilings.gemm_flops_per_s = multiplied.flops / multiplied.t_s;
  ceilings.gemm_clock = Mhz(multiplied.f_eff_mhz);
  return ceilings;
}

struct Truth {
  Bound bound = Bound::unknown;
  double lead = 0;  ///< share of the time that the bound explains beyond the next
};

/// Which term of T = ((t_mem^4 + t_comp^4)^¼ + t_kern, t_host)_p + fixed would shorten it most: the elasticity of T.
/// Host and kernel starts are one group. A pass that the cap slowed is power-limited when the host is not the bound.
Truth truth_of(const sim::PassOut& out, double p) {
  const double work = std::pow(std::pow(out.t_mem_s, 4) + std::pow(out.t_comp_s, 4), 0.25);
  const double gpu_part = std::pow(out.t_gpu_s, p) / (std::pow(out.t_gpu_s, p) + std::pow(out.t_host_s, p));
  const double variable = std::pow(std::pow(out.t_gpu_s, p) + std::pow(out.t_host_s, p), 1 / p) / out.t_s;
  const double work_part = gpu_part * variable * work / out.t_gpu_s;
  const double memory = work_part * std::pow(out.t_mem_s / work, 4);
  const double compute = work_part - memory;
  std::array<std::pair<double, Bound>, 3> parts{
      {{1 - work_part, Bound::host}, {memory, Bound::memory}, {compute, Bound::compute}}};
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  Truth truth{parts[0].second, parts[0].first - parts[1].first};
  if (truth.bound != Bound::host && (out.throttle_mask & throttle_sw_power_cap) != 0) truth.bound = Bound::power;
  return truth;
}

struct Case {
  std::string gpu;
  std::string model;
  std::string runtime;
  double batch = 1;
  Phase phase = Phase::decode;
  double mhz = 0;
  Truth truth;
  Diagnosis full;      ///< with the GPU's busy time
  Diagnosis ceilings;  ///< from bytes and flops alone
};

Case judge(const std::string& gpu, const std::string& model, const std::string& runtime, double batch, Phase phase,
           double clock_share) {
  const auto spec = sim::find_gpu(gpu).value();
  const auto host = sim::find_runtime(spec.default_host, runtime).value();
  const auto arch = sim::find_arch(model).value();
  constexpr double kPrompt = 336;
  const sim::PassIn in = phase == Phase::decode ? sim::PassIn{phase, batch, 1, kPrompt + 50, 1}
                                                : sim::PassIn{phase, batch, kPrompt, kPrompt / 2, 1};
  const double asked = spec.clocks.sm_min_mhz + clock_share * (spec.clocks.sm_max_mhz - spec.clocks.sm_min_mhz);
  const auto out = sim::eval(spec, host, arch, in, asked);
  BoundInput seen;
  seen.seconds = out.t_s;
  seen.bytes = out.bytes;
  seen.flops = out.flops;
  seen.power_capped = (out.throttle_mask & throttle_sw_power_cap) != 0;
  seen.clock = Mhz(out.f_eff_mhz);
  Case one{gpu, model, runtime, batch, phase, asked, truth_of(out, host.host_exp), {}, {}};
  one.ceilings = diagnose(seen, ceilings_of(spec));
  seen.gpu_busy_s = std::min(out.t_gpu_s, out.t_s);
  seen.launch_s = out.t_kern_s;
  one.full = diagnose(seen, ceilings_of(spec));
  return one;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> made;
    for (const auto* gpu : {"h200-sxm", "rtx-pro-6000-blackwell-ws"})
      for (const auto* model : {"tiny", "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"})
        for (const auto* runtime : {"eager", "graph"})
          for (const double batch : {1.0, 4.0, 8.0, 32.0})
            for (const Phase phase : {Phase::prefill, Phase::decode})
              for (const double share : {0.0, 0.1, 0.25, 0.5, 0.75, 1.0})
                made.push_back(judge(gpu, model, runtime, batch, phase, share));
    return made;
  }();
  return all;
}

/// Share of the cases in which the diagnosis is the truth, and how many there are.
struct Score {
  int right = 0;
  int unknown = 0;
  int all = 0;
  [[nodiscard]] double share() const { return all == 0 ? 0 : static_cast<double>(right) / all; }
  [[nodiscard]] double wrong() const { return all == 0 ? 0 : static_cast<double>(all - right - unknown) / all; }
};

template <class Filter>
Score score(Diagnosis Case::*which, Filter filter) {
  Score total;
  for (const Case& one : cases()) {
    if (!filter(one)) continue;
    ++total.all;
    if ((one.*which).bound == one.truth.bound) ++total.right;
    if ((one.*which).bound == Bound::unknown) ++total.unknown;
  }
  return total;
}

void print(const char* title, Diagnosis Case::*which) {
  std::map<Bound, std::map<Bound, int>> counts;
  for (const Case& one : cases()) ++counts[one.truth.bound][(one.*which).bound];
  fmt::print("{}\n{:>16}", title, "truth \\ said");
  for (const Bound said : kBounds) fmt::print("{:>16}", to_string(said));
  for (const Bound truth : kBounds) {
    if (truth == Bound::unknown) continue;
    fmt::print("\n{:>16}", to_string(truth));
    for (const Bound said : kBounds) fmt::print("{:>16}", counts[truth][said]);
  }
  const Score all = score(which, [](const Case&) { return true; });
  const Score clear = score(which, [](const Case& one) { return one.truth.lead >= 0.2; });
  fmt::print("\nright {:.1f} % of {}, unknown {}; where the truth leads by 20 % of the time or more: {:.1f} % of {}\n",
             100 * all.share(), all.all, all.unknown, 100 * clear.share(), clear.all);
}

TEST(BoundAgreement, WithTheBusyTime) {
  print("From times, bytes, flops, busy time and launches:", &Case::full);
  EXPECT_GE(score(&Case::full, [](const Case&) { return true; }).share(), 0.9);
  EXPECT_GE(score(&Case::full, [](const Case& one) { return one.truth.lead >= 0.2; }).share(), 0.95);
}

TEST(BoundAgreement, FromBytesAndFlopsAloneItRatherSaysThatItDoesNotKnow) {
  print("From times, bytes and flops alone:", &Case::ceilings);
  EXPECT_LE(score(&Case::ceilings, [](const Case&) { return true; }).wrong(), 0.05);
}

TEST(BoundAgreement, EagerSmallModelsWaitForTheHost) {
  for (const auto* gpu : {"h200-sxm", "rtx-pro-6000-blackwell-ws"})
    for (const double batch : {1.0, 4.0, 8.0})
      EXPECT_EQ(judge(gpu, "llama-3.2-1b", "eager", batch, Phase::decode, 1).full.bound, Bound::host) << gpu << batch;
}

TEST(BoundAgreement, AnEightBillionModelInAGraphIsAtMemoryOrAtThePowerCap) {
  for (const double batch : {1.0, 4.0, 8.0}) {
    const Bound bound = judge("h200-sxm", "llama-3.1-8b", "graph", batch, Phase::decode, 1).full.bound;
    EXPECT_TRUE(bound == Bound::memory || bound == Bound::power) << batch << " " << to_string(bound);
  }
}

}  // namespace
}  // namespace phasewatt::analysis
