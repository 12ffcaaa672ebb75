#pragma once

#include <cstdint>

/// The matrix product of the CPU's decoder: out(r, o) = Σ_i x(r, i) · weight(o, i), for `rows` rows and the outputs
/// [first, last). Row by row: x is rows × inputs, weight outputs × inputs, out rows × stride. Internal to engine;
/// thread-safe.
namespace phasewatt::engine::embedded {

struct Product {
  const float* x;
  const float* weight;
  float* out;
  std::int64_t rows;
  std::int64_t inputs;
  std::int64_t stride;
};

/// By AVX2 and FMA where the processor has them: a build is for any x86-64, and Eigen takes what its compiler takes for
/// granted.
void multiply(const Product& product, std::int64_t first, std::int64_t last);

void multiply_by_eigen(const Product& product, std::int64_t first, std::int64_t last);
/// False, and nothing is done, where the processor lacks the instructions.
bool multiply_by_avx2(const Product& product, std::int64_t first, std::int64_t last);

}  // namespace phasewatt::engine::embedded
