#include "phasewatt/engine/embedded/cpu_product.h"

#include <Eigen/Core>

#include <algorithm>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace phasewatt::engine::embedded {

#if defined(__x86_64__)
namespace {

constexpr std::int64_t kLanes = 8;
/// A loaded weight is used for two rows and a loaded x for four outputs: 8 sums keep both multipliers busy and fit,
/// with what is loaded, into 16 registers.
constexpr int kRows = 2;
constexpr int kOutputs = 4;

template <int R, int C>
[[gnu::target("avx2,fma")]] void block(const Product& p, std::int64_t row, std::int64_t output) {
  const float* const x = p.x + row * p.inputs;
  const float* const weight = p.weight + output * p.inputs;
  // Unrolled, the sums are registers.
  __m256 sums[R][C];
#pragma GCC unroll 2
  for (auto& of_row : sums)
#pragma GCC unroll 4
    for (auto& sum : of_row) sum = _mm256_setzero_ps();
  const std::int64_t whole = p.inputs / kLanes * kLanes;
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    __m256 in[R];
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) in[r] = _mm256_loadu_ps(x + r * p.inputs + i);
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      const __m256 by = _mm256_loadu_ps(weight + c * p.inputs + i);
#pragma GCC unroll 2
      for (int r = 0; r < R; ++r) sums[r][c] = _mm256_fmadd_ps(in[r], by, sums[r][c]);
    }
  }
#pragma GCC unroll 2
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int c = 0; c < C; ++c) {
      const __m128 four = _mm_add_ps(_mm256_castps256_ps128(sums[r][c]), _mm256_extractf128_ps(sums[r][c], 1));
      const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
      float sum = _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
      for (std::int64_t i = whole; i < p.inputs; ++i) sum += x[r * p.inputs + i] * weight[c * p.inputs + i];
      p.out[(row + r) * p.stride + output + c] = sum;
    }
}

template <int R>
[[gnu::target("avx2,fma")]] void row_block(const Product& p, std::int64_t row, std::int64_t first, std::int64_t last) {
  std::int64_t output = first;
  for (; output + kOutputs <= last; output += kOutputs) block<R, kOutputs>(p, row, output);
  for (; output < last; ++output) block<R, 1>(p, row, output);
}

}  // namespace

bool multiply_by_avx2(const Product& product, std::int64_t first, std::int64_t last) {
  static const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!can) return false;
  // Weights in parts that stay in the nearest cache while all rows pass over them.
  constexpr std::int64_t kCached = 4096;  // floats: 16 KiB
  const std::int64_t step = std::max<std::int64_t>(kCached / product.inputs / kOutputs, 1) * kOutputs;
  for (; first < last; first += step) {
    const std::int64_t end = std::min(first + step, last);
    std::int64_t row = 0;
    for (; row + kRows <= product.rows; row += kRows) row_block<kRows>(product, row, first, end);
    for (; row < product.rows; ++row) row_block<1>(product, row, first, end);
  }
  return true;
}

#else

bool multiply_by_avx2(const Product& /*product*/, std::int64_t /*first*/, std::int64_t /*last*/) { return false; }

#endif

void multiply_by_eigen(const Product& product, std::int64_t first, std::int64_t last) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Matrix> x(product.x, product.rows, product.inputs);
  const Eigen::Map<const Matrix> weight(product.weight + first * product.inputs, last - first, product.inputs);
  Eigen::Map<Matrix, 0, Eigen::OuterStride<>> out(product.out + first, product.rows, last - first,
                                                  Eigen::OuterStride<>(product.stride));
  out.noalias() = x * weight.transpose();
}

void multiply(const Product& product, std::int64_t first, std::int64_t last) {
  if (!multiply_by_avx2(product, first, last)) multiply_by_eigen(product, first, last);
}

}  // namespace phasewatt::engine::embedded
