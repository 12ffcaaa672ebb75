// The reference vectors of an independent implementation of the equations. They carry their own parameters, so that a
// refit of a shipped spec does not touch them.
#include <cmath>

#include "tests/sim/support.h"

namespace phasewatt::sim::test {
namespace {

GpuSpec golden_spec(const nlohmann::json& gpu) {
  const auto& s = gpu["spec"];
  const auto& p = gpu["params"];
  GpuSpec g;
  g.silicon.sm_count = s["sm"];
  g.clocks.sm_min_mhz = s["f_min"];
  g.clocks.sm_max_mhz = s["f_max"];
  g.clocks.sm_rated_mhz = s["f_ref"];
  for (const auto& row : s["vf"]) g.clocks.vf_mhz_v.push_back({row[0], row[1]});
  g.compute = {s["peak"], p["umax"], p["m0"]};
  g.memory = {s["bw"], p["eta"], p["b_clk"], p["pn"], p["pn"]};
  g.kernels = {p["kl"], p["ks"], p["tau"], p["ck"], p["act"]};
  g.power.base_w = p["p0"];
  g.power.leak_w_at_1v = p["leak"];
  g.power.leak_temp_per_k = 0.01;
  g.power.clk_w_per_v2ghz = p["cclk"];
  g.power.act_w_per_v2ghz = p["cact"];
  g.power.mem_j_per_byte = p["emem"];
  g.power.flop_j_at_1v = p["eflop"];
  g.power.cap_w = s["cap"];
  return g;
}

RuntimeSpec golden_runtime(const nlohmann::json& gpu, const std::string& kind) {
  const auto& p = gpu["params"];
  RuntimeSpec r;
  r.graph = kind == "graph";
  r.host_s_per_layer = r.graph ? 0.0 : p["tl"].get<double>();
  r.host_s_per_pass = r.graph ? p["tgraph"] : p["ts"];
  r.host_exp = p["ph"];
  return r;
}

void expect_relative(double seen, double expected, double tolerance, const std::string& what) {
  EXPECT_LE(std::abs(seen - expected), tolerance * std::abs(expected)) << what << ": " << seen << " for " << expected;
}

TEST(Golden, ArchitecturesCountTheirWeights) {
  for (const auto& [name, j] : golden()["archs"].items()) {
    const ArchSpec a = arch(name);
    EXPECT_EQ(a.w_layer(), j["w_layer"].get<double>()) << name;
    EXPECT_EQ(a.w_head(), j["w_head"].get<double>()) << name;
    EXPECT_EQ(a.params(), j["params"].get<double>()) << name;
    EXPECT_EQ(a.kv_bytes_per_token(), 2 * j["kv_elems_per_token"].get<double>()) << name;
  }
}

TEST(Golden, EveryVector) {
  int seen = 0;
  for (const auto& [id, gpu] : golden()["gpus"].items()) {
    const GpuSpec spec = golden_spec(gpu);
    for (const auto& c : gpu["cases"]) {
      const RuntimeSpec runtime = golden_runtime(gpu, c["runtime"]);
      const PassIn in{parse_phase(c["phase"].get<std::string>()).value(), c["batch"], c["new_tokens"], c["ctx"],
                      c["logit_tokens"]};
      const PassOut out = eval(spec, runtime, arch(c["model"]), in, c["f_req_mhz"]);
      const auto& want = c["out"];
      const std::string what = id + " " + c.dump();
      expect_relative(out.t_s, want["t_s"], 1e-9, what);
      expect_relative(out.t_gpu_s, want["t_gpu_s"], 1e-9, what);
      expect_relative(out.t_mem_s, want["t_mem_s"], 1e-9, what);
      expect_relative(out.t_comp_s, want["t_comp_s"], 1e-9, what);
      expect_relative(out.t_kern_s, want["t_kern_s"], 1e-9, what);
      expect_relative(out.t_host_s, want["t_host_s"], 1e-9, what);
      expect_relative(out.flops, want["flops"], 1e-9, what);
      expect_relative(out.bytes, want["bytes"], 1e-9, what);
      expect_relative(out.power_w, want["power_w"], 1e-9, what);
      expect_relative(out.energy_j, want["energy_j"], 1e-9, what);
      expect_relative(out.f_eff_mhz, want["f_eff_mhz"], 1e-6, what);
      EXPECT_EQ((out.throttle_mask & throttle_sw_power_cap) != 0, out.f_eff_mhz < c["f_req_mhz"]) << what;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 288);
}

}  // namespace
}  // namespace phasewatt::sim::test
