#include "phasewatt/base/periodic_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

namespace phasewatt {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(PeriodicWorker, CallsAtOnceAndThenAtTheDeadlinesItIsGiven) {
  std::vector<Nanos> calls;
  Nanos begin{};
  std::binary_semaphore done(0);
  {
    PeriodicWorker worker([&](Nanos now) -> Nanos {
      if (calls.empty()) begin = now;
      calls.push_back(now);
      if (calls.size() == 5) {
        done.release();
        return now + hours(1);
      }
      return begin + milliseconds(2) * static_cast<int>(calls.size());
    });
    done.acquire();
  }
  ASSERT_EQ(calls.size(), 5U);
  for (std::size_t i = 0; i < calls.size(); ++i)
    EXPECT_GE(calls[i] - begin, milliseconds(2) * static_cast<int>(i)) << "never before its deadline";
}

TEST(PeriodicWorker, EndsWhileItWaits) {
  std::atomic<int> calls = 0;
  std::binary_semaphore first(0);
  {
    PeriodicWorker worker([&](Nanos now) {
      ++calls;
      first.release();
      return now + hours(24);
    });
    first.acquire();
  }
  EXPECT_EQ(calls, 1);
}

TEST(PeriodicWorker, EndsThoughADeadlineHasAlwaysPassed) {
  std::atomic<int> calls = 0;
  std::binary_semaphore often(0);
  {
    PeriodicWorker worker([&](Nanos now) {
      if (++calls == 100) often.release();
      return now - milliseconds(5);
    });
    often.acquire();
  }
  EXPECT_GE(calls, 100);
}

}  // namespace
}  // namespace phasewatt
