#include <gtest/gtest.h>

#include "phasewatt/engine/libtorch/passes.h"

namespace phasewatt::engine::tests {
namespace {

using libtorch::Busy;

TEST(Busy, OfAPassThatWaitsForTheHostStays) {
  Busy waits{0.002, 0.008};
  EXPECT_DOUBLE_EQ(waits.of(0.012), 0.002);
  EXPECT_DOUBLE_EQ(waits.of(0.001), 0.001) << "no longer than the pass";
}

TEST(Busy, AFirstPassThatWasSlowDoesNotSayThatTheGpuWaits) {
  Busy first{0.057, 0.090};
  EXPECT_DOUBLE_EQ(first.of(0.060), 0.057);
  EXPECT_DOUBLE_EQ(first.of(0.080), 0.076) << "the clock went down";
}

TEST(Busy, OfAPassThatTheGpuLimitsGoesWithItsClock) {
  Busy works{0.057, 0.060};
  EXPECT_DOUBLE_EQ(works.of(0.080), 0.076);
  EXPECT_DOUBLE_EQ((Busy{0.061, 0.060}).of(0.080), 0.080) << "the repetition took longer than the pass";
}

}  // namespace
}  // namespace phasewatt::engine::tests
