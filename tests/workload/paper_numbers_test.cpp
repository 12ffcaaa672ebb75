// The paper's Tables I to V, from the real files beside the source tree. Means and correlations stay in this file: the
// statistics of the program live in another room.
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/features.h"
#include "phasewatt/workload/sample.h"

namespace phasewatt::workload {
namespace {

using Column = std::vector<double>;
using FeatureRows = std::vector<Features>;

double mean(const Column& x) {
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

double deviation(const Column& x) {
  double sum = 0;
  for (const double v : x) sum += (v - mean(x)) * (v - mean(x));
  return std::sqrt(sum / static_cast<double>(x.size()));
}

double correlation(const Column& x, const Column& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += (x[i] - mean(x)) * (y[i] - mean(y));
  return sum / static_cast<double>(x.size()) / deviation(x) / deviation(y);
}

Column column(const FeatureRows& rows, double Features::*field) {
  Column values;
  for (const auto& row : rows) values.push_back(row.*field);
  return values;
}

class PaperNumbers : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(shared() / "datasets" / "boolq" / "val.jsonl")) return;
    for (const auto name : kDatasets) {
      auto dataset = load_dataset({std::string(name), {}, {}}, shared() / "datasets");
      ASSERT_TRUE(dataset) << to_string(dataset.error());
      datasets.emplace(name, std::move(dataset).value());
    }
  }
  static void TearDownTestSuite() { datasets.clear(); }

  void SetUp() override {
    if (datasets.empty()) GTEST_SKIP() << "the real datasets are not beside the source tree";
  }

  static std::filesystem::path shared() { return PHASEWATT_SHARED_DIR; }

  static FeatureRows features(const std::string& name, std::size_t count) {
    FeatureRows rows;
    const auto queries = draw({SampleSpec::Kind::paper, count}, datasets.at(name), 0);
    EXPECT_TRUE(queries);
    for (const auto& query : *queries) rows.push_back(paper_features(query));
    return rows;
  }

  static std::map<std::string, Dataset> datasets;
};

std::map<std::string, Dataset> PaperNumbers::datasets;

struct Row {
  double words, deviation, shortest, longest;
  double entropy, causal_percent, entities, reasoning, complexity;
};

/// `relative` 0: exact to the printed digits; else the tolerance of every mean.
void expect_row(const FeatureRows& rows, const Row& expected, double relative) {
  const auto near = [&](double Features::*field, double value, double half_digit, double factor = 1) {
    EXPECT_NEAR(factor * mean(column(rows, field)), value, relative == 0 ? half_digit : relative * value);
  };
  const Column words = column(rows, &Features::words);
  near(&Features::words, expected.words, 0.0501);
  EXPECT_NEAR(deviation(words), expected.deviation, relative == 0 ? 0.0501 : relative * expected.deviation);
  EXPECT_EQ(*std::min_element(words.begin(), words.end()), expected.shortest);
  EXPECT_EQ(*std::max_element(words.begin(), words.end()), expected.longest);
  near(&Features::token_entropy_bits, expected.entropy, 0.00501);
  near(&Features::causal_question, expected.causal_percent, 0.0501, 100);
  near(&Features::entity_density, expected.entities, 0.000501);
  near(&Features::reasoning_complexity, expected.reasoning, 0.000501);
  near(&Features::complexity_score, expected.complexity, 0.000501);
}

TEST_F(PaperNumbers, TruthfulqaIsExactToThePrintedDigits) {
  expect_row(features("truthfulqa", 1000), {12.6, 5.7, 5, 52, 3.50, 10.2, .342, .065, .535}, 0);
}

TEST_F(PaperNumbers, BoolqIsExactToThePrintedDigits) {
  expect_row(features("boolq", 1000), {102.9, 46.0, 24, 294, 5.82, 2.4, .199, .061, .542}, 0);
}

TEST_F(PaperNumbers, NarrativeqaIsWithinOnePercent) {
  expect_row(features("narrativeqa", 1000), {338.7, 34.4, 207, 396, 7.14, 34.0, .177, .122, .557}, 0.01);
}

TEST_F(PaperNumbers, HellaswagHasTheLengthsOfTheStandInFile) {
  const auto rows = features("hellaswag", 1000);
  const Column words = column(rows, &Features::words);
  EXPECT_NEAR(mean(words), 159.5, 0.0501);
  EXPECT_NEAR(deviation(words), 53.4, 0.0501);
  EXPECT_EQ(*std::min_element(words.begin(), words.end()), 49);
  EXPECT_EQ(*std::max_element(words.begin(), words.end()), 258);
  // The rest of the row was computed with imputed markers, a little longer; this file comes within 3 %.
  EXPECT_NEAR(mean(column(rows, &Features::token_entropy_bits)), 6.30, 0.04);
  EXPECT_NEAR(100 * mean(column(rows, &Features::causal_question)), 4.4, 0.0501);
  EXPECT_NEAR(mean(column(rows, &Features::entity_density)), .118, .003);
  EXPECT_NEAR(mean(column(rows, &Features::reasoning_complexity)), .108, .003);
  EXPECT_NEAR(mean(column(rows, &Features::complexity_score)), .473, .003);
}

TEST_F(PaperNumbers, CorrelationsWithLength) {
  FeatureRows all;
  for (const auto name : kDatasets) {
    const auto rows = features(std::string(name), 1000);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  ASSERT_EQ(all.size(), 3817U);
  const Column words = column(all, &Features::words);
  // ± 0.01 for the stand-in HellaSwag file.
  EXPECT_NEAR(correlation(words, column(all, &Features::entity_density)), -.43, .01);
  EXPECT_NEAR(correlation(words, column(all, &Features::causal_question)), .31, .01);
  EXPECT_NEAR(correlation(words, column(all, &Features::token_entropy_bits)), .88, .01);
}

TEST_F(PaperNumbers, EasyQueriesAreThoseOfThePaper) {
  const std::map<std::string, int> expected{
      {"boolq", 108}, {"hellaswag", 188}, {"truthfulqa", 16}, {"narrativeqa", 94}};
  for (const auto& [name, easy] : expected) {
    const auto rows = features(name, 200);
    EXPECT_EQ(rows.size(), 200U);
    EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                            [](const Features& f) { return f.entity_density < 0.20 && f.causal_question < 0.05; }),
              easy)
        << name;
  }
}

TEST_F(PaperNumbers, SampledRowsAreTheReconstructedOnes) {
  std::ifstream file(shared() / "datasets" / "paper_sample_indices.json");
  const auto published = nlohmann::json::parse(file);
  const std::array<const char*, 4> keys{"boolq_val", "hellaswag_val", "truthfulqa", "narrativeqa_test"};
  for (const std::size_t count : {1000U, 200U, 100U}) {
    const auto rows = paper_sample(count);
    const auto& expected = published.at("k" + std::to_string(count));
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (expected.contains(keys[i])) {
        EXPECT_EQ(rows[i], expected.at(keys[i]).get<std::vector<std::size_t>>()) << keys[i] << ' ' << count;
      } else {
        EXPECT_EQ(rows[i].size(), 817U);
      }
    }
  }
}

TEST_F(PaperNumbers, BothFormsOfBoolqAgree) {
  const auto official = load_dataset({"boolq", (shared() / "datasets/boolq/dev.jsonl").string(), {}}, {});
  ASSERT_TRUE(official) << to_string(official.error());
  const auto& glue = datasets.at("boolq").queries;
  ASSERT_EQ(official->queries.size(), glue.size());
  for (std::size_t i = 0; i < glue.size(); ++i) {
    EXPECT_EQ(official->queries[i].prompt, glue[i].prompt);
    EXPECT_EQ(official->queries[i].answer, glue[i].answer);
  }
}

TEST_F(PaperNumbers, OtherRealFilesAreRead) {
  const std::map<std::string, std::size_t> rows{{"hellaswag/hellaswag_val_sample1000.jsonl", 1000},
                                                {"truthfulqa/TruthfulQA-2025.csv", 790},
                                                {"boolq/train.jsonl", 9427}};
  for (const auto& [file, count] : rows) {
    const auto dataset = read_queries(shared() / "datasets" / file);
    ASSERT_TRUE(dataset) << to_string(dataset.error());
    EXPECT_EQ(dataset->queries.size(), count);
    EXPECT_EQ(dataset->name, file.substr(0, file.find('/')));
  }
  const auto validation = load_dataset({"narrativeqa", {}, "valid"}, shared() / "datasets");
  ASSERT_TRUE(validation);
  EXPECT_EQ(validation->queries.size(), 3461U);
  const auto train = load_dataset({"narrativeqa", {}, "train"}, shared() / "datasets");
  ASSERT_FALSE(train);
  EXPECT_EQ(train.error().hint, "sets in the file: test, valid");
}

}  // namespace
}  // namespace phasewatt::workload
