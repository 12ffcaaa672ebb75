#include <cooperative_groups.h>

#include "phasewatt/engine/libtorch/cuda/device.cuh"

/// What goes row by row: norm, embedding, gate, rotary positions with the cache, arg-max.
namespace phasewatt::engine::libtorch::cuda {
namespace {

constexpr int kThreads = 256;

/// The GPU's time, one for all multiprocessors.
__device__ std::uint64_t now_ns() {
  std::uint64_t ns = 0;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(ns));
  return ns;
}

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

constexpr int kNormEights = 4;  // of a thread; what is beyond them is read twice

/// A row's elements stay in registers between their sum and their scaling.
template <class T>
__global__ void norm_kernel(const T* x, const T* weight, T* out, int width, float eps) {
  let_next_begin();
  x += static_cast<std::size_t>(blockIdx.x) * width;
  out += static_cast<std::size_t>(blockIdx.x) * width;
  const int mine = static_cast<int>(threadIdx.x) * 8;
  Eight<T> w[kNormEights];
  Eight<T> v[kNormEights];
#pragma unroll
  for (int n = 0; n < kNormEights; ++n)
    if (mine + n * kThreads * 8 < width) w[n] = Eight<T>::load(weight + mine + n * kThreads * 8);
  wait_for_previous();
  float squares = 0;
#pragma unroll
  for (int n = 0; n < kNormEights; ++n) {
    if (mine + n * kThreads * 8 >= width) continue;
    v[n] = Eight<T>::load(x + mine + n * kThreads * 8);
    for (int k = 0; k < 8; ++k) squares += v[n][k] * v[n][k];
  }
  for (int i = mine + kNormEights * kThreads * 8; i < width; i += kThreads * 8) {
    const auto more = Eight<T>::load(x + i);
    for (int k = 0; k < 8; ++k) squares += more[k] * more[k];
  }
  const float scale = rsqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  const auto scaled = [&](Eight<T> some, const Eight<T>& weights, int at) {
    for (int k = 0; k < 8; ++k) some.at[k] = rounded<T>(to_float(rounded<T>(some[k] * scale)) * weights[k]);
    some.store(out + at);
  };
#pragma unroll
  for (int n = 0; n < kNormEights; ++n)
    if (mine + n * kThreads * 8 < width) scaled(v[n], w[n], mine + n * kThreads * 8);
  for (int i = mine + kNormEights * kThreads * 8; i < width; i += kThreads * 8)
    scaled(Eight<T>::load(x + i), Eight<T>::load(weight + i), i);
}

template <class T>
__global__ void begin_kernel(const Begin job) {
  let_next_begin();
  wait_for_previous();
  if (job.began != nullptr && blockIdx.x == 0 && threadIdx.x == 0) *job.began = now_ns();
  const int row = static_cast<int>(blockIdx.x);
  const T* from = static_cast<const T*>(job.embedding) + static_cast<std::size_t>(job.ids[row]) * job.width;
  T* to = static_cast<T*>(job.x) + static_cast<std::size_t>(row) * job.width;
  for (int i = static_cast<int>(threadIdx.x) * 8; i < job.width; i += kThreads * 8)
    Eight<T>::load(from + i).store(to + i);
  const int half = job.head_dim / 2;
  for (int i = static_cast<int>(threadIdx.x); i < half; i += kThreads) {
    float* angle = job.angles + (static_cast<std::size_t>(row) * half + i) * 2;
    sincosf(static_cast<float>(job.positions[row]) * job.frequencies[i], &angle[1], &angle[0]);
  }
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

constexpr int kRopeThreads = 128;

/// A thread has eight pairs of the first and second half of a head.
template <class T>
__global__ void rope_kernel(const Heads job) {
  let_next_begin();
  const int half = job.head_dim / 2;
  const int of_a_head = half / 8;
  const int i = static_cast<int>(blockIdx.x * kRopeThreads + threadIdx.x);
  const int head = i / of_a_head;
  const int at = i % of_a_head * 8;
  const int row = static_cast<int>(blockIdx.y);
  if (head >= job.heads + 2 * job.kv_heads) return;
  const int position = job.positions[row];
  const std::size_t slot = static_cast<std::size_t>(job.slots[row]) * job.kv_heads;
  wait_for_previous();
  T* from = static_cast<T*>(job.qkv) +
            (static_cast<std::size_t>(row) * (job.heads + 2 * job.kv_heads) + head) * job.head_dim + at;
  auto first = Eight<T>::load(from);
  auto second = Eight<T>::load(from + half);
  if (head < job.heads + job.kv_heads) {
    const float* angles = job.angles + (static_cast<std::size_t>(row) * half + at) * 2;
    for (int k = 0; k < 8; ++k) {
      const float a = first[k];
      const float b = second[k];
      const float cos = angles[2 * k];
      const float sin = angles[2 * k + 1];
      first.at[k] = rounded<T>(a * cos - b * sin);
      second.at[k] = rounded<T>(b * cos + a * sin);
    }
  }
  T* to = from;
  if (head >= job.heads) {
    const bool is_key = head < job.heads + job.kv_heads;
    const int kv = (head - job.heads) % job.kv_heads;
    to = static_cast<T*>(is_key ? job.keys : job.values) + ((slot + kv) * job.capacity + position) * job.head_dim + at;
  }
  first.store(to);
  second.store(to + half);
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
__global__ void arg_max_kernel(const float* logits, std::int64_t* ids, std::uint64_t* ended, int width) {
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
    ids[blockIdx.y] = best.index < width ? best.index : -1;  // all NaN: no index was taken
    ended[blockIdx.y] = now_ns();
  }
  cluster.sync();  // a block must stay until its finding has been read
}

__global__ void hold_kernel(std::uint64_t ns) {
  const std::uint64_t begin = now_ns();
  while (now_ns() - begin < ns) __nanosleep(1000);
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

cudaError_t begin(const Begin& job, cudaStream_t stream) {
  return with_type(job.type, [&](auto element) {
    return launch(begin_kernel<decltype(element)>, dim3(static_cast<unsigned>(job.rows)), kThreads, 1, stream, job);
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

cudaError_t rope_append(const Heads& job, cudaStream_t stream) {
  const int tasks = (job.heads + 2 * job.kv_heads) * job.head_dim / 16;
  const dim3 grid(static_cast<unsigned>((tasks + kRopeThreads - 1) / kRopeThreads), static_cast<unsigned>(job.rows));
  return with_type(job.type, [&](auto element) {
    return launch(rope_kernel<decltype(element)>, grid, kRopeThreads, 1, stream, job);
  });
}

cudaError_t arg_max(const float* logits, std::int64_t* ids, std::uint64_t* ended, int rows, int width,
                    cudaStream_t stream) {
  return launch(arg_max_kernel, dim3(kArgMaxBlocks, static_cast<unsigned>(rows)), kThreads, kArgMaxBlocks, stream,
                logits, ids, ended, width);
}

cudaError_t hold(double seconds, cudaStream_t stream) {
  return launch(hold_kernel, dim3(1), 1, 1, stream, static_cast<std::uint64_t>(seconds * 1e9));
}

cudaError_t nothing(cudaStream_t stream) { return launch(nothing_kernel, dim3(1), 32, 1, stream); }

}  // namespace phasewatt::engine::libtorch::cuda
