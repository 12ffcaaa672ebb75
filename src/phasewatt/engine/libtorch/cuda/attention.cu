#include <cooperative_groups.h>

#include "phasewatt/engine/libtorch/cuda/device.cuh"

/// Attention of single tokens over a long cache, on the tensor cores. The heads of a group share their keys, so a block
/// serves up to 8 of them together, as rows of the products, and reads each key once. The keys of a row are split, by
/// tiles of 16, over the warps of the blocks of a cluster; each warp keeps a running softmax, and all are merged at the
/// end, those of other blocks through the cluster's shared memory.
///
/// As in `gemv`, lanes load 16 bytes of a row and the order of an inner product's terms is permuted to fit. Scores come
/// out of the first product as the second one wants them.
namespace phasewatt::engine::libtorch::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = 32 * kWarps;
constexpr int kHeads = 8;           // rows of a product that are used
constexpr int kTile = 16;           // keys
constexpr int kMostSplits = 8;      // blocks of a cluster
constexpr int kEnoughBlocks = 128;  // about one to a multiprocessor

/// What a warp or a block has found: weights are relative to exp(top). Columns lie as the lanes have them, and rows are
/// apart by 8 banks, so that a warp stores without conflicts; `dimension` says which one a column is.
template <int D>
struct Found {
  float top[kHeads];
  float sum[kHeads];
  float mix[kHeads][D + 8];  ///< weighted values
};
__device__ int dimension(int column) { return column / 64 * 64 + column % 8 * 8 + column / 8 % 8; }

/// Merges `count` findings at (head, column); `at(i)` gives the i-th.
template <class At>
__device__ void merge(int count, int head, int column, At at, float& top, float& sum, float& mix) {
  top = -INFINITY;
  for (int i = 0; i < count; ++i) top = fmaxf(top, at(i)->top[head]);
  sum = mix = 0;
  for (int i = 0; i < count; ++i) {
    const auto* found = at(i);
    // Who saw no key has no weight: exp(-inf - -inf) would be no number.
    const float weight = found->top[head] == -INFINITY ? 0.0F : __expf(found->top[head] - top);
    sum += weight * found->sum[head];
    mix += weight * found->mix[head][column];
  }
}

/// Elements `at` of two rows beside each other.
__device__ unsigned beside(const uint4& a, const uint4& b, int at) {
  const unsigned x = at < 2 ? a.x : at < 4 ? a.y : at < 6 ? a.z : a.w;
  const unsigned y = at < 2 ? b.x : at < 4 ? b.y : at < 6 ? b.z : b.w;
  return __byte_perm(x, y, at % 2 == 0 ? 0x5410 : 0x7632);
}

/// The running softmax of a warp over its tiles. Of a lane: the head is lane / 4, t is lane % 4.
template <class T, int D>
class Attention {
 public:
  __device__ Attention(const T* queries, int heads, const T* keys, const T* values, int end)
      : keys_(keys), values_(values), end_(end) {
#pragma unroll
    for (int j = 0; j < kSteps; ++j) {
      query_[j] = make_uint4(0, 0, 0, 0);
      if (head() < heads) query_[j] = load(queries + head() * D + 32 * j + 8 * t());
    }
  }

  __device__ void fetch_keys(int first) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int j = 0; j < kSteps; ++j) key_[half][j] = load(keys_ + row(first + 8 * half + head()) + 32 * j + 8 * t());
  }
  __device__ void fetch_values(int first) {
#pragma unroll
    for (int r = 0; r < 4; ++r)
#pragma unroll
      for (int c = 0; c < kChunks; ++c)
        value_[r][c] = load(values_ + row(first + 2 * t() + r % 2 + 8 * (r / 2)) + 64 * c + 8 * head());
  }

  /// Scores of the tile at `first` as weights; the keys' registers are free then.
  __device__ void score(int first) {
    float scores[2][4] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half)
#pragma unroll
      for (int j = 0; j < kSteps; ++j) {
        const uint4 q = query_[j];
        const uint4 k = key_[half][j];
        mma<T>(scores[half], q.x, 0, q.y, 0, k.x, k.y);
        mma<T>(scores[half], q.z, 0, q.w, 0, k.z, k.w);
      }
    const float scale = rsqrtf(static_cast<float>(D));
    float higher = top_;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& one = scores[i / 2][i % 2];
      one = first + 8 * (i / 2) + 2 * t() + i % 2 < end_ ? one * scale : -INFINITY;
      higher = fmaxf(higher, one);
    }
    for (int d = 1; d < 4; d *= 2) higher = fmaxf(higher, __shfl_xor_sync(~0U, higher, d));
    const float keep = __expf(top_ - higher);  // a tile has a key: `higher` is finite
    top_ = higher;
    sum_ *= keep;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const T a = rounded<T>(__expf(scores[half][0] - higher));
      const T b = rounded<T>(__expf(scores[half][1] - higher));
      sum_ += to_float(a) + to_float(b);
      weights_[half] = pair(a, b);
    }
#pragma unroll
    for (auto& part : mix_) {
      part[0] *= keep;
      part[1] *= keep;
    }
  }
  __device__ void add_values() {
#pragma unroll
    for (int c = 0; c < kChunks; ++c)
#pragma unroll
      for (int e = 0; e < 8; ++e)
        mma<T>(mix_[8 * c + e], weights_[0], 0, weights_[1], 0, beside(value_[0][c], value_[1][c], e),
               beside(value_[2][c], value_[3][c], e));
  }

  __device__ void store(Found<D>& found) const {
    float sum = sum_;
    for (int d = 1; d < 4; d *= 2) sum += __shfl_xor_sync(~0U, sum, d);
    found.top[head()] = top_;
    found.sum[head()] = sum;
#pragma unroll
    for (int c = 0; c < kChunks; ++c)
#pragma unroll
      for (int e = 0; e < 8; ++e)
        *reinterpret_cast<float2*>(&found.mix[head()][64 * c + 8 * e + 2 * t()]) =
            make_float2(mix_[8 * c + e][0], mix_[8 * c + e][1]);
  }

 private:
  static constexpr int kSteps = D / 32;   // loads of a key, of a lane
  static constexpr int kChunks = D / 64;  // loads of a value, of a lane
  __device__ static int head() { return static_cast<int>(threadIdx.x % 32) / 4; }
  __device__ static int t() { return static_cast<int>(threadIdx.x % 4); }
  __device__ static uint4 load(const T* from) { return *reinterpret_cast<const uint4*>(from); }
  __device__ static unsigned pair(T a, T b) {
    const T both[2] = {a, b};
    return *reinterpret_cast<const unsigned*>(both);
  }
  /// Keys outside are read as the nearest inside; their weight is 0.
  __device__ std::size_t row(int key) const { return static_cast<std::size_t>(min(key, end_ - 1)) * D; }

  const T* keys_;
  const T* values_;
  int end_;
  uint4 query_[kSteps];
  uint4 key_[2][kSteps];
  uint4 value_[4][kChunks];
  unsigned weights_[2];
  float top_ = -INFINITY;
  float sum_ = 0;  ///< this lane's keys
  float mix_[8 * kChunks][4] = {};
};

/// Grid: splits (a cluster) × KV heads · chunks of their heads × rows.
template <class T, int D>
__global__ void __launch_bounds__(kThreads) attention_kernel(const Heads job, T* out, int chunks) {
  __shared__ Found<D> warps[kWarps];
  __shared__ Found<D> block;
  const auto cluster = cooperative_groups::this_cluster();
  let_next_begin();
  const int splits = static_cast<int>(gridDim.x);
  const int row = static_cast<int>(blockIdx.z);
  const int kv = static_cast<int>(blockIdx.y) / chunks;
  const int group = job.heads / job.kv_heads;
  const int first_head = kv * group + static_cast<int>(blockIdx.y) % chunks * kHeads;
  const int heads = min(kHeads, (kv + 1) * group - first_head);

  const int end = job.positions[row] + 1;
  const int begin = job.window > 0 ? max(0, end - job.window) : 0;
  const std::size_t base = (static_cast<std::size_t>(job.slots[row]) * job.kv_heads + kv) * job.capacity * D;
  const T* keys = static_cast<const T*>(job.keys) + base;
  const T* values = static_cast<const T*>(job.values) + base;
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int stride = splits * kWarps * kTile;
  const int mine = begin + (static_cast<int>(blockIdx.x) * kWarps + warp) * kTile;
  // Into L2, which the kernel before cannot make stale, while it still runs.
  for (int first = mine; first < end; first += stride) {
    const std::size_t at = static_cast<std::size_t>(first) * D + threadIdx.x % 32 * (kTile * D / 32);
    asm volatile("prefetch.global.L2 [%0];" ::"l"(keys + at));
    asm volatile("prefetch.global.L2 [%0];" ::"l"(values + at));
  }

  wait_for_previous();
  const T* queries = static_cast<const T*>(job.qkv) +
                     (static_cast<std::size_t>(row) * (job.heads + 2 * job.kv_heads) + first_head) * D;
  Attention<T, D> attention(queries, heads, keys, values, end);
  if (mine < end) {
    attention.fetch_keys(mine);
    attention.fetch_values(mine);
  }
  for (int first = mine; first < end; first += stride) {
    attention.score(first);
    const bool more = first + stride < end;
    if (more) attention.fetch_keys(first + stride);
    attention.add_values();
    if (more) attention.fetch_values(first + stride);
  }
  attention.store(warps[warp]);
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < heads * D; i += kThreads) {
    const int head = i / D;
    float top = 0;
    float sum = 0;
    merge(
        kWarps, head, i % D, [&](int w) { return &warps[w]; }, top, sum, block.mix[head][i % D]);
    if (i % D == 0) {
      block.top[head] = top;
      block.sum[head] = sum;
    }
  }
  cluster.sync();
  // Each block of the cluster finishes its share of the outputs.
  const int share = (heads * D + splits - 1) / splits;
  const int stop = min(heads * D, static_cast<int>(blockIdx.x + 1) * share);
  for (int i = static_cast<int>(blockIdx.x) * share + static_cast<int>(threadIdx.x); i < stop; i += kThreads) {
    const auto of = [&](int rank) { return cluster.map_shared_rank(&block, static_cast<unsigned>(rank)); };
    float top = 0;
    float sum = 0;
    float mix = 0;
    merge(splits, i / D, i % D, of, top, sum, mix);
    const int at = i / D * D + dimension(i % D);
    out[(static_cast<std::size_t>(row) * job.heads + first_head) * D + at] = rounded<T>(mix / sum);
  }
  cluster.sync();  // a block must stay until the others have read
}

template <class T, int D>
cudaError_t launch_attention(const Heads& job, void* out, cudaStream_t stream) {
  const int chunks = (job.heads / job.kv_heads + kHeads - 1) / kHeads;
  int splits = 1;
  while (splits < kMostSplits && 2 * splits * job.kv_heads * chunks * job.rows <= kEnoughBlocks) splits *= 2;
  const dim3 grid(static_cast<unsigned>(splits), static_cast<unsigned>(job.kv_heads * chunks),
                  static_cast<unsigned>(job.rows));
  return launch(attention_kernel<T, D>, grid, kThreads, splits, stream, job, static_cast<T*>(out), chunks);
}

}  // namespace

bool attention_is_built(int head_dim) { return head_dim == 64 || head_dim == 128; }

cudaError_t attention(const Heads& job, void* out, cudaStream_t stream) {
  if (!attention_is_built(job.head_dim)) return cudaErrorInvalidValue;
  return with_type(job.type, [&](auto element) {
    using T = decltype(element);
    return job.head_dim == 64 ? launch_attention<T, 64>(job, out, stream) : launch_attention<T, 128>(job, out, stream);
  });
}

}  // namespace phasewatt::engine::libtorch::cuda
