// Student's t, log ratios, drift, outliers and spread against an independent implementation
// (data/make_inference_references.py), and what must hold of them.
#include "phasewatt/analysis/inference.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <fstream>
#include <vector>

#include "phasewatt/analysis/drift.h"

namespace phasewatt::analysis {
namespace {

const nlohmann::json& references() {
  static const nlohmann::json json =
      nlohmann::json::parse(std::ifstream(PHASEWATT_SOURCE_DIR "/tests/analysis/data/inference_references.json"));
  return json;
}

std::vector<Series> series_of(const nlohmann::json& values) {
  std::vector<Series> all;
  for (const auto& one : values) {
    Series series;
    series.values = one.get<std::vector<double>>();
    for (std::size_t i = 0; i < series.values.size(); ++i) series.repeats.push_back(static_cast<int>(i));
    all.push_back(series);
  }
  return all;
}

TEST(Inference, StudentsQuantilesMatch) {
  for (const auto& one : references()["student"]) {
    const double t = one["t"];
    EXPECT_NEAR(*student_quantile(one["p"], one["df"]), t, 1e-9 * std::max(1.0, std::abs(t))) << one;
  }
  EXPECT_FALSE(student_quantile(0.975, 0));
  EXPECT_FALSE(student_quantile(1, 3));
  EXPECT_NEAR(*student_quantile(0.975, 1000000), 1.96, 1e-3);
}

TEST(Inference, LogRatiosMatch) {
  for (const auto& one : references()["log_ratio"]) {
    const auto all = series_of(one["series"]);
    const auto ratio = LogRatios(all).of(one["here"], one["there"]);
    ASSERT_TRUE(ratio);
    EXPECT_NEAR(ratio->mean, one["mean"].get<double>(), 1e-12);
    EXPECT_NEAR(ratio->standard_error, one["standard_error"].get<double>(), 1e-12);
    EXPECT_EQ(ratio->df, one["df"].get<std::size_t>());
    EXPECT_NEAR(ratio->ratio_interval()->low, one["low"].get<double>(), 1e-9);
    EXPECT_NEAR(ratio->ratio_interval()->high, one["high"].get<double>(), 1e-9);
  }
}

TEST(Inference, DriftMatches) {
  for (const auto& one : references()["drift"]) {
    const auto drift = drift_of(one["order"].get<std::vector<double>>(), one["values"].get<std::vector<double>>());
    ASSERT_TRUE(drift);
    EXPECT_NEAR(drift->change, one["change"].get<double>(), 1e-10);
    EXPECT_NEAR(drift->interval.low, one["low"].get<double>(), 1e-9);
    EXPECT_NEAR(drift->interval.high, one["high"].get<double>(), 1e-9);
    EXPECT_NEAR(drift->largest_deviation, one["largest_deviation"].get<double>(), 1e-12);
  }
}

TEST(Inference, SpreadAndBootstrapMatch) {
  for (const auto& one : references()["spread"]) {
    const auto values = one["values"].get<std::vector<double>>();
    EXPECT_NEAR(*mean(values), one["mean"].get<double>(), 1e-12);
    EXPECT_NEAR(*median(values), one["median"].get<double>(), 1e-12);
    EXPECT_NEAR(*coefficient_of_variation(values), one["cv"].get<double>(), 1e-12);
    EXPECT_NEAR(*median_absolute_deviation(values), one["mad"].get<double>(), 1e-12);
    const auto scores = modified_z_scores(values);
    ASSERT_EQ(scores.size(), values.size());
    for (std::size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], one["modified_z"][i].get<double>(), 1e-9);
    // 2000 draws of what the reference enumerates: the ends are good to a twentieth of a standard deviation.
    const double slack = 0.05 * *standard_deviation(values);
    const auto interval = bootstrap_mean(values);
    EXPECT_NEAR(interval->low, one["bootstrap"][0].get<double>(), slack);
    EXPECT_NEAR(interval->high, one["bootstrap"][1].get<double>(), slack);
  }
}

TEST(Inference, RepeatsThatCannotBePairedAreComparedWithoutPairs) {
  const std::vector<Series> all{{{0, 1, 2}, {10, 10.2, 9.8}}, {{3, 4}, {12, 12.1}}, {{5}, {9}}};
  const LogRatios ratios(all);
  const auto apart = ratios.of(1, 0);
  ASSERT_TRUE(apart);
  EXPECT_EQ(apart->pairs, 0U);
  EXPECT_EQ(apart->df, 1U);
  EXPECT_NEAR(apart->mean, 0.5 * std::log(12 * 12.1) - std::log(10 * 10.2 * 9.8) / 3, 1e-12);
  EXPECT_FALSE(ratios.of(2, 0));  // one value says nothing about its scatter
}

TEST(Inference, AValueThatHasNoLogarithmTakesPartInNothing) {
  const std::vector<Series> all{{{0, 1}, {1, 2}}, {{0, 1}, {0, 2}}, {{0, 1}, {2, 4}}};
  const LogRatios ratios(all);
  EXPECT_FALSE(ratios.of(1, 0));
  EXPECT_NEAR(ratios.of(2, 0)->mean, std::log(2), 1e-12);
}

TEST(Inference, APairThatScattersMoreThanTheOthersKeepsItsOwnScatter) {
  std::vector<Series> all;
  for (int i = 0; i < 6; ++i) all.push_back({{0, 1, 2}, {10.0 + i, 10.0 + i, 10.0 + i}});
  all.push_back({{0, 1, 2}, {10, 13, 9}});
  const LogRatios ratios(all);
  EXPECT_GT(ratios.of(6, 0)->standard_error, 1.5 * ratios.of(1, 0)->standard_error);
}

TEST(Inference, MoreComparisonsAtOnceMakeWiderIntervals) {
  const LogRatio ratio{0.1, 0.02, 4, 3};
  EXPECT_LT(*ratio.low(0.95, 6), *ratio.low(0.95, 1));
  EXPECT_NEAR(*ratio.low(0.95, 1), 0.1 - 0.02 * 2.131846786326649, 1e-9);
}

TEST(Inference, OutliersNeedFiveRepeatsAndADeviationThatMatters) {
  EXPECT_TRUE(modified_z_scores(std::vector<double>{1, 1, 1, 9}).empty());
  // More than half are equal: the mean absolute deviation stands in for a MAD of 0.
  EXPECT_GT(modified_z_scores(std::vector<double>{5, 5, 5, 5, 6})[4], kOutlierScore);
  for (const double score : modified_z_scores(std::vector<double>{5, 5, 5, 5, 5 + 1e-9})) EXPECT_EQ(score, 0);
  for (const double score : modified_z_scores(std::vector<double>(6, 0.1))) EXPECT_EQ(score, 0);
}

TEST(Inference, DriftSaysWhatItCan) {
  const std::vector<double> order{0, 1, 2, 3, 4, 5};
  const auto verdict = [&](const std::vector<double>& values) { return drift_of(order, values)->verdict; };
  EXPECT_EQ(verdict({100, 101, 102, 103, 104, 105}), DriftVerdict::drifted);
  EXPECT_EQ(verdict({105, 104, 103, 102, 101, 100}), DriftVerdict::drifted);
  EXPECT_EQ(verdict({100, 100.1, 99.9, 100, 100.1, 99.9}), DriftVerdict::steady);
  EXPECT_EQ(verdict({100, 105, 96, 104, 95, 101}), DriftVerdict::cannot_be_told);
  EXPECT_FALSE(drift_of(std::vector<double>{0, 1}, std::vector<double>{1, 2}));
  EXPECT_FALSE(drift_of(std::vector<double>{2, 2, 2}, std::vector<double>{1, 2, 3}));
}

RC_GTEST_PROP(Inference, ARatioAndItsInverseMirrorEachOther, ()) {
  std::vector<Series> all(3);
  const int repeats = *rc::gen::inRange(2, 6);
  for (auto& series : all)
    for (int r = 0; r < repeats; ++r) {
      series.repeats.push_back(r);
      series.values.push_back(*rc::gen::inRange(1, 1000) / 10.0);
    }
  const LogRatios ratios(all);
  const auto there = ratios.of(0, 1);
  const auto back = ratios.of(1, 0);
  RC_ASSERT(there && back);
  RC_ASSERT(std::abs(there->mean + back->mean) < 1e-12);
  RC_ASSERT(std::abs(there->standard_error - back->standard_error) < 1e-12);
  const auto interval = *there->ratio_interval();
  RC_ASSERT(interval.low <= std::exp(there->mean) * (1 + 1e-12) &&
            std::exp(there->mean) <= interval.high * (1 + 1e-12));
}

}  // namespace
}  // namespace phasewatt::analysis
