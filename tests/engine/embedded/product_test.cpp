#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "phasewatt/engine/embedded/cpu_product.h"

namespace phasewatt::engine::embedded {
namespace {

float value(std::size_t i) { return std::sin(static_cast<float>(i) * 1.7F); }

bool by_eigen(const Product& product, std::int64_t first, std::int64_t last) {
  multiply_by_eigen(product, first, last);
  return true;
}

/// Both ways, whichever this processor takes by itself.
class CpuProduct : public testing::TestWithParam<bool (*)(const Product&, std::int64_t, std::int64_t)> {};

// Sizes around the blocks: rows of two, outputs of four, sums of eight.
TEST_P(CpuProduct, IsThePlainSumForEveryRemainder) {
  for (const std::size_t rows : {1, 2, 3, 8})
    for (const std::size_t outputs : {1, 3, 4, 9})
      for (const std::size_t inputs : {1, 7, 8, 16, 27, 200}) {
        std::vector<float> x(rows * inputs);
        std::vector<float> weight(outputs * inputs);
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = value(i);
        for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = value(i + 1000);
        std::vector<float> out(rows * outputs, NAN);
        const auto size = [](std::size_t n) { return static_cast<std::int64_t>(n); };
        const Product product{x.data(), weight.data(), out.data(), size(rows), size(inputs), size(outputs)};
        if (!GetParam()(product, 0, size(outputs))) GTEST_SKIP() << "this processor has no AVX2";
        for (std::size_t r = 0; r < rows; ++r)
          for (std::size_t o = 0; o < outputs; ++o) {
            double sum = 0;
            for (std::size_t i = 0; i < inputs; ++i)
              sum += static_cast<double>(x[r * inputs + i]) * static_cast<double>(weight[o * inputs + i]);
            EXPECT_NEAR(out[r * outputs + o], sum, 1e-4) << rows << " rows, " << outputs << ", " << inputs;
          }
      }
}

TEST_P(CpuProduct, WritesItsOutputsAlone) {
  const std::vector<float> x{1, 2};
  const std::vector<float> weight{1, 0, 0, 1, 1, 1};
  std::vector<float> out{9, 9, 9};
  if (!GetParam()({x.data(), weight.data(), out.data(), 1, 2, 3}, 1, 2)) GTEST_SKIP() << "this processor has no AVX2";
  EXPECT_EQ(out, (std::vector<float>{9, 2, 9}));
}

INSTANTIATE_TEST_SUITE_P(By, CpuProduct, testing::Values(by_eigen, multiply_by_avx2),
                         [](const auto& tested) { return tested.index == 0 ? "Eigen" : "Avx2"; });

}  // namespace
}  // namespace phasewatt::engine::embedded
