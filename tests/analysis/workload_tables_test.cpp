#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/analysis/study_workload.h"
#include "tests/analysis/support.h"

namespace phasewatt::analysis {
namespace {

using testing::cell_at;
using ::testing::HasSubstr;
using testing::number_at;

const Table& table_of(const std::vector<Table>& tables, const std::string& id) {
  for (const auto& table : tables)
    if (table.id == id) return table;
  ADD_FAILURE() << "no table " << id;
  return tables.front();
}

/// BoolQ with lengths 24, 100, 176 and one query each of the other three.
std::vector<StudyQuery> queries() {
  std::vector<StudyQuery> all;
  const auto add = [&](const char* dataset, Task task, double words, double causal, double entity) {
    StudyQuery entry;
    entry.query.dataset = dataset;
    entry.query.task = task;
    entry.features.words = words;
    entry.features.causal_question = causal;
    entry.features.entity_density = entity;
    entry.features.token_entropy_bits = 0.01 * words;
    entry.prompt_tokens = static_cast<int>(2 * words);
    all.push_back(entry);
  };
  add("boolq", Task::classification, 24, 1, 0.3);
  add("boolq", Task::classification, 100, 0, 0.2);
  add("boolq", Task::classification, 176, 0, 0.1);
  add("hellaswag", Task::classification, 160, 0, 0.1);
  add("truthfulqa", Task::generation, 12, 1, 0.4);
  add("narrativeqa", Task::generation, 340, 0, 0.2);
  return all;
}

TEST(Workload, TablesHoldTheirStatisticsBesideThePublished) {
  WorkloadNames names;
  names.samples = {"boolq: three rows"};
  names.models = {"llama-3.2-1b", "tiny"};
  names.output_tokens = {{"truthfulqa", 100}};
  const auto tables = describe_workload(workload_of(queries(), names)).tables;
  ASSERT_EQ(tables.size(), 7U);
  const Table& lengths = table_of(tables, "table_2_lengths");
  EXPECT_THAT(lengths.note, HasSubstr("Profile paper; token kind word. boolq: three rows."));
  EXPECT_FALSE(lengths.simulated);
  EXPECT_NEAR(number_at(lengths, {"boolq"}, "mean"), 100, 1e-12);
  EXPECT_NEAR(number_at(lengths, {"boolq"}, "std"), std::sqrt(2 * 76.0 * 76.0 / 3), 1e-12);
  EXPECT_NEAR(number_at(lengths, {"boolq"}, "range_x"), 176.0 / 24, 1e-12);
  EXPECT_EQ(number_at(lengths, {"boolq"}, "std_published"), 46.0);
  EXPECT_EQ(number_at(lengths, {"hellaswag"}, "std"), 0);  // one query
  EXPECT_NEAR(number_at(table_of(tables, "table_4_causal"), {"boolq"}, "causal_questions_pct"), 100.0 / 3, 1e-9);
  EXPECT_EQ(number_at(table_of(tables, "table_3_features"), {"Causal questions (%)"}, "mean_boolq_published"), 2.4);
  const Table& correlations = table_of(tables, "table_5_length");
  EXPECT_NEAR(number_at(correlations, {"Token entropy"}, "r"), 1, 1e-12);
  EXPECT_EQ(number_at(correlations, {"Entity density"}, "r_published"), -0.44);
  EXPECT_EQ(cell_at(correlations, {"Complexity score"}, "r"), Cell());  // does not vary here
  const Table& datasets = table_of(tables, "table_1_datasets");
  EXPECT_EQ(cell_at(datasets, {"boolq"}, "output"), Cell("LL"));
  EXPECT_EQ(cell_at(datasets, {"truthfulqa"}, "output"), Cell("100"));
  EXPECT_EQ(cell_at(datasets, {"narrativeqa"}, "output"), Cell());
  EXPECT_EQ(number_at(datasets, {"narrativeqa"}, "avg_input_tokens_published"), 336);
  EXPECT_EQ(cell_at(table_of(tables, "table_1_models"), {"tiny"}, "model_published"), Cell());
}

TEST(Workload, OtherTokensHaveNoPublishedValueBeside) {
  WorkloadNames names;
  names.token_kind = TokenKind::bpe;
  const auto tables = describe_workload(workload_of(queries(), names)).tables;
  const Table& lengths = table_of(tables, "table_2_lengths");
  EXPECT_NEAR(number_at(lengths, {"boolq"}, "mean"), 200, 1e-12);
  for (const auto& table : tables)
    for (const auto& row : table.rows)
      for (std::size_t i = 0; i < row.size(); ++i)
        EXPECT_TRUE(!table.columns[i].published || row[i] == Cell()) << table.id;
  EXPECT_THAT(lengths.note, HasSubstr("No published value stands beside"));
}

int times(const std::string& text, const std::string& what) {
  int found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

TEST(Workload, SaysOnceAndRightlyWhyNothingPublishedStandsBeside) {
  WorkloadNames names;
  const auto length_note = [&](const std::vector<StudyQuery>& of) {
    return table_of(describe_queries(workload_of(of, names)).tables, "table_5_length").note;
  };
  auto boolq = queries();
  boolq.resize(3);
  EXPECT_EQ(times(length_note(queries()), "No published value"), 0);
  EXPECT_THAT(length_note(boolq), HasSubstr("the datasets are not the paper's four"));
  names.profile = "linguistic";
  for (const auto& of : {queries(), boolq}) {
    EXPECT_EQ(times(length_note(of), "No published value"), 1);
    EXPECT_THAT(length_note(of), HasSubstr("the paper used profile paper with words"));
  }
}

TEST(Workload, OwnGeneratingDataHearsNothingOfThePaper) {
  auto own = queries();
  for (auto& entry : own) {
    entry.query.dataset = "mine";
    entry.query.task = Task::generation;
  }
  WorkloadData data = workload_of(own, {});
  data.qualities = {{"m-1b", {1, 0, 1, 0, 1, 0}}, {"m-8b", {1, 1, 1, 0, 1, 0}}};
  const auto findings = describe_workload(data);
  EXPECT_GT(findings.tables.size(), 8U);
  for (const auto& table : findings.tables) {
    EXPECT_EQ(times(table.note, "LL:"), 0) << table.id;
    EXPECT_EQ(times(table.note, "The paper"), 0) << table.id << ": " << table.note;
    EXPECT_EQ(times(table.note, "No published value"), 0) << table.id;
  }
  EXPECT_EQ(times(findings.figures.at(0).data.note, "the paper"), 0);
  const auto ours = describe_queries(workload_of(queries(), {})).tables;
  EXPECT_THAT(table_of(ours, "table_1_datasets").note, HasSubstr("LL:"));
  EXPECT_THAT(table_of(ours, "table_1_datasets").note, HasSubstr("The paper's token means"));
}

TEST(Workload, LengthsAreNamedForWhatTheyCount) {
  WorkloadNames names;
  for (const auto& [kind, word] :
       {std::pair{TokenKind::word, "words"}, {TokenKind::icu_word, "ICU words"}, {TokenKind::bpe, "BPE tokens"}}) {
    names.token_kind = kind;
    WorkloadData data = workload_of(queries(), names);
    data.qualities = {{"m", {1, 0, 1, 0, 1, 0}}};
    const auto findings = describe_workload(data);
    EXPECT_EQ(table_of(findings.tables, "table_2_lengths").title, fmt::format("Table II: input lengths ({})", word));
    EXPECT_EQ(table_of(findings.tables, "table_1_datasets").columns.at(3).title, fmt::format("Input {}", word));
    EXPECT_EQ(findings.figures.at(0).data.columns.at(2).title, fmt::format("Input {}", word));
  }
}

TEST(Workload, RedundancyShowsOnlyPairsThatGoTogether) {
  WorkloadData data = workload_of(queries(), {});
  data.features = {{"a", "A", "", 1, 2, "", {0, 0, 1, 1, 0, 1}},
                   {"b", "B", "", 1, 2, "", {0, 1, 0, 1, 0, 1}},
                   {"c", "C", "", 1, 2, "", {1, 1, 0, 0, 1, 0.2}}};
  const auto tables = describe_queries(data).tables;
  const Table& redundancy = table_of(tables, "feature_redundancy");
  ASSERT_EQ(redundancy.rows.size(), 1U);  // A with B and B with C are weaker
  EXPECT_EQ(redundancy.rows[0][1], Cell("C"));
  EXPECT_THAT(redundancy.note, HasSubstr("the 1 of 3 pairs with |r| of 0.5 or more"));
  data.features.pop_back();
  const auto weak = describe_queries(data);
  for (const auto& table : weak.tables) EXPECT_NE(table.id, "feature_redundancy");
  EXPECT_THAT(weak.sentences,
              ::testing::Contains("No two of the features correlate with |r| of 0.5 or more (1 pair)."));
}

TEST(Workload, NothingToDescribe) {
  const auto findings = describe_workload({});
  EXPECT_TRUE(findings.tables.empty() && findings.figures.empty() && findings.sentences.empty());
}

}  // namespace
}  // namespace phasewatt::analysis
