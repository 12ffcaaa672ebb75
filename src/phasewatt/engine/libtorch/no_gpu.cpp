#include "phasewatt/engine/libtorch/gpu.h"

/// A build with a libtorch that knows no CUDA.
namespace phasewatt::engine::libtorch {

struct GpuScope::Impl {};
struct GpuTimer::Impl {};

int gpu_count() { return 0; }
std::string gpu_uuid(int /*index*/) { return {}; }
double gpu_free_bytes(int /*index*/) { return 0; }
bool gpu_runs_kernels(int /*index*/) { return false; }
Groups make_gpu_groups(const std::vector<at::Device>& /*devices*/) { return {}; }

GpuScope::GpuScope(const at::Device& /*device*/) {}
GpuScope::~GpuScope() = default;

void wait_for(const at::Device& /*device*/) {}

GpuTimer::GpuTimer(const at::Device& /*device*/) {}
GpuTimer::~GpuTimer() = default;
void GpuTimer::start() {}
void GpuTimer::start_held(double /*seconds*/) {}
void GpuTimer::stop() {}
std::optional<double> GpuTimer::seconds() { return std::nullopt; }

Result<std::unique_ptr<GraphRuntime>> make_graph_runtime(Decoder& /*decoder*/) {
  return Error{ErrorCode::unsupported, "this build's libtorch knows no CUDA, so there are no graphs",
               "set runtime = \"eager\", or build with the libtorch of a PyTorch for CUDA"};
}

}  // namespace phasewatt::engine::libtorch
