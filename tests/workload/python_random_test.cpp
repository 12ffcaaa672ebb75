#include "phasewatt/workload/python_random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <numeric>
#include <set>

namespace phasewatt::workload {
namespace {

using Rows = std::vector<std::size_t>;

// All numbers here were printed by CPython 3.11.
TEST(PythonRandom, DrawsCPythonsNumbers) {
  struct Case {
    std::uint64_t seed, first, second, wide, five;
    double real;
    std::uint64_t below;
  };
  const std::vector<Case> cases{
      {0, 3626764237, 1654615998, 16422101724900707500U, 13, 0.04048437818077755, 536110},
      {1, 577090037, 2444712010, 14799178230035213023U, 24, 0.06310682188770933, 123646},
      {42, 2746317213, 478163327, 13679192365072849617U, 8, 0.24489185380347622, 146316},
      {4294967296, 485306839, 1508871100, 17242564240753480966U, 0, 0.022821848181795, 918650},
      {std::numeric_limits<std::uint64_t>::max(), 93740670, 1068495656, 11413945628603804224U, 6, 0.45606388609950244,
       99633},
  };
  for (const auto& c : cases) {
    PythonRandom random(c.seed);
    EXPECT_EQ(random.getrandbits(32), c.first) << c.seed;
    EXPECT_EQ(random.getrandbits(32), c.second) << c.seed;
    EXPECT_EQ(random.getrandbits(64), c.wide) << c.seed;
    EXPECT_EQ(random.getrandbits(5), c.five) << c.seed;
    EXPECT_EQ(random.random(), c.real) << c.seed;
    EXPECT_EQ(random.below(1000003), c.below) << c.seed;
  }
}

TEST(PythonRandom, SamplesCPythonsRowsOnBothSidesOfItsTwoAlgorithms) {
  const auto sample = [](std::uint64_t seed, std::size_t n, std::size_t k) { return PythonRandom(seed).sample(n, k); };
  EXPECT_EQ(sample(42, 10, 3), (Rows{1, 0, 4}));
  EXPECT_EQ(sample(42, 10, 10), (Rows{1, 0, 4, 9, 6, 5, 8, 2, 3, 7}));
  EXPECT_EQ(sample(7, 21, 5), (Rows{10, 4, 12, 1, 2}));   // list
  EXPECT_EQ(sample(7, 22, 5), (Rows{10, 4, 12, 20, 1}));  // set
  EXPECT_EQ(sample(42, 85, 6), (Rows{81, 14, 3, 35, 31, 28}));
  EXPECT_EQ(sample(42, 86, 6), (Rows{81, 14, 3, 35, 31, 28}));
  EXPECT_EQ(sample(1, 32, 8), (Rows{8, 18, 27, 25, 24, 2, 31, 3}));
  EXPECT_EQ(sample(1, 1000, 8), (Rows{137, 582, 867, 821, 782, 64, 261, 120}));
  EXPECT_EQ(sample(123456789012345, 277, 20),
            (Rows{112, 149, 210, 115, 268, 58, 97, 236, 67, 138, 119, 251, 274, 87, 49, 246, 39, 209, 272, 48}));
  EXPECT_EQ(sample(9, 3270, 4), (Rows{1896, 2511, 1529, 1094}));
  EXPECT_EQ(sample(5, 1, 1), (Rows{0}));
  EXPECT_TRUE(sample(5, 0, 0).empty());
}

/// sum(i * v for i, v in enumerate(rows)) % 1000000007
std::uint64_t digest(const Rows& rows) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) sum = (sum + i * rows[i]) % 1000000007;
  return sum;
}

TEST(PythonRandom, LongSamplesStayInStep) {
  EXPECT_EQ(digest(PythonRandom(11).sample(200000, 50000)), 275952119U);
  EXPECT_EQ(digest(PythonRandom(11).sample(60000, 50000)), 8602221U);
}

TEST(PythonRandom, ShufflesAndChooses) {
  Rows rows(12);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  PythonRandom(3).shuffle(rows);
  EXPECT_EQ(rows, (Rows{1, 7, 10, 0, 6, 11, 4, 5, 2, 8, 9, 3}));
  EXPECT_EQ(PythonRandom(3).choices(50, 6), (Rows{11, 27, 18, 30, 31, 3}));
}

RC_GTEST_PROP(PythonRandom, ASampleHasDistinctRowsInRange, (std::uint64_t seed)) {
  const auto n = *rc::gen::inRange<std::size_t>(0, 2000);
  const auto k = *rc::gen::inRange<std::size_t>(0, n + 1);
  const Rows rows = PythonRandom(seed).sample(n, k);
  RC_ASSERT(rows.size() == k);
  RC_ASSERT(std::set<std::size_t>(rows.begin(), rows.end()).size() == k);
  for (const auto row : rows) RC_ASSERT(row < n);
}

}  // namespace
}  // namespace phasewatt::workload
