#include <cooperative_groups.h>

#include "phasewatt/engine/libtorch/cuda/device.cuh"

/// What goes row by row: norm, embedding, gate, rotary positions with the cache, arg-max.
namespace phasewatt::engine::libtorch::cuda {
namespace {

constexpr int kThreads = 256;

/// Sum over a block of kThreads.
__device__ float block_sum(float x) {
  __shared__ float parts[kThreads / 32];
  for (int d = 16; d > 0; d /= 2) x += __shfl_xor_sync(~0U, x, d);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
  for (const float part : parts) sum += part;
  return sum;
}

template <class T>
__global__ void norm_kernel(const T* x, const T* weight, T* out, int width, float eps) {
  let_next_begin();
  wait_for_previous();
  x += static_cast<std::size_t>(blockIdx.x) * width;
  out += static_cast<std::size_t>(blockIdx.x) * width;
  float squares = 0;
  for (int i = static_cast<int>(threadIdx.x) * 8; i < width; i += kThreads * 8) {
    const auto v = Eight<T>::load(x + i);
    for (int k = 0; k < 8; ++k) squares += v[k] * v[k];
  }
  const float scale = rsqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  for (int i = static_cast<int>(threadIdx.x) * 8; i < width; i += kThreads * 8) {
    auto v = Eight<T>::load(x + i);
    const auto w = Eight<T>::load(weight + i);
    for (int k = 0; k < 8; ++k) v.at[k] = rounded<T>(to_float(rounded<T>(v[k] * scale)) * w[k]);
    v.store(out + i);
  }
}

template <class T>
__global__ void embed_kernel(const std::int32_t* ids, const T* table, T* out, int width) {
  let_next_begin();
  wait_for_previous();
  const T* from = table + static_cast<std::size_t>(ids[blockIdx.x]) * width;
  for (int i = static_cast<int>(threadIdx.x) * 8; i < width; i += kThreads * 8)
    Eight<T>::load(from + i).store(out + static_cast<std::size_t>(blockIdx.x) * width + i);
}

template <class T>
__global__ void gated_kernel(const T* gate_up, T* out, int width) {
  let_next_begin();
  wait_for_previous();
  const int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x) * 8;
  if (i >= width) return;
  const T* row = gate_up + static_cast<std::size_t>(blockIdx.y) * 2 * width;
  auto gate = Eight<T>::load(row + i);
  const auto up = Eight<T>::load(row + width + i);
  for (int k = 0; k < 8; ++k) gate.at[k] = rounded<T>(to_float(rounded<T>(silu(gate[k]))) * up[k]);
  gate.store(out + static_cast<std::size_t>(blockIdx.y) * width + i);
}

/// One block a row; a thread has one pair of the first and second half of a head.
template <class T>
__global__ void rope_kernel(const Heads job, const float* frequencies) {
  let_next_begin();
  wait_for_previous();
  const int half = job.head_dim / 2;
  const int pairs = (job.heads + 2 * job.kv_heads) * half;
  const int position = job.positions[blockIdx.x];
  T* row = static_cast<T*>(job.qkv) + static_cast<std::size_t>(blockIdx.x) * 2 * pairs;
  const std::size_t slot = static_cast<std::size_t>(job.slots[blockIdx.x]) * job.kv_heads;
  for (int i = static_cast<int>(threadIdx.x); i < pairs; i += kThreads) {
    const int head = i / half;
    const int at = i % half;
    const T* from = row + head * job.head_dim + at;
    T first = from[0];
    T second = from[half];
    if (head < job.heads + job.kv_heads) {
      float sin = 0;
      float cos = 0;
      sincosf(static_cast<float>(position) * frequencies[at], &sin, &cos);
      const float a = to_float(first);
      const float b = to_float(second);
      first = rounded<T>(a * cos - b * sin);
      second = rounded<T>(b * cos + a * sin);
    }
    T* to = row + head * job.head_dim + at;
    if (head >= job.heads) {
      const bool is_key = head < job.heads + job.kv_heads;
      const int kv = (head - job.heads) % job.kv_heads;
      to =
          static_cast<T*>(is_key ? job.keys : job.values) + ((slot + kv) * job.capacity + position) * job.head_dim + at;
    }
    to[0] = first;
    to[half] = second;
  }
}

struct Best {
  float value;
  int index;
  __device__ void take(Best other) {
    if (other.value > value || (other.value == value && other.index < index)) *this = other;
  }
};

constexpr int kArgMaxBlocks = 8;

/// A cluster of blocks a row; the first gathers what the others found.
__global__ void arg_max_kernel(const float* logits, std::int32_t* ids, int width) {
  const auto cluster = cooperative_groups::this_cluster();
  __shared__ Best parts[kThreads / 32];
  __shared__ Best found;
  let_next_begin();
  wait_for_previous();
  const float* row = logits + static_cast<std::size_t>(blockIdx.y) * width;
  Best best{-INFINITY, 0x7fffffff};
  for (int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x); i < width; i += kArgMaxBlocks * kThreads)
    best.take({row[i], i});
  for (int d = 16; d > 0; d /= 2) best.take({__shfl_xor_sync(~0U, best.value, d), __shfl_xor_sync(~0U, best.index, d)});
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (const Best& part : parts) best.take(part);
    found = best;
  }
  cluster.sync();
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    for (unsigned rank = 1; rank < kArgMaxBlocks; ++rank) best.take(*cluster.map_shared_rank(&found, rank));
    // All NaN: no index was taken.
    ids[blockIdx.y] = best.index < width ? best.index : 0;
  }
  cluster.sync();  // a block must stay until its finding has been read
}

__global__ void nothing_kernel() {
  let_next_begin();
  wait_for_previous();
}

}  // namespace

cudaError_t rms_norm(Half type, const void* x, const void* weight, void* out, int rows, int width, float eps,
                     cudaStream_t stream) {
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    return launch(norm_kernel<T>, dim3(static_cast<unsigned>(rows)), kThreads, 1, stream, static_cast<const T*>(x),
                  static_cast<const T*>(weight), static_cast<T*>(out), width, eps);
  });
}

cudaError_t embed(Half type, const std::int32_t* ids, const void* table, void* out, int rows, int width,
                  cudaStream_t stream) {
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    return launch(embed_kernel<T>, dim3(static_cast<unsigned>(rows)), kThreads, 1, stream, ids,
                  static_cast<const T*>(table), static_cast<T*>(out), width);
  });
}

cudaError_t gated(Half type, const void* gate_up, void* out, int rows, int width, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((width / 8 + kThreads - 1) / kThreads), static_cast<unsigned>(rows));
  return with_type(type, [&](auto element) {
    using T = decltype(element);
    return launch(gated_kernel<T>, grid, kThreads, 1, stream, static_cast<const T*>(gate_up), static_cast<T*>(out),
                  width);
  });
}

cudaError_t rope_append(const Heads& job, const float* frequencies, cudaStream_t stream) {
  return with_type(job.type, [&](auto element) {
    return launch(rope_kernel<decltype(element)>, dim3(static_cast<unsigned>(job.rows)), kThreads, 1, stream, job,
                  frequencies);
  });
}

cudaError_t arg_max(const float* logits, std::int32_t* ids, int rows, int width, cudaStream_t stream) {
  return launch(arg_max_kernel, dim3(kArgMaxBlocks, static_cast<unsigned>(rows)), kThreads, kArgMaxBlocks, stream,
                logits, ids, width);
}

cudaError_t nothing(cudaStream_t stream) { return launch(nothing_kernel, dim3(1), 32, 1, stream); }

}  // namespace phasewatt::engine::libtorch::cuda
