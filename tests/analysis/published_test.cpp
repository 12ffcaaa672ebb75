#include "phasewatt/analysis/published.h"

#include <gtest/gtest.h>

#include "phasewatt/analysis/compare.h"

namespace phasewatt::analysis {
namespace {

const std::vector<std::string> kModels{"Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Qwen2.5-14B", "Qwen2.5-32B"};

Change published_change(const std::string& name, double batch) {
  const auto value = [&](const char* key) { return published("XI", {name, batch}, key); };
  return {value("energy_saving_pct"), value("latency_delta_pct"), value("prefill_delta_pct"),
          value("decode_delta_pct"),  value("prefill_share_pct"), value("decode_share_pct")};
}

TEST(Published, KnowsThePapersNames) {
  EXPECT_EQ(paper_model("llama-3.2-1b"), "Llama-3.2-1B");
  EXPECT_EQ(paper_model_size("qwen2.5-32b"), "32B");
  EXPECT_EQ(paper_model("/models/Llama-3.2-1B/"), "Llama-3.2-1B");
  EXPECT_EQ(paper_model("synthetic:llama-3.2-1b"), "Llama-3.2-1B");
  EXPECT_FALSE(paper_model("synthetic:tiny"));
  EXPECT_EQ(paper_dataset("truthfulqa"), "TruthfulQA");
  EXPECT_EQ(paper_dataset_with_output("boolq"), "BoolQ (LL)");
  EXPECT_EQ(paper_dataset_with_output("narrativeqa"), "NarrativeQA (100)");
  EXPECT_FALSE(paper_model("tiny"));
  EXPECT_FALSE(paper_dataset(""));
}

TEST(Published, FindsValuesAndSaysNothingOfWhatIsNotThere) {
  EXPECT_EQ(published("XI", {"Llama-3.2-1B", 8.0}, "energy_saving_pct"), 44.2);
  EXPECT_EQ(published("XI", {"Avg", 4.0}, "prefill_delta_pct"), 12.7);
  EXPECT_EQ(published("XIII/by_model_size", {"Large (14-32B)"}, "energy_saving_pct"), 43.2);
  EXPECT_EQ(published_number("XIV/batch_effect/latency_delta_pct/2"), 1.1);
  EXPECT_FALSE(published("XI", {"Llama-3.2-1B", 2.0}, "energy_saving_pct"));
  EXPECT_FALSE(published("XI", {"Llama-3.2-1B", 8.0}, "no such column"));
  EXPECT_FALSE(published("IX", {"Inconsistent"}, "entity_mean"));  // null in the file
  EXPECT_FALSE(published("no such table", {"x"}, "y"));
  EXPECT_FALSE(published_number("XIV/batch_effect/latency_delta_pct/3"));
}

// The paper's own rows, through our averaging rule, give the paper's own averages up to its rounding.
TEST(Published, OurAveragesOfThePapersRowsAreThePapersAverages) {
  for (const double batch : {1.0, 4.0, 8.0}) {
    std::vector<Change> rows;
    rows.reserve(kModels.size());
    for (const auto& model : kModels) rows.push_back(published_change(model, batch));
    const Change ours = average(rows);
    const Change theirs = published_change("Avg", batch);
    for (const auto field : {&Change::energy_saving_pct, &Change::latency_pct, &Change::prefill_pct,
                             &Change::decode_pct, &Change::prefill_share_pct, &Change::decode_share_pct}) {
      EXPECT_NEAR(*(ours.*field), *(theirs.*field), 0.051) << "batch " << batch;
    }
  }
}

TEST(Published, ClocksSnapWithinOnePerCent) {
  EXPECT_TRUE(same_clock(2842.5, kPaperBaselineMhz));
  EXPECT_FALSE(same_clock(1980, kPaperBaselineMhz));
  EXPECT_FALSE(same_clock(std::nullopt, kPaperBaselineMhz));
}

}  // namespace
}  // namespace phasewatt::analysis
