// Folds, logistic regression and AUC against scikit-learn (tools/make_logistic_references.py), and what must hold
// anyway.
#include "phasewatt/analysis/logistic.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "phasewatt/analysis/auc.h"
#include "phasewatt/analysis/folds.h"

namespace phasewatt::analysis {
namespace {

using Labels = std::vector<std::uint8_t>;

const nlohmann::json& references() {
  static const nlohmann::json cases = [] {
    std::ifstream file(PHASEWATT_SOURCE_DIR "/tests/analysis/data/logistic_references.json");
    return nlohmann::json::parse(file)["cases"];
  }();
  return cases;
}

struct Case {
  explicit Case(const nlohmann::json& one)
      : features(one["features"].get<std::vector<std::vector<double>>>()), labels(one["labels"].get<Labels>()) {
    for (const auto& column : features) spans.emplace_back(column);
  }
  std::vector<std::vector<double>> features;
  Labels labels;
  FeatureSpans spans;
};

std::vector<std::size_t> all_rows(std::size_t n) {
  std::vector<std::size_t> rows(n);
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  return rows;
}

TEST(Logistic, HasTheReferencesCoefficients) {
  ASSERT_EQ(references().size(), 6U);
  for (const auto& one : references()) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const Case data(one);
    const auto model = fit_logistic(data.spans, data.labels, all_rows(data.labels.size()));
    ASSERT_TRUE(model);
    EXPECT_NEAR(model->intercept, one["intercept"].get<double>(), 1e-6);
    for (std::size_t i = 0; i < model->weights.size(); ++i) {
      EXPECT_NEAR(model->weights[i], one["weights"][i].get<double>(), 1e-6);
      EXPECT_NEAR(model->means[i], one["means"][i].get<double>(), 1e-9);
      EXPECT_NEAR(model->scales[i], one["scales"][i].get<double>(), 1e-9);
    }
  }
}

TEST(Logistic, HasTheReferencesFoldsAndFoldAccuracies) {
  for (const auto& one : references()) {
    const Case data(one);
    for (const auto& cv : one["cv"]) {
      SCOPED_TRACE(one["name"].get<std::string>() + (cv["seed"].is_null() ? "" : ", shuffled"));
      const auto seed = cv["seed"].is_null() ? std::nullopt : std::optional(cv["seed"].get<std::uint32_t>());
      const auto folds = stratified_folds(data.labels, 5, seed);
      ASSERT_TRUE(folds);
      EXPECT_EQ(*folds, cv["folds"].get<std::vector<int>>());
      const auto result = cross_validate(data.spans, data.labels, *folds);
      ASSERT_TRUE(result);
      ASSERT_EQ(result->fold_accuracy.size(), 5U);
      for (std::size_t fold = 0; fold < 5; ++fold)
        EXPECT_NEAR(result->fold_accuracy[fold], cv["accuracy"][fold].get<double>(), 1e-12);
    }
  }
}

TEST(Logistic, SaysNothingOfOneClass) {
  const std::vector<double> x{1, 2, 3};
  const FeatureSpans spans{x};
  EXPECT_FALSE(fit_logistic(spans, Labels{1, 1, 1}, all_rows(3)));
  EXPECT_FALSE(fit_logistic(spans, Labels{1, 0, 1}, {}));
  EXPECT_FALSE(
      cross_validate(spans, Labels{1, 0, 1}, std::vector<int>{0, 1, 0}));  // the second fold trains on 1s alone
  EXPECT_FALSE(cross_validate({}, {}, {}));
}

TEST(Logistic, WithoutFeaturesIsTheShareOfOnes) {
  const auto model = fit_logistic({}, Labels{1, 0, 1, 1}, all_rows(4));
  ASSERT_TRUE(model);
  EXPECT_NEAR(model->intercept, std::log(3), 1e-9);
}

RC_GTEST_PROP(Logistic, ADecisionDoesNotDependOnUnits, ()) {
  const auto rows = *rc::gen::container<std::vector<std::pair<int, bool>>>(
      rc::gen::pair(rc::gen::inRange(-50, 50), rc::gen::arbitrary<bool>()));
  std::vector<double> x;
  std::vector<double> other;
  Labels labels;
  for (const auto& [value, label] : rows) {
    x.push_back(value);
    other.push_back(1000 + 16.0 * value);
    labels.push_back(label ? 1 : 0);
  }
  const auto model = fit_logistic({x}, labels, all_rows(x.size()));
  const auto scaled = fit_logistic({other}, labels, all_rows(x.size()));
  RC_ASSERT(model.has_value() == scaled.has_value());
  for (std::size_t row = 0; model && row < x.size(); ++row) {
    RC_ASSERT(std::isfinite(model->decision({x}, row)));
    RC_ASSERT(std::abs(model->decision({x}, row) - scaled->decision({other}, row)) < 1e-6);
  }
}

TEST(Folds, NeedARowOfEachClassInEachFold) {
  EXPECT_FALSE(stratified_folds(Labels{}, 2));
  EXPECT_FALSE(stratified_folds(Labels{1, 1, 1}, 2));
  EXPECT_FALSE(stratified_folds(Labels{1, 1, 0}, 2));
  EXPECT_FALSE(stratified_folds(Labels{1, 0}, 1));
  EXPECT_EQ(stratified_folds(Labels{1, 1, 0, 0}, 2), (std::vector<int>{0, 1, 0, 1}));
}

TEST(Auc, IsTheReferences) {
  for (const auto& one : references()) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const Case data(one);
    std::size_t next = 0;
    for (const auto& column : data.features) {
      const auto found = auc(column, data.labels);
      if (!found) continue;  // a constant feature
      const auto& wanted = one["auc"].at(next++);
      EXPECT_NEAR(found->value, wanted["value"].get<double>(), 1e-12);
      EXPECT_NEAR(found->standard_error.value_or(0), wanted["error"].get<double>(), 1e-12);
    }
    EXPECT_EQ(next, one["auc"].size());
  }
}

TEST(Auc, OfDegenerateInput) {
  EXPECT_FALSE(auc({}, {}));
  EXPECT_FALSE(auc(std::vector<double>{1, 1}, Labels{0, 1}));
  EXPECT_FALSE(auc(std::vector<double>{1, 2}, Labels{1, 1}));
  const auto two = auc(std::vector<double>{1, 2}, Labels{0, 1});
  ASSERT_TRUE(two);
  EXPECT_EQ(two->value, 1);
  EXPECT_FALSE(two->interval);
  const auto apart = auc(std::vector<double>{1, 2, 3, 4}, Labels{0, 0, 1, 1});
  EXPECT_EQ(apart->value, 1);
  EXPECT_FALSE(apart->p);  // no overlap, so no estimate of the spread
}

RC_GTEST_PROP(Auc, IsTheShareOfPairsAndTurnsWithTheScore, ()) {
  const auto rows = *rc::gen::container<std::vector<std::pair<int, bool>>>(
      rc::gen::pair(rc::gen::inRange(0, 8), rc::gen::arbitrary<bool>()));
  std::vector<double> scores;
  std::vector<double> negative;
  Labels labels;
  for (const auto& [value, label] : rows) {
    scores.push_back(value);
    negative.push_back(-value);
    labels.push_back(label ? 1 : 0);
  }
  double wins = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (labels[i] == 0 || labels[j] != 0) continue;
      ++pairs;
      wins += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  const auto found = auc(scores, labels);
  if (!found) return;
  RC_ASSERT(std::abs(found->value - wins / pairs) < 1e-12);
  const auto turned = auc(negative, labels);
  RC_ASSERT(std::abs(turned->value - (1 - found->value)) < 1e-12);
  RC_ASSERT(found->interval.has_value() == found->p.has_value());
  if (found->interval) RC_ASSERT(found->interval->contains(found->value));
}

TEST(Holm, AdjustsTheSmallestMost) {
  const auto adjusted = holm({0.01, std::nullopt, 0.04, 0.03});
  EXPECT_NEAR(*adjusted[0], 0.03, 1e-12);
  EXPECT_FALSE(adjusted[1]);
  EXPECT_NEAR(*adjusted[2], 0.06, 1e-12);
  EXPECT_NEAR(*adjusted[3], 0.06, 1e-12);  // the step before was larger
  EXPECT_EQ(*holm({0.9, 0.8})[0], 1);
}

}  // namespace
}  // namespace phasewatt::analysis
