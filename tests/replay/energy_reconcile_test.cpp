#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "phasewatt/replay/energy/reconcile.h"

namespace phasewatt::replay {
namespace {

TEST(Reconcile, TheUncertainPartTakesTheDifference) {
  // 100 ± 0.1 in all: of 10 ± 1 and 95 ± 3 the second gives 9/10 of the 5 too many.
  std::array parts{Part{10, 1}, Part{95, 3}};
  reconcile(parts, 100, 0.1);
  EXPECT_DOUBLE_EQ(parts[0].value, 9.5);
  EXPECT_DOUBLE_EQ(parts[1].value, 90.5);
  // The sum is known, so both know what one knows: variance 1·9/10, and the total's by their shares.
  EXPECT_DOUBLE_EQ(parts[0].half_width, std::sqrt(0.9 + 0.0001));
  EXPECT_DOUBLE_EQ(parts[1].half_width, std::sqrt(0.9 + 0.0081));
}

TEST(Reconcile, NoPartFallsBelowZero) {
  std::array parts{Part{1, 10}, Part{99, 1}};
  reconcile(parts, 90, 0);
  EXPECT_EQ(parts[0].value, 0);
  EXPECT_DOUBLE_EQ(parts[1].value, 90);
}

TEST(Reconcile, PartsWithoutErrorAreLeftAlone) {
  std::array parts{Part{10, 0}, Part{20, 0}};
  reconcile(parts, 40, 1);
  EXPECT_EQ(parts[0].value, 10);
  EXPECT_EQ(parts[1].half_width, 0);
}

RC_GTEST_PROP(Reconcile, TheSumIsTheTotalAndNoIntervalGrows, ()) {
  std::vector<Part> parts;
  for (int i = 0; i < *rc::gen::inRange(1, 6); ++i)
    parts.push_back({*rc::gen::inRange(0, 1000) / 10.0, *rc::gen::inRange(1, 100) / 10.0});
  const auto before = parts;
  const double total = *rc::gen::inRange(1, 5000) / 10.0;
  reconcile(parts, total, 0);
  double sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sum += parts[i].value;
    RC_ASSERT(parts[i].value >= 0);
    RC_ASSERT(parts[i].half_width <= before[i].half_width + 1e-9);
  }
  RC_ASSERT(std::abs(sum - total) < 1e-9 * std::max(1.0, total));
}

}  // namespace
}  // namespace phasewatt::replay
