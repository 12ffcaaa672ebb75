#include "phasewatt/analysis/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/analysis/support.h"

namespace phasewatt::analysis {
namespace {

using testing::cell_at;
using testing::defect;
using testing::find_table;
using ::testing::HasSubstr;
using testing::number_at;
using testing::Spent;
using testing::StudyBuilder;

Spent plain(const RunPoint& point) {
  Spent spent;
  spent.prefill_s = 0.1;
  spent.decode_s = 1;
  spent.joules = point.clock->value() / 100;
  return spent;
}

TEST(Findings, OfNothing) {
  const Findings findings = analyse(StudyData{});
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence, HasSubstr("No point of this study is finished"));
  EXPECT_EQ(find_table(findings, "headline"), nullptr);
}

TEST(Findings, OfAStudyThatIsAllVoid) {
  StudyBuilder study;
  study.spent = [](const RunPoint& point) {
    Spent spent = plain(point);
    spent.voided = true;
    return spent;
  };
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence,
              HasSubstr("None of the 36 finished points may enter a conclusion: clock_not_attained 36"));
  EXPECT_EQ(find_table(findings, "headline"), nullptr);
  EXPECT_NE(find_table(findings, "validity"), nullptr);
}

TEST(Findings, OfOneClock) {
  StudyBuilder study;
  study.clocks = {2842};
  study.spent = plain;
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence, HasSubstr("one clock, 2842 MHz"));
  EXPECT_EQ(findings.sentences.front(), "Tables of savings are left out.") << "the reason is said once";
  EXPECT_EQ(find_table(findings, "table_11_dvfs"), nullptr);
  EXPECT_NE(find_table(findings, "sweep"), nullptr);
}

TEST(Findings, WithoutABaseline) {
  StudyBuilder study;
  study.baseline = 2000;
  study.spent = plain;
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence, HasSubstr("no points at its baseline of 2000 MHz"));
}

TEST(Findings, WithAVoidBaseline) {
  StudyBuilder study;
  study.spent = [](const RunPoint& point) {
    Spent spent = plain(point);
    spent.voided = point.clock == Mhz(2842);
    return spent;
  };
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence, HasSubstr("No point at the baseline, 2842 MHz, is valid"));
}

TEST(Findings, WithoutEnergies) {
  StudyBuilder study;
  study.spent = [](const RunPoint& point) {
    Spent spent = plain(point);
    spent.joules = -1;
    return spent;
  };
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.verdict_sentence, HasSubstr("No point at the baseline has an energy"));
  const Table& table = *find_table(findings, "table_11_dvfs");
  EXPECT_EQ(cell_at(table, {"llama-3.2-1b", 1.0}, "energy_saving_pct"), Cell());
  EXPECT_EQ(number_at(table, {"llama-3.2-1b", 1.0}, "latency_delta_pct"), 0);
}

TEST(Findings, WithoutTheQueriesOfADataset) {
  StudyBuilder study;
  study.spent = plain;
  StudyData data = study.build();
  std::erase_if(data.plan.queries, [](const StudyQuery& q) { return q.query.dataset == "boolq"; });
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.sentences, ::testing::Contains(HasSubstr("9 points left out")));
}

TEST(Findings, StockIsAClockOfItsOwn) {
  StudyBuilder study;
  study.clocks = {960, 2842};
  study.spent = plain;
  StudyData data = study.build();
  data.plan.baseline = std::nullopt;
  for (auto& record : data.records)
    if (record.point.clock == Mhz(2842)) record.point.clock = std::nullopt;
  for (auto& point : data.plan.points)
    if (point.clock == Mhz(2842)) point.clock = std::nullopt;
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(find_table(findings, "table_11_dvfs")->title, HasSubstr("960 MHz against the stock clock"));
  EXPECT_NEAR(number_at(*find_table(findings, "sweep"), {"llama-3.2-1b", 1.0, 960.0}, "energy_saving_pct"),
              100 * (1 - 960 / 2842.0), 1e-9);
  EXPECT_NE(testing::find_row(*find_table(findings, "sweep"), {"llama-3.2-1b", 1.0, "stock"}), nullptr);
}

TEST(Findings, RealHardwareIsNotMarked) {
  StudyBuilder study;
  study.spent = plain;
  StudyData data = study.build();
  data.plan.environment.device_simulated = false;
  data.plan.environment.engine_simulated = false;
  const Findings findings = analyse(data);
  for (const auto& table : findings.tables) EXPECT_FALSE(table.simulated) << table.id;
  EXPECT_THAT(findings.verdict_sentence, ::testing::Not(HasSubstr("SIMULATED")));
}

TEST(Findings, TheWorkloadIsNotSimulatedButForItsOutputsAndAllElseIs) {
  StudyBuilder study;
  study.spent = plain;
  for (const auto& table : analyse(study.build()).tables) {
    const bool workload = table.id == "table_1_models" || table.id.starts_with("table_2_") ||
                          table.id.starts_with("table_3_") || table.id.starts_with("table_4_") ||
                          table.id.starts_with("table_5_") || table.id == "feature_redundancy";
    EXPECT_EQ(table.simulated, !workload) << table.id;
  }
}

TEST(Findings, QualityStandsBesideThePublishedAndSaysThatItIsCalibrated) {
  StudyBuilder study;
  study.spent = plain;
  StudyData data = study.build();
  for (std::uint32_t query = 0; query < data.plan.queries.size(); ++query) {
    const bool easy = data.plan.queries[query].features.entity_density < 0.2;
    data.qualities.push_back({"llama-3.2-1b", query, easy ? 0.75 : 0.25});
  }
  data.qualities.push_back({"llama-3.2-1b", 99999, 1.0});  // a row of no query enters nothing
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& quality = *find_table(findings, "table_7_quality");
  EXPECT_THAT(quality.title, HasSubstr("simulated, calibrated to the published table"));
  EXPECT_NEAR(number_at(quality, {"boolq"}, "quality_llama-3.2-1b"), 0.5, 1e-12);
  EXPECT_EQ(number_at(quality, {"boolq"}, "quality_llama-3.2-1b_published"), 0.685);
  EXPECT_EQ(number_at(quality, {"Model average"}, "quality_llama-3.2-1b_published"), 0.423);
  EXPECT_EQ(cell_at(quality, {"boolq"}, "quality_avg_published"), Cell());  // that average is over five models
  const Table& difficulty = *find_table(findings, "table_10_difficulty");
  EXPECT_EQ(number_at(difficulty, {"llama-3.2-1b"}, "easy_queries"), 16);
  EXPECT_NEAR(number_at(difficulty, {"llama-3.2-1b"}, "gap"), 0.5, 1e-12);
  EXPECT_EQ(number_at(difficulty, {"llama-3.2-1b"}, "gap_published"), 0.188);
  EXPECT_NEAR(number_at(*find_table(findings, "headline"), {"llama-3.2-1b", 1.0}, "quality"), 0.5, 1e-12);
}

// Whatever is void, unmeasured, zero or missing: no crash, no NaN, whole rows.
RC_GTEST_PROP(Findings, HoldForAnyStudy, ()) {
  StudyBuilder study;
  study.models = {"llama-3.2-1b", "tiny"};
  study.datasets = *rc::gen::element(std::vector<std::string>{"boolq"}, std::vector<std::string>{"truthfulqa", "mine"});
  study.batches = {1, 2};
  study.clocks =
      *rc::gen::element(std::vector<double>{2842}, std::vector<double>{180, 2842}, std::vector<double>{300, 960, 2842});
  study.repeats = *rc::gen::inRange(1, 4);
  study.queries = 3;
  study.spent = [](const RunPoint&) {
    Spent spent;
    spent.prefill_s = *rc::gen::inRange(0, 3);
    spent.decode_s = *rc::gen::inRange(0, 3);
    spent.joules = *rc::gen::inRange(-1, 3);
    spent.voided = *rc::gen::inRange(0, 4) == 0;
    return spent;
  };
  StudyData data = study.build();
  std::erase_if(data.records, [](const RunRecord&) { return *rc::gen::inRange(0, 5) == 0; });
  const Findings findings = analyse(data);
  RC_ASSERT(defect(findings) == "");
  const Findings again = analyse(data);
  RC_ASSERT(findings.verdict_sentence == again.verdict_sentence);
  RC_ASSERT(findings.tables.size() == again.tables.size());
  for (std::size_t i = 0; i < findings.tables.size(); ++i) RC_ASSERT(findings.tables[i].rows == again.tables[i].rows);
}

}  // namespace
}  // namespace phasewatt::analysis
