#pragma once

#include <c10/util/Exception.h>
#include <cuda_runtime_api.h>

/// Internal to engine/libtorch/cuda.
namespace phasewatt::engine::libtorch::cuda {

/// Throws as libtorch does; the engine turns that into errors.
inline void check(cudaError_t status, const char* doing) {
  TORCH_CHECK(status == cudaSuccess, "CUDA: ", doing, " failed: ", cudaGetErrorString(status));
}

}  // namespace phasewatt::engine::libtorch::cuda
