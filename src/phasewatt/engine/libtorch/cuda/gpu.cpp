#include "phasewatt/engine/libtorch/gpu.h"

#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>

#include "phasewatt/engine/libtorch/cuda/check.h"
#include "phasewatt/engine/libtorch/cuda/kernels.h"

namespace phasewatt::engine::libtorch {

int gpu_count() { return at::cuda::is_available() ? static_cast<int>(at::cuda::device_count()) : 0; }

std::string gpu_uuid(int index) {
  cudaDeviceProp properties{};
  cuda::check(cudaGetDeviceProperties(&properties, index), "asking for a GPU's properties");
  std::string hex;
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) hex += '-';
    hex += fmt::format("{:02x}", static_cast<unsigned char>(properties.uuid.bytes[i]));
  }
  return "GPU-" + hex;
}

double gpu_free_bytes(int index) {
  const c10::cuda::CUDAGuard device(static_cast<c10::DeviceIndex>(index));
  // What the allocator only keeps for later is free too.
  c10::cuda::CUDACachingAllocator::emptyCache();
  std::size_t free = 0;
  std::size_t total = 0;
  cuda::check(cudaMemGetInfo(&free, &total), "asking for a GPU's memory");
  return static_cast<double>(free);
}

bool gpu_runs_kernels(int index) {
  int generation = 0;
  cuda::check(cudaDeviceGetAttribute(&generation, cudaDevAttrComputeCapabilityMajor, index),
              "asking for a GPU's compute capability");
  return generation >= 9;
}

/// As a CUDAStreamGuard, without the calls of the driver that it makes where the device was current already: each step
/// of a decode has a scope.
struct GpuScope::Impl {
  explicit Impl(const at::Device& device) : before(c10::cuda::getCurrentCUDAStream(device.index())) {
    int current = -1;  // as CUDA says: after a guard's end libtorch may only mean to change it
    cuda::check(cudaGetDevice(&current), "asking for the current GPU");
    if (current != device.index() || c10::cuda::current_device() != current) other_device.set_device(device);
    c10::cuda::setCurrentCUDAStream(stream(device));
  }
  ~Impl() { c10::cuda::setCurrentCUDAStream(before); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  /// One stream of a GPU for the whole life of the program: what the allocator has cached belongs to a stream.
  static c10::cuda::CUDAStream stream(const at::Device& device) {
    static std::mutex mutex;
    static std::map<c10::DeviceIndex, c10::cuda::CUDAStream> streams;
    thread_local std::optional<c10::cuda::CUDAStream> last;
    if (last && last->device_index() == device.index()) return *last;
    const std::lock_guard lock(mutex);
    auto found = streams.find(device.index());
    if (found == streams.end())
      found = streams.emplace(device.index(), c10::cuda::getStreamFromPool(true, device.index())).first;
    last = found->second;
    return *last;
  }
  c10::cuda::OptionalCUDAGuard other_device;
  c10::cuda::CUDAStream before;
};

GpuScope::GpuScope(const at::Device& device) {
  if (device.is_cuda()) impl_ = std::make_unique<Impl>(device);
}
GpuScope::~GpuScope() = default;

void wait_for(const at::Device& device) {
  if (device.is_cuda()) cuda::check(cudaStreamSynchronize(c10::cuda::getCurrentCUDAStream()), "waiting for the GPU");
}

struct GpuTimer::Impl {
  Impl() {
    for (cudaEvent_t* event : {&begin, &end}) cuda::check(cudaEventCreate(event), "making an event");
  }
  ~Impl() {
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  static void record(cudaEvent_t event) {
    cuda::check(cudaEventRecord(event, c10::cuda::getCurrentCUDAStream()), "recording an event");
  }
  cudaEvent_t begin{};
  cudaEvent_t end{};
};

GpuTimer::GpuTimer(const at::Device& device) {
  if (!device.is_cuda()) return;
  const c10::cuda::CUDAGuard guard(device);
  impl_ = std::make_unique<Impl>();
}
GpuTimer::~GpuTimer() = default;

void GpuTimer::start() {
  if (impl_) Impl::record(impl_->begin);
}
void GpuTimer::start_held(double seconds) {
  if (impl_) cuda::check(cuda::hold(seconds, c10::cuda::getCurrentCUDAStream()), "holding the GPU");
  start();
}
void GpuTimer::stop() {
  if (impl_) Impl::record(impl_->end);
}
std::optional<double> GpuTimer::seconds() {
  if (!impl_) return std::nullopt;
  cuda::check(cudaEventSynchronize(impl_->end), "waiting for the GPU");
  float milliseconds = 0;
  cuda::check(cudaEventElapsedTime(&milliseconds, impl_->begin, impl_->end), "reading an event");
  return static_cast<double>(milliseconds) * 1e-3;
}

}  // namespace phasewatt::engine::libtorch
