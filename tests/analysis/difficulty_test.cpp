// What goes with quality: labels, Tables VI-X, selection, AUC, Figure 2; and that nothing degenerate breaks them.
#include "phasewatt/analysis/difficulty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "phasewatt/analysis/stats.h"
#include "phasewatt/analysis/study_workload.h"
#include "tests/analysis/support.h"

namespace phasewatt::analysis {
namespace {

using testing::cell_at;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::number_at;

const Table* table_of(const WorkloadFindings& findings, const std::string& id) {
  for (const auto& table : findings.tables)
    if (table.id == id) return &table;
  return nullptr;
}

std::string defect(const WorkloadFindings& workload) {
  Findings findings;
  findings.verdict_sentence = "none";
  findings.tables = workload.tables;
  findings.figures = workload.figures;
  for (const auto& figure : workload.figures)
    if (figure.data.rows.empty()) return figure.data.id + ": empty figure";
  for (const auto& table : workload.tables)
    if (table.rows.empty()) return table.id + ": empty table";
  return testing::defect(findings);
}

/// Two datasets of `n` queries. Within each, "signal" decides quality; "dataset" tells only the datasets apart and
/// "noise" nothing. Most queries of the first dataset are easy and most of the second hard.
WorkloadData two_datasets(int n) {
  std::mt19937 generator(7);
  WorkloadData data;
  data.names.samples = {"first: all", "second: all"};
  data.features = {{"signal", "Signal", ""}, {"dataset", "Dataset mark", ""}, {"noise", "Noise", ""}};
  data.qualities = {{"mine-1b", {}}, {"mine-8b", {}}};
  data.easy_below = {{"signal", 0.5}};
  for (int second = 0; second < 2; ++second) {
    for (int i = 0; i < n; ++i) {
      WorkloadQuery query;
      query.id = (second == 0 ? "first/" : "second/") + std::to_string(i);
      query.dataset = second == 0 ? "first" : "second";
      query.length = 100 + (i * 37) % 101;
      data.queries.push_back(query);
      const double signal = (i * 7 % n + 0.5) / n;
      data.features[0].values.push_back(signal);
      data.features[1].values.push_back(second + 1e-10 * static_cast<double>(generator()));
      data.features[2].values.push_back(static_cast<double>(generator() % 11));
      // Low signal is easy, with some of both kinds everywhere so that the classes overlap.
      const double part_easy = second == 0 ? 0.75 : 0.25;
      const bool easy = (i % 5 == 0) != (signal < part_easy);
      data.qualities[0].values.emplace_back(easy ? 0.8 : 0.0);
      data.qualities[1].values.emplace_back(easy ? 1.0 : 0.1);
    }
  }
  return data;
}

TEST(Difficulty, NormalisesWithinADatasetOverAllModels) {
  WorkloadData data;
  data.queries = {{"a", "d"}, {"b", "d"}, {"c", "flat"}, {"d", "d"}};
  data.qualities = {{"x", {0.2, 0.4, 0.3, 0.9}}, {"y", {0.6, 0.2, 0.3, std::nullopt}}};
  const auto quality = mean_normalised_quality(data);
  EXPECT_NEAR(*quality[0], 0.5, 1e-12);   // 0 and 1
  EXPECT_NEAR(*quality[1], 0.25, 1e-12);  // 0.5 and 0
  EXPECT_FALSE(quality[2]);               // all of its dataset are equal
  EXPECT_FALSE(quality[3]);               // one model is missing, so 0.9 shifts no range
  EXPECT_NEAR(*mean_quality(data)[0], 0.4, 1e-12);
  EXPECT_FALSE(mean_quality(data)[3]);
}

TEST(Difficulty, EasyIsAboveTheLimitAndTiesAreHard) {
  WorkloadData data;
  data.queries = {{"a", "d"}, {"b", "d"}, {"c", "d"}, {"d", "e"}, {"e", "e"}};
  const std::vector<std::optional<double>> quality{0.1, 0.2, 0.9, 0.5, std::nullopt};
  const Labels median = difficulty_labels(data, quality, LabelRule::dataset_median);
  EXPECT_THAT(median.rows, ::testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(median.easy, ::testing::ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(median.ties, 2U);
  const Labels half = difficulty_labels(data, quality, LabelRule::half);
  EXPECT_THAT(half.easy, ::testing::ElementsAre(0, 0, 1, 0));
  EXPECT_EQ(half.ties, 1U);
}

TEST(Difficulty, TellsSignalWithinDatasetsFromSignalBetweenThem) {
  const auto findings = describe_workload(two_datasets(200));
  EXPECT_EQ(defect(findings), "");
  const Table& auc = *table_of(findings, "difficulty_auc");
  EXPECT_LT(number_at(auc, {"0.5", "Signal", "first"}, "auc_high"), 0.5);
  EXPECT_LT(number_at(auc, {"0.5", "Signal", "first"}, "p_holm"), 0.001);
  EXPECT_LT(number_at(auc, {"0.5", "Dataset mark", "all, pooled"}, "auc_high"), 0.45);
  EXPECT_GT(number_at(auc, {"0.5", "Dataset mark", "first"}, "p_holm"), 0.05);
  EXPECT_GT(number_at(auc, {"0.5", "Logistic regression, all features", "all, pooled"}, "auc"), 0.75);
  EXPECT_GT(number_at(auc, {"0.5", "Logistic regression, fitted in the dataset", "second"}, "auc"), 0.6);
  const std::string* half = nullptr;
  for (const auto& sentence : findings.sentences)
    if (sentence.starts_with("Easy above 0.5")) half = &sentence;
  ASSERT_NE(half, nullptr);
  const auto pooled_only = half->find("Only over the pooled datasets");
  EXPECT_LT(half->find("signal (AUC"), pooled_only);
  EXPECT_GT(half->find("dataset mark (pooled AUC"), pooled_only);
  EXPECT_THAT(*half, Not(HasSubstr("noise")));
}

TEST(Difficulty, TheSentencesOnSignalComeFirstAndWhatIsLeftOutLast) {
  WorkloadData data = two_datasets(200);
  data.features.push_back({"twin", "Twin", "", 1, 2, "", data.features[0].values});
  data.easy_below.clear();
  const auto sentences = describe_workload(data).sentences;
  ASSERT_EQ(sentences.size(), 4U);
  EXPECT_THAT(sentences[0], HasSubstr("Easy above the dataset's median"));
  EXPECT_THAT(sentences[1], HasSubstr("Easy above 0.5"));
  EXPECT_THAT(sentences[2], HasSubstr("Signal and Twin"));
  EXPECT_THAT(sentences[3], HasSubstr("Left out about answer quality: Table X"));
}

/// `n` equal prompts, of which every `k`-th has quality 1.
WorkloadData equal_prompts(int n, int k) {
  WorkloadData data;
  data.features = {{"flat", "Flat", ""}};
  data.qualities = {{"m", {}}};
  for (int i = 0; i < n; ++i) {
    data.queries.push_back({std::to_string(i), "mine", Task::generation, 3});
    data.features[0].values.push_back(0.5);
    data.qualities[0].values.emplace_back(i % k == 0 ? 1 : 0);
  }
  return data;
}

TEST(Difficulty, SaysWhetherQueriesAreTooFewOrFeaturesDoNotVary) {
  for (const int k : {2, 3}) {  // with 3 the folds are uneven, and must not pass for a feature
    const auto equal = describe_difficulty(equal_prompts(20, k));
    EXPECT_EQ(table_of(equal, "difficulty_auc"), nullptr);
    EXPECT_THAT(equal.sentences, Contains(HasSubstr("each dataset (neither a feature nor the length varies)")));
    EXPECT_EQ(cell_at(*table_of(equal, "table_6_ablation"), {"0.5", "All features"}, "auc"), Cell());
  }
  const auto few = describe_difficulty(equal_prompts(8, 2));
  EXPECT_THAT(few.sentences, Contains(HasSubstr("each dataset (fewer than five easy or five hard queries)")));
}

TEST(Difficulty, NoModelPassesForThePooledRow) {
  WorkloadData data = two_datasets(20);
  data.qualities[0].model = "all models";
  data.qualities[1].model = "Average";
  for (auto& query : data.queries)
    if (query.dataset == "first") query.dataset = "Model average";
  const auto findings = describe_difficulty(data);
  const auto rows = [&](const char* id, std::size_t column, const char* label) {
    const Table& table = *table_of(findings, id);
    return std::count_if(table.rows.begin(), table.rows.end(),
                         [&](const auto& row) { return row[column] == Cell(std::string(label)); });
  };
  EXPECT_EQ(rows("table_8_correlations", 1, "all models"), 3);  // the model's own, one per feature
  EXPECT_EQ(rows("table_8_correlations", 1, "all models (pooled row)"), 4);
  EXPECT_THAT(table_of(findings, "table_8_correlations")->note, HasSubstr("'all models (pooled row)'"));
  EXPECT_EQ(rows("table_10_difficulty", 0, "Average"), 1);
  EXPECT_EQ(rows("table_7_quality", 0, "Model average"), 1);
}

TEST(Difficulty, PaperLimitsUnderAnotherProfileAreSaidToBeOffScale) {
  WorkloadData data = two_datasets(20);
  data.features[0].key = "entity_density";
  data.features[1].key = "causal_question";
  data.easy_below = {{"entity_density", 0.20}, {"causal_question", 0.05}};
  const auto note = [&] { return table_of(describe_difficulty(data), "table_10_difficulty")->note; };
  EXPECT_THAT(note(), Not(HasSubstr("another scale")));
  data.names.profile = "linguistic";
  EXPECT_THAT(note(), HasSubstr("entity density has another scale"));
}

TEST(Difficulty, AblationHoldsBothLabelsAndNamesItsFolds) {
  const auto findings = describe_difficulty(two_datasets(100));
  const Table& table = *table_of(findings, "table_6_ablation");
  EXPECT_THAT(table.note, HasSubstr("scikit-learn"));
  EXPECT_THAT(table.note, HasSubstr("200 queries; 2 models."));
  EXPECT_THAT(table.note, HasSubstr("Profile paper; token kind word. first: all."));
  EXPECT_FALSE(table.simulated);
  EXPECT_GT(number_at(table, {"0.5", "All features"}, "accuracy_shuffled_pct"), 70);
  EXPECT_EQ(number_at(table, {"0.5", "The more frequent label"}, "accuracy_pct"), 50);
  EXPECT_GE(number_at(table, {"dataset median", "Length (fitted)"}, "fold_high_pct"),
            number_at(table, {"dataset median", "Length (fitted)"}, "accuracy_pct"));
  EXPECT_EQ(cell_at(table, {"0.5", "Length only (> 150 words is hard)"}, "accuracy_pct_published"), Cell());
}

TEST(Difficulty, CorrelationsAreThoseOfTheQueriesAnswered) {
  WorkloadData data = two_datasets(50);
  data.qualities[0].values[3].reset();
  const auto findings = describe_difficulty(data);
  const Table& table = *table_of(findings, "table_8_correlations");
  EXPECT_EQ(number_at(table, {"Signal", "mine-1b"}, "queries"), 99);
  EXPECT_EQ(number_at(table, {"Signal", "mine-8b"}, "queries"), 100);
  EXPECT_EQ(number_at(table, {"Length", "all models"}, "queries"), 99);
  std::vector<double> quality;
  std::vector<double> lengths;
  for (std::size_t i = 0; i < 100; ++i) {
    quality.push_back(*data.qualities[1].values[i]);
    lengths.push_back(data.queries[i].length);
  }
  const auto& signal = data.features[0].values;
  const double r = *pearson(signal, quality);
  EXPECT_NEAR(number_at(table, {"Signal", "mine-8b"}, "r"), r, 1e-12);
  EXPECT_NEAR(number_at(table, {"Signal", "mine-8b"}, "r_low"), correlation_interval(r, 100)->low, 1e-12);
  const double partial = *partial_correlation(r, *pearson(signal, lengths), *pearson(lengths, quality));
  EXPECT_NEAR(number_at(table, {"Signal", "mine-8b"}, "partial_r"), partial, 1e-12);
  EXPECT_NEAR(number_at(table, {"Signal", "mine-8b"}, "partial_low"), correlation_interval(partial, 99)->low, 1e-12);
}

TEST(Difficulty, SelectionSaysWhyNot) {
  WorkloadData data = two_datasets(400);
  data.features.push_back({"twin", "Twin", "", 1, 2, "", data.features[0].values});
  data.features.push_back({"flat", "Flat", "", 1, 2, "", std::vector<double>(data.queries.size(), 3.0)});
  FeatureColumn longer{"longer", "Longer", ""};
  for (std::size_t i = 0; i < data.queries.size(); ++i)
    longer.values.push_back(data.queries[i].length - 60 * *data.qualities[0].values[i]);
  data.features.push_back(longer);
  const Table table = *table_of(describe_difficulty(data), "feature_selection");
  EXPECT_EQ(cell_at(table, {"Signal"}, "kept"), Cell("yes"));
  EXPECT_EQ(cell_at(table, {"Signal"}, "why_not"), Cell());
  EXPECT_EQ(cell_at(table, {"Twin"}, "why_not"), Cell("|r| = 1.00 with signal"));
  EXPECT_THAT(std::get<std::string>(cell_at(table, {"Noise"}, "why_not")), HasSubstr("|r| with quality"));
  EXPECT_THAT(std::get<std::string>(cell_at(table, {"Longer"}, "why_not")), HasSubstr("|r| with length"));
  EXPECT_THAT(std::get<std::string>(cell_at(table, {"Flat"}, "why_not")), HasSubstr("does not vary"));
  const Table redundancy = *table_of(describe_queries(data), "feature_redundancy");
  EXPECT_EQ(redundancy.rows.front()[0], Cell("Signal"));
  EXPECT_EQ(redundancy.rows.front()[1], Cell("Twin"));
  EXPECT_EQ(redundancy.rows.front()[5], Cell("yes"));
  EXPECT_THAT(describe_queries(data).sentences, Contains(HasSubstr("Signal and Twin (r = 1.00)")));
}

TEST(Difficulty, ThresholdsAreTheOnesGiven) {
  WorkloadData data = two_datasets(10);
  data.easy_below = {{"signal", 0.3}, {"noise", 100}};
  const auto findings = describe_difficulty(data);
  const Table& table = *table_of(findings, "table_10_difficulty");
  EXPECT_THAT(table.note, HasSubstr("Easy: signal < 0.30 and noise < 100.00."));
  EXPECT_EQ(number_at(table, {"mine-1b"}, "easy_queries"), 6);
  data.easy_below = {{"no such feature", 1}};
  const auto without = describe_difficulty(data);
  EXPECT_EQ(table_of(without, "table_10_difficulty"), nullptr);
  EXPECT_THAT(without.sentences, Contains(HasSubstr("Table X (no thresholds")));
}

TEST(Difficulty, PatternsFollowTheSizesAndFigureTwoDrawsEveryQuery) {
  const auto findings = describe_difficulty(two_datasets(20));
  const Table& patterns = *table_of(findings, "table_9_patterns");
  EXPECT_THAT(patterns.note, HasSubstr("small = mean of mine-1b; large = mean of mine-8b; threshold 0.5"));
  ASSERT_EQ(findings.figures.size(), 1U);
  EXPECT_EQ(findings.figures[0].data.rows.size(), 40U);
  const auto many = describe_difficulty(two_datasets(1500));
  EXPECT_EQ(many.figures[0].data.rows.size(), 1000U);
  EXPECT_THAT(many.figures[0].data.note, HasSubstr("one query in 3"));
}

TEST(Difficulty, SimulatedQualitiesMarkEverything) {
  WorkloadData data = two_datasets(50);
  data.names.simulated_qualities = true;
  const auto findings = describe_difficulty(data);
  for (const auto& table : findings.tables) {
    EXPECT_TRUE(table.simulated) << table.id;
    EXPECT_THAT(table.title, HasSubstr("simulated, calibrated to the published table"));
  }
  EXPECT_TRUE(findings.figures.at(0).data.simulated);
  for (const auto& table : describe_queries(data).tables) EXPECT_FALSE(table.simulated) << table.id;
}

TEST(Difficulty, ScoresFromAFileFindTheirQueries) {
  WorkloadData data = two_datasets(2);
  data.qualities.clear();
  EXPECT_EQ(add_qualities(data,
                          std::vector<QualityScore>{
                              {"second/1", "m-7b", 0.5}, {"first/0", "m-1b", 0.25}, {"third/0", "m-1b", 1}}),
            1U);
  ASSERT_EQ(data.qualities.size(), 2U);
  EXPECT_EQ(data.qualities[0].model, "m-1b");  // by size
  EXPECT_EQ(data.qualities[0].values[0], 0.25);
  EXPECT_EQ(data.qualities[1].values[3], 0.5);
  EXPECT_FALSE(data.qualities[1].values[0]);
}

TEST(Difficulty, OfWhatIsNotFinite) {
  WorkloadData data = two_datasets(20);
  data.features[2].values[5] = std::numeric_limits<double>::quiet_NaN();
  data.features[1].values.pop_back();
  data.qualities[0].values[1] = std::numeric_limits<double>::infinity();
  data.qualities.push_back({"mine-1b", {0.5}});
  const auto findings = describe_workload(data);
  EXPECT_EQ(defect(findings), "");
  EXPECT_THAT(findings.sentences, Contains(HasSubstr("not every query has a finite value: Dataset mark, Noise")));
  EXPECT_EQ(number_at(*table_of(findings, "table_8_correlations"), {"Signal", "mine-1b"}, "queries"), 39);
  data.queries[0].length = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(describe_workload(data).tables.empty());
  EXPECT_THAT(describe_workload(data).sentences, ::testing::ElementsAre(HasSubstr("not finite")));
}

// One dataset or model, equal labels, constant features, few queries: no crash, no NaN, no empty table.
RC_GTEST_PROP(Difficulty, HoldsForAnyWorkload, ()) {
  WorkloadData data;
  data.names.profile = *rc::gen::element(std::string("paper"), std::string("linguistic"));
  const auto datasets = *rc::gen::element(std::vector<std::string>{"boolq"}, std::vector<std::string>{"mine", "other"},
                                          std::vector<std::string>{"boolq", "hellaswag", "truthfulqa", "narrativeqa"});
  const auto models = *rc::gen::element(
      std::vector<std::string>{}, std::vector<std::string>{"tiny"}, std::vector<std::string>{"mine-1b", "mine-8b"},
      std::vector<std::string>{"llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"});
  const int n = *rc::gen::inRange(0, 40);
  const int levels = *rc::gen::inRange(1, 4);
  for (const char* key : {"entity_density", "causal_question", "token_entropy_bits", "own"})
    data.features.push_back({key, key, std::string(key) == "own" ? "" : key});
  for (const auto& model : models) data.qualities.push_back({model, {}});
  data.easy_below = {{"entity_density", 0.5}};
  for (int i = 0; i < n; ++i) {
    WorkloadQuery query;
    query.dataset = *rc::gen::elementOf(datasets);
    query.id = std::to_string(i);
    query.length = *rc::gen::inRange(0, 3);
    data.queries.push_back(query);
    for (auto& feature : data.features) feature.values.push_back(*rc::gen::inRange(0, levels));
    for (auto& quality : data.qualities) {
      const int value = *rc::gen::inRange(-1, 4);
      quality.values.push_back(value < 0 ? std::nullopt : std::optional(std::min(1.0, value / 2.0)));
    }
  }
  const auto findings = describe_workload(data);
  RC_ASSERT(defect(findings) == "");
  RC_ASSERT(models.empty() || n == 0 || !findings.tables.empty());
  for (const auto& sentence : findings.sentences) RC_ASSERT(sentence.find("nan") == std::string::npos);
}

}  // namespace
}  // namespace phasewatt::analysis
