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
  EXPECT_NEAR(number_at(correlations, {"Token entropy (bits)"}, "r"), 1, 1e-12);
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

TEST(Workload, NothingToDescribe) {
  const auto findings = describe_workload({});
  EXPECT_TRUE(findings.tables.empty() && findings.figures.empty() && findings.sentences.empty());
}

}  // namespace
}  // namespace phasewatt::analysis
