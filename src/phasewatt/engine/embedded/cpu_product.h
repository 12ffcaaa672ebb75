#pragma once

#include <cstdint>

/// The matrix product of the CPU's decoder where the processor has AVX2 and FMA. Internal to engine.
namespace phasewatt::engine::embedded {

/// out(r, o) = Σ_i x(r, i) · weight(o, i), for `rows` rows and the outputs [first, last). Row by row: x is rows ×
/// inputs, weight outputs × inputs, out rows × stride. False, and nothing is done, where the processor lacks the
/// instructions: a build is for any x86-64, and Eigen takes what its compiler takes for granted. Thread-safe.
bool multiply_by_avx2(const float* x, std::int64_t rows, const float* weight, std::int64_t first, std::int64_t last,
                      std::int64_t inputs, float* out, std::int64_t stride);

}  // namespace phasewatt::engine::embedded
