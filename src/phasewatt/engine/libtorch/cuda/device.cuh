#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "phasewatt/engine/libtorch/cuda/kernels.h"

/// What the kernels share. Internal to engine/libtorch/cuda.
namespace phasewatt::engine::libtorch::cuda {

/// The kernel after this one may begin: it asks for its weights and waits for this one's end itself.
__device__ inline void let_next_begin() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
/// From here on everything that the kernels before have written is there.
__device__ inline void wait_for_previous() { asm volatile("griddepcontrol.wait;" ::: "memory"); }

__device__ inline float2 to_floats(__half2 pair) { return __half22float2(pair); }
__device__ inline float2 to_floats(__nv_bfloat162 pair) { return __bfloat1622float2(pair); }
template <class T>
__device__ inline T rounded(float x) {
  if constexpr (std::is_same_v<T, __half>)
    return __float2half_rn(x);
  else
    return __float2bfloat16_rn(x);
}
__device__ inline float to_float(__half x) { return __half2float(x); }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }

/// Eight elements, as one load of 16 bytes.
template <class T>
struct Eight {
  T at[8];
  __device__ static Eight load(const T* from) {
    Eight out;
    *reinterpret_cast<uint4*>(out.at) = *reinterpret_cast<const uint4*>(from);
    return out;
  }
  __device__ void store(T* to) const { *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(at); }
  __device__ float operator[](int i) const { return to_float(at[i]); }
} __attribute__((aligned(16)));

/// A tensor core product, sum[16 × 8] += a[16 × 16] · b[16 × 8]. Of a lane, with row = lane / 4 and t = lane % 4: a0
/// and a2 are columns 2t, 2t+1 and 2t+8, 2t+9 of the row, a1 and a3 of row + 8; b0 and b1 the same rows of column
/// `row`; sum[0], sum[1] columns 2t, 2t+1 of the row, sum[2], sum[3] of row + 8.
template <class T>
__device__ inline void mma(float (&sum)[4], unsigned a0, unsigned a1, unsigned a2, unsigned a3, unsigned b0,
                           unsigned b1) {
  if constexpr (std::is_same_v<T, __half>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ inline float silu(float x) { return x / (1.0F + __expf(-x)); }

/// Launches with programmatic dependence on the kernel before; `cluster` blocks along x belong together.
template <class... Params, class... Args>
cudaError_t launch(void (*kernel)(Params...), dim3 grid, int threads, int cluster, cudaStream_t stream, Args... args) {
  cudaLaunchAttribute attributes[2];
  attributes[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[0].val.programmaticStreamSerializationAllowed = 1;
  attributes[1].id = cudaLaunchAttributeClusterDimension;
  attributes[1].val.clusterDim.x = static_cast<unsigned>(cluster);
  attributes[1].val.clusterDim.y = 1;
  attributes[1].val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = cluster > 1 ? 2 : 1;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...);
}

/// Calls `work` with a value of the element type.
template <class Work>
cudaError_t with_type(Half type, Work work) {
  return type == Half::f16 ? work(__half{}) : work(__nv_bfloat16{});
}

}  // namespace phasewatt::engine::libtorch::cuda
