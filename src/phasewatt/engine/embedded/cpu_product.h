#pragma once

#include <cstdint>
#include <vector>

/// The matrix product of the CPU's decoder: out(r, c) = Σ_i x(r, i) · by(i, c). Row by row; a stride is the distance of
/// two rows. Each sum is made in the order of i, whatever the sizes are. Internal to engine; thread-safe.
namespace phasewatt::engine::embedded {

struct Product {
  const float* x;
  std::int64_t x_stride;
  const float* by;
  std::int64_t by_stride;
  float* out;
  std::int64_t out_stride;
  std::int64_t rows;
  std::int64_t inputs;
  std::int64_t columns;
};

/// By AVX2 and FMA where the processor has them: a build is for any x86-64, and Eigen takes what its compiler takes for
/// granted.
void multiply(const Product& product);

void multiply_by_eigen(const Product& product);
/// False, and nothing is done, where the processor lacks the instructions.
bool multiply_by_avx2(const Product& product);

/// A matrix of outputs × inputs lies in panels, so that a product reads it from one end to the other: each panel has
/// kPanel outputs, input by input. The last panel is filled up with zeros.
constexpr std::int64_t kPanel = 32;
constexpr std::int64_t in_whole_panels(std::int64_t outputs) { return (outputs + kPanel - 1) / kPanel * kPanel; }
/// Where the weight of an input for an output lies.
constexpr std::int64_t in_panels(std::int64_t output, std::int64_t input, std::int64_t inputs) {
  return (output / kPanel * inputs + input) * kPanel + output % kPanel;
}
std::vector<float> to_panels(const std::vector<float>& matrix, std::int64_t inputs);

}  // namespace phasewatt::engine::embedded
