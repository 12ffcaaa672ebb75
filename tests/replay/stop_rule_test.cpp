#include "phasewatt/replay/stop_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replay/fakes.h"

namespace phasewatt::replay {
namespace {

Study with_rule(const std::string& rule) {
  return fake::study(fake::with("repeats = 2", "repeats = 3") + "\n[measure]\n" + rule);
}

RunPoint repeat(int index, int of_cell = 0) {
  RunPoint point;
  point.index = static_cast<std::uint32_t>(of_cell + index);
  point.repeat = index;
  return point;
}

// Reference: scipy.stats.t.interval(0.95, 2, mean, sem) of (98, 100, 102) is 100 ± 4.9683.
TEST(StopRule, TheWidthIsThatOfStudentsInterval) {
  EXPECT_NEAR(*relative_width({98, 100, 102}), 2 * 4.96828 / 100, 1e-5);
  EXPECT_EQ(*relative_width({5, 5, 5}), 0);
  EXPECT_EQ(relative_width({5}), std::nullopt);
  EXPECT_EQ(relative_width({-1, 1}), std::nullopt);
  // 30 values: t(29) = 2.04523.
  std::vector<double> many;
  for (int i = 0; i < 30; ++i) many.push_back(100 + i % 2);
  const double sd = std::sqrt(30 * 0.25 / 29);
  EXPECT_NEAR(*relative_width(many), 2 * 2.04523 * sd / std::sqrt(30) / 100.5, 1e-5);
}

TEST(StopRule, ACellStopsWhenItsIntervalIsNarrowEnough) {
  StopRule rule(with_rule("repeats_max = 10\nconfidence_width = 0.1"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(rule.satisfied(repeat(i))) << "the least number of repeats is always run";
    rule.add(repeat(i), Validity::valid, Joules(98.0 + 2 * i), 1);
  }
  EXPECT_TRUE(rule.satisfied(repeat(3)));
  EXPECT_FALSE(rule.satisfied(repeat(3, 10))) << "another cell has nothing yet";
  RunPoint reference = repeat(3);
  reference.reference = true;
  EXPECT_FALSE(rule.satisfied(reference));
}

TEST(StopRule, WideAndVoidCellsGoOn) {
  StopRule rule(with_rule("repeats_max = 10\nconfidence_width = 0.05"));
  for (int i = 0; i < 3; ++i) rule.add(repeat(i), Validity::valid, Joules(98.0 + 2 * i), 1);
  EXPECT_FALSE(rule.satisfied(repeat(3))) << "the interval is 9.9 % wide";
  for (int i = 0; i < 3; ++i) rule.add(repeat(i, 10), Validity::void_, Joules(100), 1);
  EXPECT_FALSE(rule.satisfied(repeat(3, 10)));
}

TEST(StopRule, WithoutEnergyTheTimeCounts) {
  StopRule rule(with_rule("repeats_max = 10"));
  for (int i = 0; i < 3; ++i) rule.add(repeat(i), Validity::valid, std::nullopt, 5);
  EXPECT_TRUE(rule.satisfied(repeat(3)));
}

TEST(StopRule, AFixedCountNeverStops) {
  StopRule rule(fake::study());
  for (int i = 0; i < 5; ++i) rule.add(repeat(i), Validity::valid, Joules(100), 1);
  EXPECT_FALSE(rule.satisfied(repeat(5)));
}

TEST(StopRule, SparedPointsReachTheSinkAndAreNotRunAfterAResume) {
  fake::Script script;
  const Study study = with_rule("repeats_max = 6\nconfidence_width = 0.5");
  const auto plan = fake::plan(study);
  ASSERT_EQ(plan.points.size(), 2U * 2 * 2 * 3 * 6);
  fake::FakeSink sink;
  Observer observer;
  const std::atomic<bool> never = false;
  const auto first = run_study(plan, study, fake::factory(script), 4, sink, observer, never);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->jobs, 1) << "so that what the rule sees does not depend on the order";
  EXPECT_GT(first->spared, 0U);
  EXPECT_LE(first->spared, 72U) << "the first three repeats of the 24 cells always run";
  EXPECT_EQ(first->done + first->spared, 144U);
  EXPECT_FALSE(first->interrupted);
  EXPECT_EQ(sink.spared.size(), first->spared);
  for (const auto index : sink.spared) EXPECT_GE(plan.points[index].repeat, 3);
  const auto again = run_study(plan, study, fake::factory(script), 1, sink, observer, never);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->skipped, 144U);
  EXPECT_FALSE(again->interrupted);
}

}  // namespace
}  // namespace phasewatt::replay
