#include "phasewatt/base/ring.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <deque>
#include <thread>

namespace phasewatt {
namespace {

TEST(Ring, KeepsTheOldestAndCountsWhatFindsNoPlace) {
  Ring<int> ring(3);
  ASSERT_EQ(ring.capacity(), 4U);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ring.push(i), i < 4);
  EXPECT_EQ(ring.dropped(), 2U);
  std::vector<int> seen;
  EXPECT_EQ(ring.drain([&](int i) { seen.push_back(i); }), 4U);
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(ring.drain([](int) { FAIL(); }), 0U);
  EXPECT_TRUE(ring.push(7));
}

RC_GTEST_PROP(Ring, IsAQueueWithALimit, (const std::vector<bool>& pushes)) {
  Ring<int> ring(8);
  std::deque<int> model;
  std::uint64_t dropped = 0;
  int next = 0;
  for (const bool push : pushes) {
    if (push) {
      const bool fits = model.size() < ring.capacity();
      RC_ASSERT(ring.push(next) == fits);
      if (fits)
        model.push_back(next);
      else
        ++dropped;
      ++next;
    } else {
      std::deque<int> taken;
      ring.drain([&](int i) { taken.push_back(i); });
      RC_ASSERT(taken == model);
      model.clear();
    }
  }
  RC_ASSERT(ring.dropped() == dropped);
}

TEST(Ring, LosesNothingUncountedBetweenTwoThreads) {
  struct Pair {
    std::uint64_t a, b;
  };
  constexpr std::uint64_t kCount = 200'000;
  Ring<Pair> ring(64);
  std::atomic<bool> done = false;
  std::thread producer([&] {
    for (std::uint64_t i = 1; i <= kCount; ++i) ring.push({i, ~i});
    done = true;
  });
  std::uint64_t last = 0;
  std::uint64_t taken = 0;
  const auto take = [&](const Pair& pair) {
    EXPECT_EQ(pair.b, ~pair.a) << "half of one element, half of another";
    EXPECT_GT(pair.a, last);
    last = pair.a;
    ++taken;
  };
  while (!done) ring.drain(take);
  ring.drain(take);
  producer.join();
  EXPECT_EQ(taken + ring.dropped(), kCount);
  EXPECT_GT(taken, 0U);
}

}  // namespace
}  // namespace phasewatt
