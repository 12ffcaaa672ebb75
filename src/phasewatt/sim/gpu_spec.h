#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "phasewatt/base/units.h"

/// What describes a simulated GPU, a model's shape and a host's software: plain values, read from TOML files by
/// spec_files.h. Field names are the keys of the files and carry the unit.
namespace phasewatt::sim {

struct VfPoint {
  double mhz = 0;
  double volts = 0;
};

/// A power reading: the mean over the last `window_s`, refreshed every `update_s` ± `update_jitter_s`.
struct PowerSensorSpec {
  double update_s = 0.1;
  double update_jitter_s = 0;
  double window_s = 0.1;
  double call_s = 0;  ///< what one read costs the caller
};

/// The energy counter, refreshed every `update_s`.
struct EnergySensorSpec {
  enum class Integrates { full, sampled };
  double update_s = 0.1;
  double quantum_mj = 1;
  Integrates integrates = Integrates::full;  ///< the true integral, or the sum of the instant sensor's readings
  double call_s = 0;
};

/// A GPU: `gpus/<id>.toml`.
struct GpuSpec {
  std::string id;
  std::string name;
  std::string provenance;
  std::string default_host;
  std::string sha256;  ///< of the file the spec was read from

  struct Silicon {
    double sm_count = 0;
    double mem_bytes = 0;
  } silicon;

  struct Clocks {
    double sm_min_mhz = 0;
    double sm_max_mhz = 0;
    double sm_rated_mhz = 0;
    double sm_step_mhz = 0;
    double mem_mhz = 0;
    std::vector<VfPoint> vf_mhz_v;  ///< ascending; linear between, constant outside
    double lock_floor_mhz = 0;
  } clocks;

  struct Compute {
    double fp16_dense_flops_at_rated = 0;
    double util_max = 1;
    double tile_pad_tokens = 0;
  } compute;

  struct Memory {
    double bw_bytes_per_s = 0;
    double bw_eta = 1;
    double sm_bytes_per_clk = 0;
    double bw_knee_exp = 4;
    double overlap_exp = 4;
  } memory;

  struct Kernels {
    double per_layer = 0;
    double per_pass = 0;
    double fixed_s = 0;
    double cycles = 0;
    double activation_mult = 1;
  } kernels;

  struct Power {
    double base_w = 0;
    double leak_w_at_1v = 0;
    double leak_temp_per_k = 0;
    double clk_w_per_v2ghz = 0;
    double act_w_per_v2ghz = 0;
    double mem_j_per_byte = 0;
    double flop_j_at_1v = 0;
    double idle_no_context_w = 0;
    double cap_w = 0;
    double cap_min_w = 0;
    double cap_window_s = 0;
  } power;

  struct Thermal {
    double ambient_c = 25;
    double r_c_per_w = 0;
    double tau_s = 1;
    double slow_c = 1000;
    double shutdown_c = 1000;
  } thermal;

  struct ClockSwitch {
    double call_s = 0;
    double median_s = 0;
    double log_sigma = 0;
    double min_s = 0;
    double max_s = 0;
  } clock_switch;

  struct Sensor {
    PowerSensorSpec power_inst;
    PowerSensorSpec power_avg;
    EnergySensorSpec energy;
    struct Error {
      double gain_sigma = 0;
      double offset_sigma_w = 0;
      double tick_sigma_w = 0;
      double power_quantum_mw = 1;
    } error;
  } sensor;

  struct Noise {
    double run_time_sigma = 0;
    double run_power_sigma = 0;
    double pass_gpu_sigma = 0;
    double pass_host_sigma = 0;
    double outlier_prob = 0;
    std::array<double, 2> outlier_host_s{0, 0};
  } noise;

  struct Confidence {
    double time_pct = 0;
    double power_pct = 0;
  } confidence;

  /// The clocks a lock can ask for, ascending: floor(min + k·step) up to max.
  [[nodiscard]] std::vector<Mhz> supported_clocks() const;
};

/// The shape of a dense decoder-only transformer: `archs/<id>.toml`.
struct ArchSpec {
  std::string id;
  std::string name;
  std::string provenance;
  std::string sha256;
  double layers = 0;
  double hidden = 0;
  double heads = 0;
  double kv_heads = 0;
  double head_dim = 0;
  double ffn = 0;
  double vocab = 0;
  bool tied = false;  ///< input and output embedding are one matrix
  bool qkv_bias = false;
  double bytes_per_weight = 2;

  [[nodiscard]] double w_layer() const;  ///< weights of one layer: attention, gated FFN, two norms
  [[nodiscard]] double w_head() const;   ///< weights of the output projection
  [[nodiscard]] double params() const;   ///< all weights
  [[nodiscard]] double weight_bytes() const { return params() * bytes_per_weight; }
  [[nodiscard]] double kv_bytes_per_token() const;  ///< FP16 keys and values of all layers
};

/// What the host costs per pass: one table of `runtimes/<host>.toml`.
struct RuntimeSpec {
  std::string host;
  std::string kind;  ///< "eager" or "graph"
  std::string provenance;
  std::string sha256;
  double host_s_per_layer = 0;
  double host_s_per_pass = 0;
  double host_exp = 4;  ///< T = (t_gpu^e + t_host^e)^(1/e) + fixed_s
  double fixed_s = 0;
  bool graph = false;

  [[nodiscard]] std::string id() const { return host + "/" + kind; }
};

}  // namespace phasewatt::sim
