#include "phasewatt/engine/libtorch/cuda/device.cuh"

/// Matrix–vector products at the speed of memory. A block of 8 warps makes 16 outputs of all rows of x: each warp takes
/// an eighth of the inner dimension, and their sums meet in shared memory. The tensor cores do the sums (x as the 8
/// columns of an m16n8k16 product), not for their speed but because they leave the warps free to load.
///
/// An inner product does not care in which order its terms come. So each lane loads 16 bytes in a row of W, 8 elements
/// of two k16 steps, and x is permuted in the same way: no shuffles, no shared memory for W.
namespace phasewatt::engine::libtorch::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kAhead = 8;  // steps of 32 elements that a warp has asked for beyond the one it works on
constexpr int kOutputs = 16;
constexpr int kBlocks = 2;  // of a multiprocessor

/// W is used once: it goes past L1, where x stays. Zeros where it is not wanted, by a predicate instead of a branch.
__device__ uint4 load_once(const void* from, bool wanted) {
  uint4 v = make_uint4(0, 0, 0, 0);
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %5, 0;"
      " @p ld.global.nc.L1::no_allocate.L2::128B.v4.u32 {%0,%1,%2,%3}, [%4]; }"
      : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
      : "l"(from), "r"(static_cast<unsigned>(wanted)));
  return v;
}

/// x is used by every block: it stays in L1. Volatile like W's loads, so that the compiler keeps their order: hoisting
/// the loads of a whole ring would cost more registers than there are.
__device__ uint4 load_shared(const void* from, bool wanted) {
  uint4 v = make_uint4(0, 0, 0, 0);
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %5, 0;"
      " @p ld.global.v4.u32 {%0,%1,%2,%3}, [%4]; }"
      : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
      : "l"(from), "r"(static_cast<unsigned>(wanted)));
  return v;
}

/// The two rows of W that a lane loads for a tile, and its steps along them.
template <class T, bool Gated>
struct Loader {
  const T* upper;
  const T* lower;
  uint4 ring[kAhead][2];

  __device__ void begin(const Gemv& job, int tile, int first, int end) {
    const int row = static_cast<int>(threadIdx.x % 32) / 4;
    const int lane = static_cast<int>(threadIdx.x % 4);
    const auto* weights = static_cast<const T*>(job.weights);
    // Rows beyond the last are read as the last and not stored.
    const int half = kOutputs / 2;
    const int a = Gated ? min(tile * half + row, job.outs - 1) : min(tile * kOutputs + row, job.outs - 1);
    const int b = Gated ? job.outs + a : min(tile * kOutputs + half + row, job.outs - 1);
    upper = weights + static_cast<std::size_t>(a) * job.in + first * 32 + lane * 8;
    lower = weights + static_cast<std::size_t>(b) * job.in + first * 32 + lane * 8;
#pragma unroll
    for (int u = 0; u < kAhead; ++u) fetch(u, first + u < end);
    advance();
  }
  __device__ void fetch(int slot, bool wanted) {
    ring[slot][0] = load_once(upper + slot * 32, wanted);
    ring[slot][1] = load_once(lower + slot * 32, wanted);
  }
  __device__ void advance() {
    upper += kAhead * 32;
    lower += kAhead * 32;
  }
};

template <class T, Epilogue E>
__device__ void finish(const Gemv& job, int tile, int output, int row, float sum, float other) {
  constexpr int kStored = E == Epilogue::gated ? kOutputs / 2 : kOutputs;
  const int column = tile * kStored + output;
  if (row >= job.rows || column >= job.outs) return;
  const std::size_t at = static_cast<std::size_t>(row) * job.outs + column;
  if constexpr (E == Epilogue::logits) {
    static_cast<float*>(job.out)[at] = sum;
  } else {
    auto* out = static_cast<T*>(job.out) + at;
    if constexpr (E == Epilogue::store) {
      const T* bias = static_cast<const T*>(job.bias);
      *out = rounded<T>(bias == nullptr ? sum : sum + to_float(bias[column]));
    } else if constexpr (E == Epilogue::add) {
      *out = rounded<T>(to_float(*out) + to_float(rounded<T>(sum)));
    } else {
      const float gate = to_float(rounded<T>(silu(to_float(rounded<T>(sum)))));
      *out = rounded<T>(gate * to_float(rounded<T>(other)));
    }
  }
}

template <class T, Epilogue E, int Columns>  // Columns: eights of rows of x
__global__ void __launch_bounds__(32 * kWarps, kBlocks) gemv_kernel(const Gemv job) {
  constexpr bool kGated = E == Epilogue::gated;
  __shared__ float sums[kWarps][kOutputs][8 * Columns + 1];
  const int warp = static_cast<int>(threadIdx.x / 32);
  const int group = static_cast<int>(threadIdx.x % 32) / 4;
  const int lane = static_cast<int>(threadIdx.x % 4);
  const int steps = job.in / 32;
  const int each = (steps + kWarps - 1) / kWarps;
  const int first = warp * each;
  const int end = min(first + each, steps);
  const int tiles = (job.outs * (kGated ? 2 : 1) + kOutputs - 1) / kOutputs;
  const T* mine = static_cast<const T*>(job.x) + static_cast<std::size_t>(group) * job.in + first * 32 + lane * 8;

  let_next_begin();
  Loader<T, kGated> weights;
  int tile = static_cast<int>(blockIdx.x);
  if (tile < tiles) weights.begin(job, tile, first, end);
  wait_for_previous();
  for (; tile < tiles; tile += static_cast<int>(gridDim.x)) {
    float sum[Columns][4] = {};
    const T* x = mine;
    for (int step = first; step < end; step += kAhead, x += kAhead * 32, weights.advance()) {
#pragma unroll
      for (int u = 0; u < kAhead; ++u) {
        const uint4 a = weights.ring[u][0];
        const uint4 b = weights.ring[u][1];
#pragma unroll
        for (int c = 0; c < Columns; ++c) {
          const int row = 8 * c + group;
          const uint4 v =
              load_shared(x + static_cast<std::size_t>(8 * c) * job.in + u * 32, row < job.rows && step + u < end);
          mma<T>(sum[c], a.x, b.x, a.y, b.y, v.x, v.y);
          mma<T>(sum[c], a.z, b.z, a.w, b.w, v.z, v.w);
        }
        weights.fetch(u, step + u + kAhead < end);  // into the registers that are free now
      }
    }
    const int next = tile + static_cast<int>(gridDim.x);
    if (next < tiles) weights.begin(job, next, first, end);
#pragma unroll
    for (int c = 0; c < Columns; ++c)
#pragma unroll
      for (int i = 0; i < 4; ++i) sums[warp][group + 8 * (i / 2)][8 * c + 2 * lane + i % 2] = sum[c][i];
    __syncthreads();
    constexpr int kStored = kGated ? kOutputs / 2 : kOutputs;
    for (int i = static_cast<int>(threadIdx.x); i < kStored * 8 * Columns; i += 32 * kWarps) {
      const int output = i % kStored;
      const int row = i / kStored;
      float total = 0;
      float other = 0;
#pragma unroll
      for (int w = 0; w < kWarps; ++w) {
        total += sums[w][output][row];
        if constexpr (kGated) other += sums[w][output + 8][row];
      }
      finish<T, E>(job, tile, output, row, total, other);
    }
    __syncthreads();
  }
}

int multiprocessors() {
  static const int count = [] {
    int device = 0;
    int n = 0;
    const bool known = cudaGetDevice(&device) == cudaSuccess &&
                       cudaDeviceGetAttribute(&n, cudaDevAttrMultiProcessorCount, device) == cudaSuccess;
    return known ? n : 1;
  }();
  return count;
}

template <class T, Epilogue E>
cudaError_t launch_gemv(const Gemv& job, cudaStream_t stream) {
  const int tiles = (job.outs * (E == Epilogue::gated ? 2 : 1) + kOutputs - 1) / kOutputs;
  const int most = kBlocks * multiprocessors();
  const dim3 grid(static_cast<unsigned>(tiles < most ? tiles : most));
  if (job.rows <= 8) return launch(gemv_kernel<T, E, 1>, grid, 32 * kWarps, 1, stream, job);
  if (job.rows <= 16) return launch(gemv_kernel<T, E, 2>, grid, 32 * kWarps, 1, stream, job);
  return launch(gemv_kernel<T, E, 4>, grid, 32 * kWarps, 1, stream, job);
}

}  // namespace

cudaError_t gemv(const Gemv& job, cudaStream_t stream) {
  if (job.rows < 1 || job.rows > kGemvRows || job.in % 32 != 0) return cudaErrorInvalidValue;
  return with_type(job.type, [&](auto element) {
    using T = decltype(element);
    switch (job.epilogue) {
      case Epilogue::store: return launch_gemv<T, Epilogue::store>(job, stream);
      case Epilogue::add: return launch_gemv<T, Epilogue::add>(job, stream);
      case Epilogue::gated: return launch_gemv<T, Epilogue::gated>(job, stream);
      case Epilogue::logits: break;
    }
    return launch_gemv<T, Epilogue::logits>(job, stream);
  });
}

}  // namespace phasewatt::engine::libtorch::cuda
