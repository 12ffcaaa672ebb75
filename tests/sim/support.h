#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

#include "phasewatt/sim/gpu_model.h"
#include "phasewatt/sim/spec_files.h"

/// What the tests of the simulated GPU share.
namespace phasewatt::sim::test {

inline GpuSpec rtx() { return find_gpu("rtx-pro-6000-blackwell-ws").value(); }
inline RuntimeSpec eager() { return find_runtime("rtx-pro-6000-host", "eager").value(); }
inline RuntimeSpec graph() { return find_runtime("rtx-pro-6000-host", "graph").value(); }

inline const nlohmann::json& golden() {
  static const nlohmann::json json =
      nlohmann::json::parse(std::ifstream(PHASEWATT_SOURCE_DIR "/tests/sim/golden/gpu-model-golden.json"));
  return json;
}

/// An architecture of the golden file by its public name, "Llama-3.2-1B".
inline ArchSpec arch(const std::string& name) {
  const auto& j = golden()["archs"][name];
  ArchSpec a;
  a.id = name;
  a.layers = j["L"];
  a.hidden = j["h"];
  a.heads = j["nh"];
  a.kv_heads = j["nkv"];
  a.head_dim = j["d"];
  a.ffn = j["ffn"];
  a.vocab = j["V"];
  a.tied = j["tied"];
  a.qkv_bias = name.starts_with("Qwen");
  a.bytes_per_weight = 2;
  return a;
}

inline constexpr std::array kPaperModels{"Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Qwen2.5-14B", "Qwen2.5-32B"};

inline PassIn prefill(double batch, double prompt) { return {Phase::prefill, batch, prompt, prompt / 2, 1}; }
inline PassIn decode(double batch, double ctx) { return {Phase::decode, batch, 1, ctx, 1}; }

}  // namespace phasewatt::sim::test
