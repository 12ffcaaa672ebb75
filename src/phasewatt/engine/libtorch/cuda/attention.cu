#include <cooperative_groups.h>

#include "phasewatt/engine/libtorch/cuda/device.cuh"

/// Attention of single tokens over a long cache. The heads of a group share their keys, so a block serves them together
/// and reads each key once. The keys of a row are split over the blocks of a cluster and, within a block, over teams of
/// lanes that hold one key at a time; each team keeps a running softmax, and all of them are merged at the end, those
/// of other blocks through the cluster's shared memory.
namespace phasewatt::engine::libtorch::cuda {
namespace {

constexpr int kSplits = 8;
constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kAtOnce = 4;  // keys that a team asks for before it uses the first

/// A running softmax of G heads: weights are relative to exp(top).
template <int G>
struct Softmax {
  float top[G];
  float sum[G];
  float mix[G][8];  ///< this lane's part of the weighted values

  __device__ Softmax() {
    for (int g = 0; g < G; ++g) {
      top[g] = -INFINITY;
      sum[g] = 0;
      for (int k = 0; k < 8; ++k) mix[g][k] = 0;
    }
  }
  __device__ void add(int g, float score, const float (&value)[8]) {
    const float higher = fmaxf(top[g], score);
    const float keep = __expf(top[g] - higher);
    const float weight = __expf(score - higher);
    top[g] = higher;
    sum[g] = sum[g] * keep + weight;
    for (int k = 0; k < 8; ++k) mix[g][k] = mix[g][k] * keep + weight * value[k];
  }
  /// Takes in the same heads of the lane `distance` away, which saw other keys.
  __device__ void merge_lane(int distance) {
    for (int g = 0; g < G; ++g) {
      const float theirs = __shfl_xor_sync(~0U, top[g], distance);
      const float higher = fmaxf(top[g], theirs);
      // Both without a key: exp(-inf - -inf) is no number.
      const float mine = top[g] == -INFINITY ? 0.0F : __expf(top[g] - higher);
      const float other = theirs == -INFINITY ? 0.0F : __expf(theirs - higher);
      sum[g] = sum[g] * mine + __shfl_xor_sync(~0U, sum[g], distance) * other;
      for (int k = 0; k < 8; ++k) mix[g][k] = mix[g][k] * mine + __shfl_xor_sync(~0U, mix[g][k], distance) * other;
      top[g] = higher;
    }
  }
};

/// What a warp or block has found, in shared memory.
template <int D, int G>
struct Found {
  float top[G];
  float sum[G];
  float mix[G][D];
};

/// Merges `count` findings at (head, column); `at(i)` gives the i-th.
template <class At>
__device__ void merge(int count, int g, int column, At at, float& top, float& sum, float& mix) {
  top = -INFINITY;
  for (int i = 0; i < count; ++i) top = fmaxf(top, at(i)->top[g]);
  sum = mix = 0;
  for (int i = 0; i < count; ++i) {
    const auto* found = at(i);
    const float weight = found->top[g] == -INFINITY ? 0.0F : __expf(found->top[g] - top);
    sum += weight * found->sum[g];
    mix += weight * found->mix[g][column];
  }
}

/// Grid: kSplits (a cluster) × KV heads · chunks of their heads × rows.
template <class T, int D, int G>
__global__ void __launch_bounds__(kThreads) attention_kernel(const Heads job, T* out, int chunks) {
  constexpr int kLanes = D / 8;  // of a team
  constexpr int kTeams = kThreads / kLanes;
  __shared__ Found<D, G> warps[kWarps];
  __shared__ Found<D, G> block;
  const auto cluster = cooperative_groups::this_cluster();
  let_next_begin();
  wait_for_previous();

  const int row = static_cast<int>(blockIdx.z);
  const int kv = static_cast<int>(blockIdx.y) / chunks;
  const int group = job.heads / job.kv_heads;
  const int first_head = kv * group + static_cast<int>(blockIdx.y) % chunks * G;
  const int heads = min(G, (kv + 1) * group - first_head);
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int width = (job.heads + 2 * job.kv_heads) * D;

  const T* queries = static_cast<const T*>(job.qkv) + static_cast<std::size_t>(row) * width + lane * 8;
  float query[G][8];
  const float scale = rsqrtf(static_cast<float>(D));
  for (int g = 0; g < G; ++g) {
    const auto q = Eight<T>::load(queries + (first_head + min(g, heads - 1)) * D);
    for (int k = 0; k < 8; ++k) query[g][k] = q[k] * scale;
  }

  const int end = job.positions[row] + 1;
  const int begin = job.window > 0 ? max(0, end - job.window) : 0;
  const std::size_t base = (static_cast<std::size_t>(job.slots[row]) * job.kv_heads + kv) * job.capacity * D + lane * 8;
  const T* keys = static_cast<const T*>(job.keys) + base;
  const T* values = static_cast<const T*>(job.values) + base;

  Softmax<G> softmax;
  const int stride = kSplits * kTeams;
  // All lanes of a warp take as many turns, since they speak to one another; a turn beyond the end sees no key.
  const int turns = (end - begin + stride * kAtOnce - 1) / (stride * kAtOnce);
  const int team = static_cast<int>(blockIdx.x) * kTeams + static_cast<int>(threadIdx.x) / kLanes;
  for (int turn = 0; turn < turns; ++turn) {
    Eight<T> k[kAtOnce];
    Eight<T> v[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int at = begin + team + (turn * kAtOnce + i) * stride;
      const std::size_t offset = static_cast<std::size_t>(min(at, end - 1)) * D;
      k[i] = Eight<T>::load(keys + offset);
      v[i] = Eight<T>::load(values + offset);
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const bool there = begin + team + (turn * kAtOnce + i) * stride < end;
      float value[8];
      for (int e = 0; e < 8; ++e) value[e] = v[i][e];
#pragma unroll
      for (int g = 0; g < G; ++g) {
        float score = 0;
        for (int e = 0; e < 8; ++e) score += query[g][e] * k[i][e];
        for (int d = kLanes / 2; d > 0; d /= 2) score += __shfl_xor_sync(~0U, score, d);
        if (there) softmax.add(g, score, value);
      }
    }
  }

  for (int d = kLanes; d < 32; d *= 2) softmax.merge_lane(d);
  if (threadIdx.x % 32 < kLanes) {
    auto& mine = warps[threadIdx.x / 32];
    for (int g = 0; g < G; ++g) {
      mine.top[g] = softmax.top[g];
      mine.sum[g] = softmax.sum[g];
      for (int e = 0; e < 8; ++e) mine.mix[g][lane * 8 + e] = softmax.mix[g][e];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < G * D; i += kThreads) {
    float top = 0;
    float sum = 0;
    float mix = 0;
    merge(
        kWarps, i / D, i % D, [&](int w) { return &warps[w]; }, top, sum, mix);
    if (i % D == 0) {
      block.top[i / D] = top;
      block.sum[i / D] = sum;
    }
    block.mix[i / D][i % D] = mix;
  }
  cluster.sync();
  // Each block of the cluster finishes its share of the outputs.
  const int share = (heads * D + kSplits - 1) / kSplits;
  const int stop = min(heads * D, static_cast<int>(blockIdx.x + 1) * share);
  for (int i = static_cast<int>(blockIdx.x) * share + static_cast<int>(threadIdx.x); i < stop; i += kThreads) {
    float top = 0;
    float sum = 0;
    float mix = 0;
    merge(
        kSplits, i / D, i % D, [&](int rank) { return cluster.map_shared_rank(&block, static_cast<unsigned>(rank)); },
        top, sum, mix);
    out[(static_cast<std::size_t>(row) * job.heads + first_head) * D + i] = rounded<T>(mix / sum);
  }
  cluster.sync();  // a block must stay until the others have read
}

constexpr int kMostHeads = 5;  // of a group that one block serves

template <class T, int D>
cudaError_t launch_attention(const Heads& job, void* out, cudaStream_t stream) {
  const int group = job.heads / job.kv_heads;
  const int chunks = (group + kMostHeads - 1) / kMostHeads;
  const dim3 grid(kSplits, static_cast<unsigned>(job.kv_heads * chunks), static_cast<unsigned>(job.rows));
  const auto go = [&](auto kernel) {
    return launch(kernel, grid, kThreads, kSplits, stream, job, static_cast<T*>(out), chunks);
  };
  switch ((group + chunks - 1) / chunks) {
    case 1: return go(attention_kernel<T, D, 1>);
    case 2: return go(attention_kernel<T, D, 2>);
    case 3: return go(attention_kernel<T, D, 3>);
    case 4: return go(attention_kernel<T, D, 4>);
    default: return go(attention_kernel<T, D, 5>);
  }
}

}  // namespace

bool attention_is_built(int head_dim) { return head_dim == 32 || head_dim == 64 || head_dim == 128; }

cudaError_t attention(const Heads& job, void* out, cudaStream_t stream) {
  return with_type(job.type, [&](auto element) {
    using T = decltype(element);
    switch (job.head_dim) {
      case 32: return launch_attention<T, 32>(job, out, stream);
      case 64: return launch_attention<T, 64>(job, out, stream);
      case 128: return launch_attention<T, 128>(job, out, stream);
      default: return cudaErrorInvalidValue;
    }
  });
}

}  // namespace phasewatt::engine::libtorch::cuda
