#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/engine/libtorch/decoder.h"
#include "phasewatt/engine/libtorch/group.h"

/// All that the engine needs of CUDA, in a build without it too: cuda/gpu.cpp or no_gpu.cpp. Internal to
/// engine/libtorch.
namespace phasewatt::engine::libtorch {

/// GPUs that libtorch can use; 0 in a build without CUDA.
int gpu_count();
/// As NVML writes it, "GPU-…".
std::string gpu_uuid(int index);
double gpu_free_bytes(int index);
/// Whether a GPU can run our kernels, which need what Hopper has (compute capability 9).
bool gpu_runs_kernels(int index);
/// Of ranks on these GPUs.
Groups make_gpu_groups(const std::vector<at::Device>& devices);

/// A stream of the engine's own, current while this lives; nothing on the CPU.
class GpuScope {
 public:
  explicit GpuScope(const at::Device& device);
  ~GpuScope();
  GpuScope(const GpuScope&) = delete;
  GpuScope& operator=(const GpuScope&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Waits for what the current stream has to do; nothing on the CPU.
void wait_for(const at::Device& device);

/// Time between two points of the current stream, by CUDA events.
class GpuTimer {
 public:
  explicit GpuTimer(const at::Device& device);
  ~GpuTimer();
  GpuTimer(const GpuTimer&) = delete;
  GpuTimer& operator=(const GpuTimer&) = delete;
  void start();
  /// As `start`, behind a kernel that lasts so long. What the host starts meanwhile then runs without waiting for it.
  /// The GPU must run our kernels.
  void start_held(double seconds);
  void stop();
  /// Waits for `stop`. Absent on the CPU.
  std::optional<double> seconds();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The forward pass by our kernels, decode steps as CUDA graphs. Uses the decoder's weights and cache.
class GraphRuntime {
 public:
  virtual ~GraphRuntime() = default;
  /// As Decoder::forward, logits on the GPU.
  virtual at::Tensor forward(std::span<const Piece> pieces) = 0;
  [[nodiscard]] virtual bool prepared(std::size_t pieces) const = 0;
  /// Records the graph of a step of so many pieces, if it is not there, so that no step has to.
  virtual void prepare(std::size_t pieces) = 0;
  /// Begins a pass of one token of each piece: the best next ids, on the host or on the GPU, there once that has been
  /// waited for, until the next step.
  virtual at::Tensor step(std::span<const Piece> pieces) = 0;
  /// How long the last pass, which has ended, took on the GPU, if it was one graph, in which no kernel waits for the
  /// host. The kernels say it: events of CUDA would cost the host two calls and a second wait.
  [[nodiscard]] virtual std::optional<double> graph_seconds() const = 0;
  /// What starting the kernels of the last pass took, as far as it is known: as many empty ones, one after another.
  virtual double launch_seconds() const = 0;
  /// The cache has moved.
  virtual void forget_graphs() = 0;
};

/// The graphs of several ranks are made and run at the same time. unsupported: the build has no CUDA, or the kernels
/// are not made for this shape or type.
Result<std::unique_ptr<GraphRuntime>> make_graph_runtime(Decoder& decoder);

}  // namespace phasewatt::engine::libtorch
