#include "phasewatt/sim/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace phasewatt::sim {
namespace {

// Known answers of the generator's authors (Random123, kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox(0, {0, 0, 0, 0}), (RandomWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(0xffffffffffffffff, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}),
            (RandomWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox(0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}),
            (RandomWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Normals, HaveTheMomentsOfANormal) {
  constexpr int kDraws = 100'000;
  double sum = 0;
  double squares = 0;
  double product = 0;
  int beyond = 0;
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    const auto words = philox(7, {i, 0, 0, 0});
    const auto z = normals(words[0], words[1]);
    sum += z[0] + z[1];
    squares += z[0] * z[0] + z[1] * z[1];
    product += z[0] * z[1];
    beyond += (std::abs(z[0]) > 1.959964) + (std::abs(z[1]) > 1.959964);
  }
  EXPECT_NEAR(sum / (2 * kDraws), 0, 0.01);
  EXPECT_NEAR(squares / (2 * kDraws), 1, 0.015);
  EXPECT_NEAR(product / kDraws, 0, 0.015);
  EXPECT_NEAR(static_cast<double>(beyond) / (2 * kDraws), 0.05, 0.003);
}

TEST(Normals, AreFiniteAtTheEnds) {
  for (const std::uint32_t a : {0U, 0x80000000U, 0xffffffffU})
    for (const std::uint32_t b : {0U, 0x40000000U, 0x80000000U, 0xffffffffU})
      for (const double z : normals(a, b)) EXPECT_TRUE(std::isfinite(z));
}

}  // namespace
}  // namespace phasewatt::sim
