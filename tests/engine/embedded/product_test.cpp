#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "phasewatt/engine/embedded/cpu_product.h"

namespace phasewatt::engine::embedded {
namespace {

float value(std::size_t i) { return std::sin(static_cast<float>(i) * 1.7F); }

bool by_eigen(const Product& product) {
  multiply_by_eigen(product);
  return true;
}

std::int64_t size(std::size_t n) { return static_cast<std::int64_t>(n); }

/// Both ways, whichever this processor takes by itself.
class CpuProduct : public testing::TestWithParam<bool (*)(const Product&)> {};

// Sizes around the blocks: rows of three, columns of 32 and of eight, inputs of 128. Rows lie further apart than they
// are long.
TEST_P(CpuProduct, IsThePlainSumForEveryRemainder) {
  constexpr std::size_t kApart = 3;
  for (const std::size_t rows : {1, 2, 3, 4, 8})
    for (const std::size_t columns : {1, 7, 8, 32, 43})
      for (const std::size_t inputs : {1, 8, 128, 129, 300}) {
        std::vector<float> x(rows * (inputs + kApart));
        std::vector<float> by(inputs * (columns + kApart));
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = value(i);
        for (std::size_t i = 0; i < by.size(); ++i) by[i] = value(i + 1000);
        std::vector<float> out(rows * (columns + kApart), 9);
        if (!GetParam()({x.data(), size(inputs + kApart), by.data(), size(columns + kApart), out.data(),
                         size(columns + kApart), size(rows), size(inputs), size(columns)}))
          GTEST_SKIP() << "this processor has no AVX2";
        for (std::size_t r = 0; r < rows; ++r)
          for (std::size_t c = 0; c < columns + kApart; ++c) {
            double sum = c < columns ? 0 : 9;  // what is not its own stays
            for (std::size_t i = 0; i < inputs && c < columns; ++i)
              sum += static_cast<double>(x[r * (inputs + kApart) + i]) *
                     static_cast<double>(by[i * (columns + kApart) + c]);
            EXPECT_NEAR(out[r * (columns + kApart) + c], sum, 1e-4) << rows << ", " << columns << ", " << inputs;
          }
      }
}

INSTANTIATE_TEST_SUITE_P(By, CpuProduct, testing::Values(by_eigen, multiply_by_avx2),
                         [](const auto& tested) { return tested.index == 0 ? "Eigen" : "Avx2"; });

TEST(Panels, HoldEachWeightOnceAndZeros) {
  const std::vector<float> matrix{1, 2, 3, 4, 5, 6};
  const auto panels = to_panels(matrix, 2);
  ASSERT_EQ(size(panels.size()), 2 * kPanel);
  EXPECT_EQ(std::accumulate(panels.begin(), panels.end(), 0.0F), 21);
  for (std::int64_t i = 0; i < 6; ++i)
    EXPECT_EQ(panels[static_cast<std::size_t>(in_panels(i / 2, i % 2, 2))], matrix[static_cast<std::size_t>(i)]);
  EXPECT_EQ(in_panels(kPanel + 1, 1, 2), 2 * kPanel + kPanel + 1);
  EXPECT_EQ(in_whole_panels(kPanel + 1), 2 * kPanel);
  EXPECT_EQ(in_whole_panels(0), 0);
}

}  // namespace
}  // namespace phasewatt::engine::embedded
