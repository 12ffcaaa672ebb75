#include "phasewatt/analysis/dvfs_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "phasewatt/analysis/optima.h"
#include "tests/analysis/support.h"

namespace phasewatt::analysis {
namespace {

using testing::cell_at;
using testing::defect;
using testing::find_table;
using testing::number_at;
using testing::Spent;
using testing::StudyBuilder;

const std::vector<std::string> kPaperModelIds{"llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b",
                                              "qwen2.5-32b"};

/// A study in which every point behaves as a row of the paper's Table XI says; datasets differ in size only.
StudyBuilder paper_study() {
  StudyBuilder study;
  study.models = kPaperModelIds;
  study.batches = {1, 4, 8};
  study.clocks = {180, 2842};
  study.spent = [](const RunPoint& point) {
    const std::string name = *paper_model(point.model);
    const auto value = [&](const char* key) { return *published("XI", {name, double(point.batch)}, key) / 100; };
    const bool low = point.clock == Mhz(180);
    const double size = point.dataset == "boolq" ? 1 : 7;
    Spent spent;
    spent.prefill_s = size * value("prefill_share_pct") * (low ? 1 + value("prefill_delta_pct") : 1);
    const double decode = size * value("decode_share_pct") * (low ? 1 + value("decode_delta_pct") : 1);
    (point.dataset == "boolq" || point.dataset == "hellaswag" ? spent.score_s : spent.decode_s) = decode;
    spent.joules = size * 10 * (low ? 1 - value("energy_saving_pct") : 1);
    return spent;
  };
  return study;
}

TEST(DvfsTables, ThePapersOwnNumbersComeBackBesideThePublishedOnes) {
  const StudyData data = paper_study().build();
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& table = *find_table(findings, "table_11_dvfs");
  EXPECT_TRUE(table.simulated);
  ASSERT_EQ(table.rows.size(), 18U);  // 15 rows and three averages
  const std::vector<std::string> keys{"energy_saving_pct", "latency_delta_pct", "prefill_delta_pct",
                                      "decode_delta_pct",  "prefill_share_pct", "decode_share_pct"};
  for (const auto& row : table.rows) {
    for (const auto& key : keys) {
      const std::vector<Cell> at{row[0], row[1]};
      // Latency is composed from phases in our study and rounded in the paper.
      const double tolerance = key == "latency_delta_pct" ? 0.11 : 0.051;
      EXPECT_NEAR(number_at(table, at, key), number_at(table, at, key + "_published"), tolerance)
          << std::get<std::string>(row[0]) << " " << key;
    }
  }
  EXPECT_NEAR(number_at(table, {"Avg", 1.0}, "energy_saving_pct"), 41.88, 1e-9);
}

TEST(DvfsTables, GroupsAreRatiosOfSums) {
  StudyBuilder study = paper_study();
  study.batches = {1};
  const auto inner = study.spent;
  study.spent = [inner](const RunPoint& point) {
    Spent spent = inner(point);
    const bool low = point.clock == Mhz(180);
    spent.joules = *published("XVI", {*paper_model(point.model)}, low ? "low_freq_J" : "baseline_J");
    return spent;
  };
  const StudyData data = study.build();
  const Findings findings = analyse(data);
  const Table& groups = *find_table(findings, "table_13_groups");
  const double small = 100 * (1 - (1.69 + 2.52) / (2.92 + 4.19));
  EXPECT_NEAR(number_at(groups, {"model size", "Small (1-3B)"}, "energy_saving_pct"), small, 1e-9);
  EXPECT_EQ(number_at(groups, {"model size", "Small (1-3B)"}, "energy_saving_pct_published"), 40.9);
  EXPECT_EQ(number_at(groups, {"dataset", "boolq"}, "latency_delta_pct_published"), 7.7);
  const Table& joules = *find_table(findings, "table_16_joules");
  EXPECT_NEAR(number_at(joules, {"llama-3.2-1b"}, "joules_per_request_baseline"), 2.92, 1e-12);
  EXPECT_NEAR(number_at(joules, {"llama-3.2-1b"}, "joules_per_output_token_baseline"), 0.0292, 1e-12);
  EXPECT_EQ(number_at(joules, {"llama-3.2-1b"}, "joules_unclear_baseline_published"), 2.92);
  EXPECT_NEAR(number_at(joules, {"Average"}, "energy_saving_pct"), 41.9, 0.11);
  const Table& points = *find_table(findings, "table_18_operating_points");
  EXPECT_NEAR(number_at(points, {"llama-3.2-3b", "lowest clock"}, "saving_pct"), 100 * (1 - 2.52 / 20.97), 1e-9);
  EXPECT_EQ(number_at(points, {"llama-3.2-3b", "lowest clock"}, "saving_pct_published"), 88);
}

/// One model, one dataset, four clocks: energies 10, 6, 5, 5.5 J and latencies 1, 1.04, 1.5, 3 s from the baseline
/// down.
StudyBuilder optimum_study() {
  StudyBuilder study;
  study.datasets = {"truthfulqa"};
  study.clocks = {500, 1000, 2000, 3000};
  study.baseline = 3000;
  study.spent = [](const RunPoint& point) {
    static const std::map<double, std::pair<double, double>> costs{
        {3000, {10, 1}}, {2000, {6, 1.04}}, {1000, {5, 1.5}}, {500, {5.5, 3}}};
    const auto& [joules, seconds] = costs.at(point.clock->value());
    Spent spent;
    spent.decode_s = seconds;
    spent.joules = joules;
    return spent;
  };
  return study;
}

TEST(Optima, EachObjectiveFindsItsClock) {
  const StudyData data = optimum_study().build();
  const Grid grid(data);
  const auto best = [&](Objective objective) {
    return grid.clocks()[find_optimum(grid, 0, 0, objective)->clock]->value();
  };
  EXPECT_EQ(best(Objective::energy), 1000);
  EXPECT_EQ(best(Objective::edp), 2000);  // 6.24 against 10, 7.5 and 16.5 J·s
  EXPECT_EQ(best(Objective::ed2p), 2000);
  EXPECT_EQ(best(Objective::bounded_latency), 2000);
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  const Table& head = *find_table(findings, "headline");
  EXPECT_NEAR(number_at(head, {"llama-3.2-1b", 1.0}, "energy_saving_pct"), 40, 1e-9);
  EXPECT_NEAR(number_at(head, {"llama-3.2-1b", 1.0}, "latency_delta_pct"), 4, 1e-9);
  EXPECT_EQ(cell_at(head, {"llama-3.2-1b", 1.0}, "tied_clocks_mhz"), Cell("none"));
  EXPECT_THAT(findings.verdict_sentence,
              ::testing::AllOf(::testing::HasSubstr("SIMULATED"), ::testing::HasSubstr("2000 MHz"),
                               ::testing::HasSubstr("40.0 % less energy"), ::testing::HasSubstr("+4.0 % latency")));
  EXPECT_THAT(find_table(findings, "table_11_dvfs")->note, ::testing::HasSubstr("No published value stands beside"));
}

TEST(Optima, AClockThatSometimesWinsTies) {
  StudyBuilder study = optimum_study();
  const auto inner = study.spent;
  study.spent = [inner](const RunPoint& point) {
    Spent spent = inner(point);
    // 1000 MHz has 7.5 J·s on average, but beats the 6.24 J·s of 2000 MHz in one repeat of three.
    if (point.clock == Mhz(1000)) spent.joules = point.repeat == 1 ? 4 : 5.5;
    return spent;
  };
  const StudyData data = study.build();
  const Grid grid(data);
  const auto best = find_optimum(grid, 0, 0, Objective::edp);
  EXPECT_EQ(grid.clock_text(best->clock), "2000");
  EXPECT_TRUE(best->ties_known);
  ASSERT_EQ(best->tied.size(), 1U);
  EXPECT_EQ(grid.clock_text(best->tied[0]), "1000");
}

TEST(Optima, PairingTakesOutWhatAllClocksShare) {
  StudyBuilder study = optimum_study();
  const auto inner = study.spent;
  study.spent = [inner](const RunPoint& point) {
    Spent spent = inner(point);
    spent.joules *= point.repeat == 2 ? 2 : 1;  // a warm repeat: unpaired intervals would overlap
    return spent;
  };
  const StudyData data = study.build();
  const auto best = find_optimum(Grid(data), 0, 0, Objective::edp);
  EXPECT_TRUE(best->tied.empty());
}

TEST(Optima, OneRepeatKnowsNoTies) {
  StudyBuilder study = optimum_study();
  study.repeats = 1;
  const StudyData data = study.build();
  const auto best = find_optimum(Grid(data), 0, 0, Objective::edp);
  EXPECT_FALSE(best->ties_known);
  const Findings findings = analyse(data);
  EXPECT_EQ(cell_at(*find_table(findings, "headline"), {"llama-3.2-1b", 1.0}, "tied_clocks_mhz"), Cell());
  EXPECT_EQ(cell_at(*find_table(findings, "headline"), {"llama-3.2-1b", 1.0}, "energy_saving_low_pct"), Cell());
  EXPECT_THAT(findings.sentences, ::testing::Contains(::testing::HasSubstr("One repeat")));
}

TEST(Optima, AVoidClockDoesNotCompete) {
  StudyBuilder study = optimum_study();
  const auto inner = study.spent;
  study.spent = [inner](const RunPoint& point) {
    Spent spent = inner(point);
    spent.voided = point.clock == Mhz(2000);
    return spent;
  };
  const StudyData data = study.build();
  const Grid grid(data);
  const auto best = find_optimum(grid, 0, 0, Objective::edp);
  EXPECT_EQ(grid.clock_text(best->clock), "1000");
  EXPECT_EQ(best->left_out, 1U);
  const Findings findings = analyse(data);
  EXPECT_THAT(findings.sentences,
              ::testing::Contains(::testing::HasSubstr("3 of 12 finished points are void: clock_not_attained 3")));
  EXPECT_EQ(number_at(*find_table(findings, "validity"), {"void", "clock_not_attained"}, "points"), 3);
  EXPECT_EQ(number_at(*find_table(findings, "clocks"), {"2000"}, "void_points"), 3);
  EXPECT_EQ(number_at(*find_table(findings, "clocks"), {"2000"}, "seen_min_mhz"), 1999);
}

TEST(Compare, OnlyDatasetsThatBothClocksHaveEnter) {
  StudyBuilder study;
  study.datasets = {"boolq", "truthfulqa"};
  study.clocks = {180, 2842};
  study.spent = [](const RunPoint& point) {
    Spent spent;
    const bool low = point.clock == Mhz(180);
    spent.decode_s = 1;
    spent.joules = point.dataset == "boolq" ? (low ? 1 : 100) : (low ? 6 : 10);
    spent.voided = point.dataset == "boolq" && low;  // its saving of 99 % must not show
    return spent;
  };
  const StudyData data = study.build();
  const Findings findings = analyse(data);
  EXPECT_EQ(defect(findings), "");
  EXPECT_NEAR(number_at(*find_table(findings, "table_11_dvfs"), {"llama-3.2-1b", 1.0}, "energy_saving_pct"), 40, 1e-9);
}

TEST(Compare, EachDatasetCountsTheSameWhateverItsQueries) {
  StudyBuilder study;
  study.datasets = {"boolq", "truthfulqa"};
  study.clocks = {180, 2842};
  study.spent = [](const RunPoint& point) {
    Spent spent;
    spent.prefill_s = 1;
    spent.joules = point.clock == Mhz(180) ? (point.dataset == "boolq" ? 5 : 3) : 10;
    return spent;
  };
  StudyData data = study.build();
  // Triple boolq: more queries and, per point, as much more energy and time.
  const auto queries = data.plan.queries;
  for (int copy = 0; copy < 2; ++copy)
    for (const auto& entry : queries)
      if (entry.query.dataset == "boolq") data.plan.queries.push_back(entry);
  for (auto& record : data.records) {
    if (record.point.dataset != "boolq") continue;
    record.energy = *record.energy * 3;
    record.wall_s *= 3;
    record.phases[0].seconds *= 3;
  }
  const Findings findings = analyse(data);
  EXPECT_NEAR(number_at(*find_table(findings, "table_11_dvfs"), {"llama-3.2-1b", 1.0}, "energy_saving_pct"), 60, 1e-9);
}

TEST(Compare, LatencyAtABatchIsTheBatchsWallTime) {
  StudyBuilder study;
  study.batches = {1, 3};
  study.clocks = {180, 2842};
  study.queries = 8;  // three batches of at most three
  study.spent = [](const RunPoint& point) {
    Spent spent;
    spent.prefill_s = point.batch == 3 ? 2 : 1;
    spent.joules = 4;
    return spent;
  };
  const StudyData data = study.build();
  const Findings findings = analyse(data);
  const Table& sweep = *find_table(findings, "sweep");
  EXPECT_NEAR(number_at(sweep, {"llama-3.2-1b", 1.0, 180.0}, "latency_s"), 1, 1e-12);
  EXPECT_NEAR(number_at(sweep, {"llama-3.2-1b", 3.0, 180.0}, "latency_s"), 2, 1e-12);
  EXPECT_NEAR(number_at(sweep, {"llama-3.2-1b", 3.0, 180.0}, "joules_per_request"), 4, 1e-12);
}

TEST(Phases, APhaseThatDoesNotOccurTakesNothing) {
  const StudyData data = paper_study().build();  // two datasets score and do not decode, two the other way round
  const Findings findings = analyse(data);
  const Table& phases = *find_table(findings, "phases");
  const std::vector<Cell> row{"qwen2.5-32b", 8.0, 180.0};
  double time = 0;
  double energy = 0;
  for (const char* phase : {"prefill", "decode", "score"}) {
    time += number_at(phases, row, std::string("time_") + phase + "_pct");
    energy += number_at(phases, row, std::string("energy_") + phase + "_pct");
  }
  EXPECT_NEAR(time, 100, 1e-9);
  EXPECT_NEAR(energy, 100, 1e-9);
  EXPECT_GT(number_at(phases, row, "energy_decode_pct"), 0);
}

TEST(Validity, ADegradedPointMarksWhatRestsOnIt) {
  StudyBuilder study = optimum_study();
  const auto inner = study.spent;
  study.spent = [inner](const RunPoint& point) {
    Spent spent = inner(point);
    spent.degraded = point.clock == Mhz(2000) && point.repeat == 0;
    return spent;
  };
  const StudyData data = study.build();
  const Findings findings = analyse(data);
  EXPECT_EQ(cell_at(*find_table(findings, "headline"), {"llama-3.2-1b", 1.0}, "validity"), Cell("degraded"));
  EXPECT_EQ(cell_at(*find_table(findings, "sweep"), {"llama-3.2-1b", 1.0, 1000.0}, "validity"), Cell("valid"));
  EXPECT_THAT(findings.verdict_sentence, ::testing::HasSubstr("1 of 1 rest on degraded points"));
  EXPECT_THAT(find_table(findings, "headline")->note, ::testing::HasSubstr("12 points used (1 of them degraded)"));
}

TEST(Figures, HoldOurCurvesAndThePapersApart) {
  StudyBuilder study = paper_study();
  const StudyData data = study.build();
  const Findings findings = analyse(data);
  ASSERT_EQ(findings.figures.size(), 3U);
  for (const auto& figure : findings.figures) {
    EXPECT_TRUE(figure.data.simulated);
    EXPECT_EQ(figure.published, "source");
    bool ours = false;
    bool paper = false;
    for (const auto& row : figure.data.rows)
      for (const auto& value : row) {
        ours = ours || value == Cell("ours");
        paper = paper || value == Cell("paper");
      }
    EXPECT_TRUE(ours && paper) << figure.data.id;
  }
}

// Whatever the phases cost, the change in latency is composed of theirs, weighted with the baseline's shares.
RC_GTEST_PROP(Compare, LatencyIsComposedOfThePhases, ()) {
  const auto seconds = [] { return 0.001 * *rc::gen::inRange(1, 100000); };
  Cost before;
  Cost now;
  for (Cost* cost : {&before, &now}) {
    cost->phase_s = {seconds(), seconds(), seconds()};
    cost->latency_s = cost->phase_s[0] + cost->phase_s[1] + cost->phase_s[2];
  }
  const Change c = change(before, now);
  const double composed = (*c.prefill_share_pct * *c.prefill_pct + *c.decode_share_pct * *c.decode_pct) / 100;
  RC_ASSERT(std::abs(*c.latency_pct - composed) <= 1e-9 * (1 + std::abs(composed)));
  RC_ASSERT(std::abs(*c.prefill_share_pct + *c.decode_share_pct - 100) < 1e-9);
}

}  // namespace
}  // namespace phasewatt::analysis
