#include "phasewatt/workload/python_random.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <numeric>
#include <set>

namespace phasewatt::workload {
namespace {

using Rows = std::vector<std::size_t>;

// All numbers here were printed by CPython 3.11, after `import random`.
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

TEST(PythonRandom, ShufflesNoneOneAndMany) {
  // def shuffled(seed, n): r = random.Random(seed); rows = list(range(n)); r.shuffle(rows); return rows
  const auto shuffled = [](std::uint64_t seed, std::size_t n) {
    Rows rows(n);
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    PythonRandom(seed).shuffle(rows);
    return rows;
  };
  EXPECT_EQ(shuffled(3, 0), Rows{});
  EXPECT_EQ(shuffled(3, 1), Rows{0});
  EXPECT_EQ(shuffled(3, 2), (Rows{1, 0}));
  EXPECT_EQ(shuffled(0, 5), (Rows{2, 1, 0, 4, 3}));
  EXPECT_EQ(shuffled(std::uint64_t{1} << 40U, 8), (Rows{6, 7, 4, 3, 0, 5, 2, 1}));
  EXPECT_EQ(digest(shuffled(11, 100000)), 26561795U);

  // r = random.Random(5); r.shuffle(list(range(n))); r.getrandbits(32): none and one draw nothing
  for (const auto& [n, after] : {std::pair(0, 2675342405U), std::pair(1, 2675342405U), std::pair(2, 3185950873U)}) {
    PythonRandom random(5);
    Rows rows(static_cast<std::size_t>(n));
    random.shuffle(rows);
    EXPECT_EQ(random.getrandbits(32), after) << n;
  }
}

TEST(PythonRandom, SamplesFromMoreRowsThanAnyFileHas) {
  // random.Random(2).sample(range(1 << 40), 6), and so on
  EXPECT_EQ(PythonRandom(2).sample(std::size_t{1} << 40U, 6),
            (Rows{197811381919, 790638504925, 372955627812, 551079249912, 466458978350, 79915604945}));
  EXPECT_EQ(PythonRandom(2).sample(std::size_t{1} << 32U, 3), (Rows{242886303, 364522461, 3588440356}));
  EXPECT_EQ(PythonRandom(0).sample(817, 5), (Rows{394, 776, 430, 41, 265}));
  EXPECT_EQ(PythonRandom(0).sample(10, 5), (Rows{6, 9, 0, 2, 4}));
  EXPECT_EQ(PythonRandom((std::uint64_t{1} << 53U) + 1).sample(100, 4), (Rows{45, 39, 43, 70}));
}

TEST(PythonRandom, DrawsBelowBoundsAtPowersOfTwo) {
  // r = random.Random(99); [r.randrange(n) for _ in range(4)], r.getrandbits(32)
  struct Case {
    std::uint64_t n;
    std::vector<std::uint64_t> drawn;
    std::uint64_t after;
  };
  const std::vector<Case> cases{
      {1, {0, 0, 0, 0}, 988970880},
      {2, {1, 1, 0, 0}, 988970880},
      {3, {1, 1, 0, 2}, 767950141},
      {255, {103, 97, 51, 153}, 767950141},
      {256, {206, 194, 102, 91}, 988970880},
      {257, {206, 194, 102, 91}, 988970880},
      {1ULL << 31U, {1735072617, 1635320116, 859317502, 767950141}, 988970880},
      {1ULL << 32U, {1735072617, 767950141, 1067004398, 3263648760}, 1078685359},
      {(1ULL << 32U) + 1, {1735072617, 767950141, 1067004398, 3263648760}, 1078685359},
      {(1ULL << 63U) - 1,
       {3511823210090535785U, 5528849884183536894U, 2123798793916120381U, 1228962630339211758U},
       3263648760},
      {1ULL << 63U,
       {7023646418445998953U, 4247597587064290621U, 2457925259611419118U, 1597091074114278392U},
       1078685359},
      {std::numeric_limits<std::uint64_t>::max(),
       {7023646418445998953U, 11057699771802723582U, 4247597587064290621U, 2457925259611419118U},
       3263648760},
  };
  for (const auto& c : cases) {
    PythonRandom random(99);
    std::vector<std::uint64_t> drawn(c.drawn.size());
    for (auto& value : drawn) value = random.below(c.n);
    EXPECT_EQ(drawn, c.drawn) << c.n;
    EXPECT_EQ(random.getrandbits(32), c.after) << c.n;
  }
}

TEST(PythonRandom, DrawsAnyNumberOfBitsAndRefills) {
  // r = random.Random(1); [r.getrandbits(k) for k in (1, 2, 31, 32, 33, 63, 64)]
  PythonRandom random(1);
  std::vector<std::uint64_t> drawn;
  for (const int bits : {1, 2, 31, 32, 33, 63, 64}) drawn.push_back(random.getrandbits(bits));
  EXPECT_EQ(drawn, (std::vector<std::uint64_t>{0, 2, 1819850095, 3445702192, 3280387012, 1087608058291172412U,
                                               14037279428536751483U}));
  // functools.reduce(operator.xor, (r.getrandbits(32) for _ in range(2000))) with r = random.Random(1)
  PythonRandom fresh(1);
  std::uint64_t all = 0;
  for (int i = 0; i < 2000; ++i) all ^= fresh.getrandbits(32);
  EXPECT_EQ(all, 3438506066U);
}

TEST(PythonRandom, SeedsOfOneAndTwoWordsAndReals) {
  // random.Random(seed).getrandbits(32)
  EXPECT_EQ(PythonRandom(4294967295U).getrandbits(32), 2728839433U);
  EXPECT_EQ(PythonRandom(4294967297U).getrandbits(32), 991850117U);
  // r = random.Random(0); [r.random() for _ in range(4)]
  PythonRandom random(0);
  for (const double real : {0.8444218515250481, 0.7579544029403025, 0.420571580830845, 0.25891675029296335})
    EXPECT_EQ(random.random(), real);
  EXPECT_EQ(PythonRandom((std::uint64_t{1} << 53U) + 1).random(), 0.35215327374545125);
}

TEST(PythonRandom, Chooses) {
  // random.Random(0).choices(range(1), k=3), and so on
  EXPECT_EQ(PythonRandom(0).choices(1, 3), (Rows{0, 0, 0}));
  EXPECT_EQ(PythonRandom(std::uint64_t{1} << 33U).choices(1000000000, 4),
            (Rows{11451121, 685649643, 3288457, 943051522}));
  EXPECT_EQ(PythonRandom(4).choices(5, 0), Rows{});
}

TEST(PythonRandom, ChoosesByWeight) {
  // random.Random(8).choices(range(5), weights=[1, 0, 2.5, 0.25, 10], k=12), and so on
  const auto choices = [](std::uint64_t seed, const std::vector<double>& weights, std::size_t k) {
    return PythonRandom(seed).choices(weights, k);
  };
  EXPECT_EQ(choices(8, {1, 0, 2.5, 0.25, 10}, 12), (Rows{2, 4, 2, 4, 2, 2, 4, 2, 4, 4, 4, 4}));
  EXPECT_EQ(choices(8, {0, 0, 1, 0}, 4), (Rows{2, 2, 2, 2}));
  EXPECT_EQ(choices(0, {3, 3, 3}, 8), (Rows{2, 2, 1, 0, 1, 1, 2, 0}));
  EXPECT_EQ(choices(21, {1e-300, 1e-300, 2e-300}, 6), (Rows{0, 2, 2, 1, 0, 2}));
  // weights = [((i * 7919) % 1000) / 7 for i in range(1000)]; random.Random(6).choices(range(1000), weights, k=20000)
  std::vector<double> weights(1000);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<double>((i * 7919) % 1000) / 7;
  EXPECT_EQ(digest(choices(6, weights, 20000)), 940997773U);
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
