#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "phasewatt/engine/embedded/embedded_engine.h"

/// The embedded engine on libtorch, for GPUs and for large models on the CPU. Needs no torch header to include.
namespace phasewatt::engine::libtorch {

using embedded::OpenTokens;
using embedded::TextTokens;

/// How passes are issued. graph: our kernels, decode steps as CUDA graphs. eager: one operator of libtorch at a time,
/// as a usual engine does that waits for its host. The CPU knows eager only.
enum class Runtime { graph, eager };

struct LibtorchOptions {
  OpenTokens open_tokens;  ///< empty: every model gets arbitrary ids, as a synthetic one does
  std::uint64_t seed = 1;  ///< of random weights and arbitrary ids
  int threads = 0;         ///< of the CPU's arithmetic; 0 = as many as libtorch takes
  /// "cpu", "cuda", "cuda:1"; auto: a GPU where libtorch sees one. A list shares each model out between its devices:
  /// "cuda:0,1"; "cpu,cpu" does so on one CPU, for tests.
  std::string device = "auto";
  std::string dtype = "auto";  ///< "f32", "f16", "bf16"; auto: the weights' own on a GPU, f32 on the CPU
  Runtime runtime = Runtime::graph;
};

/// Whether there are such devices, and they compute in that type: what a plan can know before a model is loaded.
/// bad_input, unsupported: the option's name and what it may be.
Status check_options(const LibtorchOptions& options);

/// Models, prefill and scoring are those of embedded::make_cpu_engine.
std::unique_ptr<Engine> make_libtorch_engine(LibtorchOptions options);

/// Release of libtorch this build was made with, "1.13.1".
std::string libtorch_version();

}  // namespace phasewatt::engine::libtorch
