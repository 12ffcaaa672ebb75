#include "phasewatt/replay/estimate.h"

#include <gtest/gtest.h>

#include "tests/replay/fakes.h"

namespace phasewatt::replay {
namespace {

TEST(Estimate, SumsBatchesOverPointsAndRepeats) {
  const Study study = fake::study();
  int calls = 0;
  const auto estimate =
      estimate_plan(fake::plan(study), study, [&](const BatchShape& shape) -> std::optional<BatchCost> {
        ++calls;
        return BatchCost{1.0, Joules(shape.batch)};
      });
  // Batch 1: 7 + 5 batches, batch 4: 2 + 2; three clocks, two repeats, two models. Energy counts requests.
  EXPECT_DOUBLE_EQ(estimate.seconds, (12 + 4) * 3 * 2 * 2);
  EXPECT_DOUBLE_EQ(estimate.energy.value(), 12 * 2 * 3 * 2 * 2);
  EXPECT_EQ(estimate.points, 48U);
  EXPECT_EQ(estimate.unpriced, 0U);
  ASSERT_EQ(estimate.models.size(), 2U);
  EXPECT_EQ(estimate.models[0].model, "small");
  EXPECT_DOUBLE_EQ(estimate.models[1].seconds, estimate.seconds / 2);
  EXPECT_EQ(calls, 2 * 3 * (1 + 2 + 1 + 2)) << "once per model, clock and length of batch";
}

TEST(Estimate, ShapesCarryTheDatasetsMeans) {
  const Study study = fake::study();
  estimate_plan(fake::plan(study), study, [](const BatchShape& shape) -> std::optional<BatchCost> {
    EXPECT_EQ(shape.prompt_tokens, shape.task == Task::classification ? 13 : 12);
    EXPECT_EQ(shape.option_tokens, shape.task == Task::classification ? std::vector<int>({2, 2}) : std::vector<int>());
    EXPECT_EQ(shape.decoding.max_new_tokens, 3);
    return BatchCost{};
  });
}

TEST(Estimate, WhatCannotBePricedIsCountedAndLeftOut) {
  const Study study = fake::study();
  const auto estimate =
      estimate_plan(fake::plan(study), study, [](const BatchShape& shape) -> std::optional<BatchCost> {
        if (shape.model == "large" && shape.batch == 4) return std::nullopt;
        return BatchCost{1, Joules(1)};
      });
  EXPECT_EQ(estimate.unpriced, 12U);
  EXPECT_EQ(estimate.models[1].unpriced, 12U);
  EXPECT_DOUBLE_EQ(estimate.models[1].seconds, 12 * 3 * 2);
}

}  // namespace
}  // namespace phasewatt::replay
