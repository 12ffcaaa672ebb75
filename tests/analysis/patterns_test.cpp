#include "phasewatt/analysis/patterns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <utility>

namespace phasewatt::analysis {
namespace {

const PatternRule kPair{{"small"}, {"large"}, 0.5};

/// A study of one query per row: dataset, quality of the small model, quality of the large one.
struct Row {
  std::string dataset;
  double small;
  double large;
};
WorkloadData study(const std::vector<Row>& rows) {
  WorkloadData data;
  data.qualities = {{"small", {}}, {"large", {}}};
  for (const auto& row : rows) {
    data.queries.emplace_back().dataset = row.dataset;
    data.qualities[0].values.emplace_back(row.small);
    data.qualities[1].values.emplace_back(row.large);
  }
  return data;
}

std::vector<Pattern> patterns(const std::vector<QueryPattern>& found) {
  std::vector<Pattern> out;
  for (const auto& f : found) out.push_back(f.pattern);
  return out;
}

TEST(Patterns, TheFourCasesAndTheThresholdItselfPasses) {
  EXPECT_EQ(classify(0.5, 0.5, 0.5), Pattern::always_easy);
  EXPECT_EQ(classify(0.4, 0.5, 0.5), Pattern::scaling_helps);
  EXPECT_EQ(classify(0.4, 0.4, 0.5), Pattern::always_hard);
  EXPECT_EQ(classify(0.5, 0.4, 0.5), Pattern::inconsistent);
}

TEST(Patterns, NormalisesWithinEachDataset) {
  // In "rouge" the best score is 0.4, so that 0.3 is a good one; in "accuracy" it would be a bad one.
  const auto found = scaling_patterns(
      study({{"rouge", 0.0, 0.4}, {"rouge", 0.3, 0.3}, {"accuracy", 0, 0.3}, {"accuracy", 1, 0.3}}), kPair);
  EXPECT_THAT(patterns(found), testing::ElementsAre(Pattern::scaling_helps, Pattern::always_easy, Pattern::always_hard,
                                                    Pattern::inconsistent));
  EXPECT_DOUBLE_EQ(found[1].small, 0.75);
}

TEST(Patterns, GroupsAreMeansOfTheirModels) {
  auto data = study({{"d", 0, 1}});
  data.qualities.push_back({"medium", {1}});
  const auto found = scaling_patterns(data, {{"small", "medium"}, {"large"}, 0.5});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_DOUBLE_EQ(found[0].small, 0.5);
  EXPECT_EQ(found[0].pattern, Pattern::always_easy);
}

TEST(Patterns, LeavesOutWhatCannotBeJudged) {
  auto data = study({{"d", 0, 1}, {"d", 1, 1}, {"flat", 0.5, 0.5}});
  data.qualities[1].values[1].reset();         // the large model never answered query 1
  data.qualities.push_back({"other", {0.9}});  // a model outside the rule does not shift the range
  const auto found = scaling_patterns(data, kPair);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].query, 0U);
  EXPECT_EQ(found[0].pattern, Pattern::scaling_helps);
  EXPECT_TRUE(scaling_patterns(data, {{}, {"large"}, 0.5}).empty());
  EXPECT_TRUE(scaling_patterns(data).empty()) << "none of the paper's models is in this study";
}

TEST(Patterns, GroupsFollowFromTheModels) {
  const auto rule = [](const std::vector<std::string>& names) {
    std::vector<ModelQuality> models;
    for (const auto& name : names) models.push_back({name, {}});
    return pattern_rule(models);
  };
  EXPECT_EQ(rule({"qwen2.5-32b", "llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b"})->large.size(), 3U);
  const auto two = rule({"mine-0.5b", "mine-4b"});
  ASSERT_TRUE(two);
  EXPECT_THAT(two->small, testing::ElementsAre("mine-0.5b"));
  EXPECT_THAT(two->large, testing::ElementsAre("mine-4b"));
  EXPECT_FALSE(rule({"mine-0.5b", "mine-1b"})) << "none is large";
  EXPECT_FALSE(rule({"mine-0.5b", "tiny", "mine-8b"})) << "one does not tell its size";
  EXPECT_FALSE(rule({}));
}

TEST(Patterns, TheRuleSaysItself) {
  const auto text = describe({});
  for (const auto* part : {"llama-3.2-1b, llama-3.2-3b", "llama-3.1-8b, qwen2.5-14b, qwen2.5-32b", "0.5"})
    EXPECT_THAT(text, testing::HasSubstr(part));
}

RC_GTEST_PROP(Patterns, ScalingAllQualitiesOfADatasetChangesNothing, ()) {
  const auto scores = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 100), rc::gen::inRange(0, 100)));
  std::vector<Row> plain;
  std::vector<Row> doubled;
  for (const auto& [small, large] : scores) {
    plain.push_back({"d", small / 256.0, large / 256.0});
    doubled.push_back({"d", small / 128.0, large / 128.0});  // powers of two: exact
  }
  RC_ASSERT(patterns(scaling_patterns(study(plain), kPair)) == patterns(scaling_patterns(study(doubled), kPair)));
}

}  // namespace
}  // namespace phasewatt::analysis
