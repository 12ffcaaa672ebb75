// What a study that was measured says beyond the paper's tables: bounds, phase energies, drift, outliers, spread and
// paired comparisons; and that a study without such data has none of these tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "phasewatt/analysis/findings.h"
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

constexpr const char* kModel = "llama-3.2-1b";
constexpr std::size_t kPrefill = 0;
constexpr std::size_t kDecode = 1;

StudyBuilder small(int repeats = 5) {
  StudyBuilder study;
  study.datasets = {"truthfulqa"};
  study.clocks = {960, 2842};
  study.repeats = repeats;
  study.spent = [](const RunPoint& point) {
    Spent spent;
    spent.prefill_s = 0.1;
    spent.decode_s = 1;
    spent.joules = point.clock->value() / 100 * (1 + 0.001 * point.repeat);
    return spent;
  };
  return study;
}

std::set<std::string> ids(const Findings& findings) {
  std::set<std::string> all;
  for (const Table& table : findings.tables) all.insert(table.id);
  return all;
}

TEST(MeasuredTables, AreNotThereWithoutTheirData) {
  const Findings findings = analyse(small(1).build());
  EXPECT_EQ(defect(findings), "");
  for (const auto* id : {"bounds", "phase_energy", "drift", "outliers", "spread", "paired"})
    EXPECT_EQ(ids(findings).count(id), 0U) << id;
}

TEST(MeasuredTables, BoundsNameTheLimitAndWhereTheCeilingsAreFrom) {
  StudyData data = small().build();
  for (RunRecord& record : data.records) {
    const bool low = record.point.clock == Mhz(960);
    PhaseTotals& decode = record.phases[kDecode];
    decode.bytes = 0.9e12 * decode.seconds;
    decode.flops = 1e12 * decode.seconds;
    decode.gpu_busy_s = (low ? 1.0 : 0.5) * decode.seconds;
    decode.launch_s = 0.1 * decode.seconds;
  }
  Ceilings ceilings;
  ceilings.copy_bytes_per_s = 1.5e12;
  ceilings.gemm_flops_per_s = 400e12;
  ceilings.source = "spec file x";
  data.plan.ceilings = ceilings;
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& table = *find_table(findings, "bounds");
  EXPECT_THAT(table.note, HasSubstr("Ceilings from spec file x: 1.50 TB/s, 400 TFLOP/s."));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 960.0, "decode"}, "bound"), Cell("memory-bound"));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 2842.0, "decode"}, "bound"), Cell("host-bound"));
  EXPECT_NEAR(number_at(table, {kModel, 1.0, 960.0, "decode"}, "memory_ceiling_pct"), 60, 1e-9);
  EXPECT_NEAR(number_at(table, {kModel, 1.0, 960.0, "decode"}, "memory_gb_per_s"), 900, 1e-9);
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 960.0, "prefill"}, "bound"), Cell("unknown"));  // nothing was counted there
  // One point that could not count makes the sum unknown, and not smaller.
  data.records.front().phases[kDecode].bytes.reset();
  const Findings partial = analyse(data);
  EXPECT_EQ(cell_at(*find_table(partial, "bounds"), {kModel, 1.0, 960.0, "decode"}, "memory_gb_per_s"), Cell());
  data.plan.ceilings.reset();
  EXPECT_THAT(find_table(analyse(data), "bounds")->note, HasSubstr("No ceilings are known"));
}

TEST(MeasuredTables, ThePowerCapIsTheBoundWhereItHeldInMostOfTheTime) {
  StudyData data = small().build();
  int capped = 0;
  for (RunRecord& record : data.records) {
    for (auto& phase : record.phases) phase.gpu_busy_s = phase.seconds;
    if (record.point.clock == Mhz(2842) && capped++ < 3) record.throttle_mask = throttle_sw_power_cap;
  }
  EXPECT_EQ(cell_at(*find_table(analyse(data), "bounds"), {kModel, 1.0, 2842.0, "decode"}, "bound"),
            Cell("power-limited"));
  for (RunRecord& record : data.records) {
    record.throttle_mask = 0;
    if (record.point.repeat == 0) record.throttle_mask = throttle_sw_power_cap;
  }
  EXPECT_EQ(cell_at(*find_table(analyse(data), "bounds"), {kModel, 1.0, 2842.0, "decode"}, "bound"), Cell("unknown"));
}

TEST(MeasuredTables, PhaseEnergiesStandWithErrorsTruthAndClosure) {
  StudyData data = small(2).build();
  for (RunRecord& record : data.records) {
    record.method = EnergyMethod::counter_delta;
    record.energy_rel_error = 0.02;
    record.idle_energy = Joules(0);
    for (const std::size_t phase : {kPrefill, kDecode}) {
      PhaseTotals& totals = record.phases[phase];
      totals.method = EnergyMethod::window_regression;
      totals.energy_rel_error = phase == kPrefill ? 0.08 : 0.03;
      totals.energy_truth = *totals.energy * 1.02;
      totals.stacked_energy = *totals.energy * 1.01;
      totals.stacked_rel_error = 0.025;
    }
    record.energy = *record.energy * (1 / 1.005);
  }
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& table = *find_table(findings, "phase_energy");
  const auto at = [&](const char* phase, const char* key) {
    return number_at(table, {kModel, 1.0, 2842.0, phase}, key);
  };
  EXPECT_NEAR(at("prefill", "joules"), 28.42 * 1.0005 * 0.1 / 1.1, 1e-9);
  EXPECT_NEAR(at("prefill", "half_width_pct"), 8, 1e-9);
  EXPECT_NEAR(at("decode", "stacked_half_width_pct"), 2.5, 1e-9);
  EXPECT_NEAR(at("decode", "stacked_difference_pct"), 1, 1e-9);
  EXPECT_NEAR(at("decode", "error_pct"), 100 * (1 / 1.02 - 1), 1e-9);
  EXPECT_NEAR(at("whole", "closure_pct"), 0.5, 1e-9);
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 2842.0, "decode"}, "method"), Cell("window_regression"));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 2842.0, "whole"}, "method"), Cell("counter_delta"));
  // A stacked run of one point only: no mean over all, but the difference of the one that has both.
  for (RunRecord& record : data.records)
    if (record.point.repeat == 1) record.phases[kDecode].stacked_energy.reset();
  const Findings partial = analyse(data);
  const Table& some = *find_table(partial, "phase_energy");
  EXPECT_EQ(cell_at(some, {kModel, 1.0, 2842.0, "decode"}, "joules_stacked"), Cell());
  EXPECT_NEAR(number_at(some, {kModel, 1.0, 2842.0, "decode"}, "stacked_difference_pct"), 1, 1e-9);
}

TEST(MeasuredTables, TheSimulatorsTruthAloneIsNoMeasurement) {
  StudyData data = small().build();
  for (RunRecord& record : data.records)
    for (auto& phase : record.phases) phase.method = EnergyMethod::sim_truth;
  EXPECT_EQ(find_table(analyse(data), "phase_energy"), nullptr);
}

/// Adds ten points of reference whose energy changes by `slope` over the study.
void add_references(StudyData& data, double slope) {
  const RunRecord like = data.records.back();
  for (int i = 0; i < 10; ++i) {
    RunRecord record = like;
    record.point.index = static_cast<std::uint32_t>(data.plan.points.size());
    record.point.reference = true;
    record.point.clock.reset();
    record.point.repeat = i;
    record.energy = Joules(800 * (1 + slope * i / 9 + (i % 2 == 0 ? 0.0005 : -0.0005)));
    data.plan.points.push_back(record.point);
    data.records.push_back(record);
  }
}

TEST(MeasuredTables, ReferencePointsAreInNoTableButThatOfDrift) {
  StudyData data = small().build();
  const Findings without = analyse(data);
  add_references(data, 0.04);
  data.records.back().validity = Validity::void_;  // it counts in no other table either
  const Findings with = analyse(data);
  EXPECT_EQ(defect(with), "");
  EXPECT_EQ(with.verdict_sentence, without.verdict_sentence);
  auto expected = ids(without);
  expected.insert("drift");
  EXPECT_EQ(ids(with), expected);
  for (const Table& table : without.tables) {
    EXPECT_EQ(find_table(with, table.id)->rows, table.rows) << table.id;
    EXPECT_EQ(find_table(with, table.id)->note, table.note) << table.id;
  }
  const Table& drift = *find_table(with, "drift");
  const std::vector<Cell> energy{kModel, "truthfulqa", 1.0, "stock", "energy"};
  EXPECT_EQ(number_at(drift, energy, "points"), 9);
  EXPECT_EQ(number_at(drift, energy, "void_points"), 1);
  EXPECT_NEAR(number_at(drift, energy, "change_pct"), 3.5, 0.2);
  EXPECT_EQ(cell_at(drift, energy, "verdict"), Cell("drifted"));
  EXPECT_EQ(cell_at(drift, {kModel, "truthfulqa", 1.0, "stock", "latency"}, "verdict"), Cell("steady"));
  EXPECT_THAT(with.sentences, ::testing::Contains(HasSubstr("its energy changed by +3.")));
}

TEST(MeasuredTables, ASteadyCardSaysNothingOfDrift) {
  StudyData data = small().build();
  add_references(data, 0.001);
  const Findings findings = analyse(data);
  EXPECT_EQ(cell_at(*find_table(findings, "drift"), {kModel, "truthfulqa", 1.0, "stock", "energy"}, "verdict"),
            Cell("steady"));
  EXPECT_THAT(findings.sentences, ::testing::Not(::testing::Contains(HasSubstr("drifted"))));
}

TEST(MeasuredTables, AnOutlierIsFlaggedAndKept) {
  StudyData data = small().build();
  for (RunRecord& record : data.records)
    if (record.point.clock == Mhz(960) && record.point.repeat == 2) record.energy = *record.energy * 1.05;
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& table = *find_table(findings, "outliers");
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(number_at(table, {kModel, "truthfulqa", 1.0, 960.0}, "repeat"), 2);
  EXPECT_GT(number_at(table, {kModel, "truthfulqa", 1.0, 960.0}, "modified_z"), 3.5);
  EXPECT_EQ(number_at(*find_table(findings, "validity"), {"flagged"}, "points"), 1);
  EXPECT_EQ(number_at(*find_table(findings, "validity"), {"valid"}, "points"), 10);
  EXPECT_EQ(number_at(*find_table(findings, "spread"), {kModel, "truthfulqa", 1.0, 960.0}, "repeats"), 5);
  EXPECT_NEAR(
      number_at(*find_table(findings, "spread"), {kModel, "truthfulqa", 1.0, 960.0}, "joules_per_request_median"),
      9.6 * 1.003, 1e-9);
}

TEST(MeasuredTables, WithFewRepeatsTheReportSaysThatOutliersWereNotLookedFor) {
  EXPECT_THAT(find_table(analyse(small(3).build()), "validity")->note, HasSubstr("Outliers were not looked for"));
  EXPECT_THAT(find_table(analyse(small(5).build()), "validity")->note,
              ::testing::Not(HasSubstr("Outliers were not looked for")));
}

TEST(MeasuredTables, APairedComparisonKnowsBetterWorseAndWhatItCannotTell) {
  StudyBuilder study = small();
  study.clocks = {960, 1500, 2842};
  study.spent = [](const RunPoint& point) {
    const double wiggle = (point.repeat % 2 == 0 ? 1 : -1) * (point.clock->value() > 2000 ? 0.004 : -0.004);
    Spent spent;
    spent.decode_s = point.clock == Mhz(960) ? 1.2 + wiggle : 1 + wiggle;
    spent.joules = point.clock == Mhz(960) ? 20 : 30 * (1 + wiggle);
    return spent;
  };
  const Findings findings = analyse(study.build());
  EXPECT_EQ(defect(findings), "");
  const Table& table = *find_table(findings, "paired");
  ASSERT_EQ(table.rows.size(), 2U);  // the baseline is not compared with itself
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 960.0}, "energy_verdict"), Cell("better"));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 960.0}, "latency_verdict"), Cell("worse"));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 1500.0}, "energy_verdict"), Cell("cannot be told"));
  EXPECT_EQ(cell_at(table, {kModel, 1.0, 1500.0}, "latency_verdict"), Cell("cannot be told"));
  EXPECT_EQ(number_at(table, {kModel, 1.0, 960.0}, "pairs"), 5);
  EXPECT_LT(number_at(table, {kModel, 1.0, 960.0}, "energy_saving_low_pct"),
            number_at(table, {kModel, 1.0, 960.0}, "energy_saving_pct"));
}

}  // namespace
}  // namespace phasewatt::analysis
