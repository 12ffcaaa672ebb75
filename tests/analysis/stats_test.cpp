#include "phasewatt/analysis/stats.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace phasewatt::analysis {
namespace {

// Reference values: Python 3.11's statistics module (mean, stdev, median, quantiles(method="inclusive"), correlation).
const std::vector<double> kValues{2.5, 3.1, 4.7, 5.0, 11.2};
const std::vector<double> kNone;
const std::vector<double> kOne{7};

TEST(Stats, MatchPythonsStatisticsModule) {
  EXPECT_NEAR(*mean(kValues), 5.3, 1e-12);
  EXPECT_NEAR(*standard_deviation(kValues), 3.461935874622752, 1e-12);
  EXPECT_NEAR(*population_standard_deviation(kValues), 3.0964495798, 1e-9);
  EXPECT_NEAR(*coefficient_of_variation(kValues), 3.461935874622752 / 5.3, 1e-12);
  EXPECT_EQ(*minimum(kValues), 2.5);
  EXPECT_EQ(*maximum(kValues), 11.2);
  EXPECT_NEAR(*median(kValues), 4.7, 1e-12);
  EXPECT_NEAR(*quantile(kValues, 0.25), 3.1, 1e-12);
  EXPECT_NEAR(*quantile(std::vector<double>{4, 2, 3, 1}, 0.9), 3.7, 1e-12);
  EXPECT_EQ(*quantile(kValues, 0), 2.5);
  EXPECT_EQ(*quantile(kValues, 1), 11.2);
}

TEST(Stats, SayNothingOfTooFewValues) {
  EXPECT_FALSE(mean(kNone));
  EXPECT_FALSE(minimum(kNone));
  EXPECT_FALSE(maximum(kNone));
  EXPECT_FALSE(median(kNone));
  EXPECT_FALSE(standard_deviation(kOne));
  EXPECT_EQ(*population_standard_deviation(kOne), 0);
  EXPECT_FALSE(population_standard_deviation(kNone));
  EXPECT_FALSE(coefficient_of_variation(std::vector<double>{-1, 1}));
  EXPECT_FALSE(quantile(kValues, 1.1));
  EXPECT_FALSE(bootstrap_mean(kOne));
  EXPECT_FALSE(bootstrap_ratio(kValues, kOne));
}

TEST(Stats, Correlation) {
  const std::vector<double> x{1, 2, 3, 4, 5, 6};
  const std::vector<double> y{2.1, 1.9, 3.7, 4.4, 4.2, 6.5};
  const auto r = pearson(x, y);
  EXPECT_NEAR(*r, 0.9349129641835989, 1e-12);
  const auto interval = correlation_interval(*r, x.size());
  EXPECT_NEAR(interval->low, 0.5112793519824099, 1e-9);
  EXPECT_NEAR(interval->high, 0.9930263008351252, 1e-9);
  EXPECT_FALSE(pearson(x, std::vector<double>(6, 0.1)));  // does not vary, whatever its mean rounds to
  EXPECT_FALSE(pearson(x, kValues));
  EXPECT_FALSE(correlation_interval(0.5, 3));
  EXPECT_EQ(correlation_interval(-1, 10)->high, -1);
}

TEST(Stats, BootstrapIsDeterministicAndCoversItsSample) {
  const auto first = bootstrap_mean(kValues);
  const auto again = bootstrap_mean(kValues);
  EXPECT_EQ(first->low, again->low);
  EXPECT_EQ(first->high, again->high);
  EXPECT_TRUE(first->contains(5.3));
  EXPECT_GT(first->low, 2.5);
  EXPECT_LT(first->high, 11.2);
  // Of the 27 draws of three values one has only the smallest: more than 2.5 %, so the interval is the range.
  const auto three = bootstrap_mean(std::vector<double>{1, 2, 4});
  EXPECT_EQ(three->low, 1);
  EXPECT_EQ(three->high, 4);
}

TEST(Stats, BootstrapOfARatioDrawsPairs) {
  // Each numerator is half its denominator, so every paired draw gives exactly one half.
  const auto paired = bootstrap_ratio(std::vector<double>{1, 2, 3}, std::vector<double>{2, 4, 6});
  EXPECT_NEAR(paired->low, 0.5, 1e-12);
  EXPECT_NEAR(paired->high, 0.5, 1e-12);
  EXPECT_FALSE(bootstrap_ratio(std::vector<double>{1, 2}, std::vector<double>{0, 0}));
}

RC_GTEST_PROP(Stats, OrderedAndWithinTheRange, ()) {
  auto integers = *rc::gen::nonEmpty<std::vector<int>>();
  const std::vector<double> values(integers.begin(), integers.end());
  const double q1 = *quantile(values, 0.25);
  const double q3 = *quantile(values, 0.75);
  RC_ASSERT(*minimum(values) <= q1);
  RC_ASSERT(q1 <= *median(values));
  RC_ASSERT(*median(values) <= q3);
  RC_ASSERT(q3 <= *maximum(values));
  const Bootstrap few{50, 0.95, 1};
  if (const auto interval = bootstrap_mean(values, few)) {
    RC_ASSERT(interval->low <= interval->high);
    RC_ASSERT(interval->low >= *minimum(values) && interval->high <= *maximum(values));
  } else {
    RC_ASSERT(values.size() < 2U);
  }
}

}  // namespace
}  // namespace phasewatt::analysis
