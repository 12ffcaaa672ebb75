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
/// A loaded x is used for four vectors of columns, what is loaded of `by` for three rows: 12 sums keep both multipliers
/// busy and fit, with three x and one vector, into 16 registers.
constexpr int kRows = 3;
constexpr int kVectors = kPanel / kLanes;

/// Adds the inputs [first, last) to a tile of R rows and V vectors of columns. A single vector may be cut by `mask`.
template <int R, int V>
[[gnu::target("avx2,fma")]] void tile(const Product& p, std::int64_t row, std::int64_t column, std::int64_t first,
                                      std::int64_t last, const __m256i& mask) {
  const float* const x = p.x + row * p.x_stride;
  float* const out = p.out + row * p.out_stride + column;
  // Unrolled, the sums are registers.
  __m256 sums[R][V];
#pragma GCC unroll 3
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const float* const before = out + r * p.out_stride + v * kLanes;
      if (first == 0)
        sums[r][v] = _mm256_setzero_ps();
      else
        sums[r][v] = V == 1 ? _mm256_maskload_ps(before, mask) : _mm256_loadu_ps(before);
    }
  const float* by = p.by + first * p.by_stride + column;
  const std::int64_t by_stride = p.by_stride;
  const std::int64_t x_stride = p.x_stride;
  for (std::int64_t i = first; i < last; ++i, by += by_stride) {
    __m256 in[R];
#pragma GCC unroll 3
    for (int r = 0; r < R; ++r) in[r] = _mm256_broadcast_ss(x + r * x_stride + i);
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const __m256 with = V == 1 ? _mm256_maskload_ps(by, mask) : _mm256_loadu_ps(by + v * kLanes);
#pragma GCC unroll 3
      for (int r = 0; r < R; ++r) sums[r][v] = _mm256_fmadd_ps(in[r], with, sums[r][v]);
    }
  }
#pragma GCC unroll 3
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* const to = out + r * p.out_stride + v * kLanes;
      if (V == 1)
        _mm256_maskstore_ps(to, mask, sums[r][v]);
      else
        _mm256_storeu_ps(to, sums[r][v]);
    }
}

template <int V>
[[gnu::target("avx2,fma")]] void all_rows(const Product& p, std::int64_t column, const __m256i& mask) {
  // Inputs in parts that stay in the nearest cache while all rows pass over them.
  constexpr std::int64_t kCached = 128;  // of a panel: 16 KiB
  for (std::int64_t first = 0; first < p.inputs; first += kCached) {
    const std::int64_t last = std::min(first + kCached, p.inputs);
    std::int64_t row = 0;
    for (; row + kRows <= p.rows; row += kRows) tile<kRows, V>(p, row, column, first, last, mask);
    if (row + 2 == p.rows) tile<2, V>(p, row, column, first, last, mask);
    if (row + 1 == p.rows) tile<1, V>(p, row, column, first, last, mask);
  }
}

[[gnu::target("avx2,fma")]] void all_columns(const Product& p) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  std::int64_t column = 0;
  for (; column + kPanel <= p.columns; column += kPanel) all_rows<kVectors>(p, column, lanes);
  for (; column < p.columns; column += kLanes)
    all_rows<1>(p, column, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(p.columns - column)), lanes));
}

}  // namespace

bool multiply_by_avx2(const Product& product) {
  static const bool can = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (can) all_columns(product);
  return can;
}

#else

bool multiply_by_avx2(const Product& /*product*/) { return false; }

#endif

void multiply_by_eigen(const Product& product) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Stride = Eigen::OuterStride<>;
  using Rows = Eigen::Map<const Matrix, 0, Stride>;
  const Rows x(product.x, product.rows, product.inputs, Stride(product.x_stride));
  const Rows by(product.by, product.inputs, product.columns, Stride(product.by_stride));
  Eigen::Map<Matrix, 0, Stride>(product.out, product.rows, product.columns, Stride(product.out_stride)).noalias() =
      x * by;
}

void multiply(const Product& product) {
  if (!multiply_by_avx2(product)) multiply_by_eigen(product);
}

std::vector<float> to_panels(const std::vector<float>& matrix, std::int64_t inputs) {
  const std::int64_t outputs = static_cast<std::int64_t>(matrix.size()) / inputs;
  std::vector<float> out(static_cast<std::size_t>(in_whole_panels(outputs) * inputs));
  auto from = matrix.begin();
  for (std::int64_t output = 0; output < outputs; ++output)
    for (std::int64_t input = 0; input < inputs; ++input)
      out[static_cast<std::size_t>(in_panels(output, input, inputs))] = *from++;
  return out;
}

}  // namespace phasewatt::engine::embedded
