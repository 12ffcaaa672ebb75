#include "phasewatt/workload/sample.h"

#include <gtest/gtest.h>

#include "phasewatt/workload/python_random.h"

namespace phasewatt::workload {
namespace {

Dataset rows_of(const std::string& name, std::size_t count) {
  Dataset dataset{name, "test.jsonl", false, {}};
  for (std::size_t i = 0; i < count; ++i) {
    Query query;
    query.row = static_cast<std::int64_t>(i);
    dataset.queries.push_back(query);
  }
  return dataset;
}

TEST(Sample, SyntaxIsReadAndWrittenBack) {
  for (const auto* text : {"all", "1", "50", "first:8", "paper:1000", "paper:200", "paper:100"}) {
    const auto sample = parse_sample(text);
    ASSERT_TRUE(sample) << text;
    EXPECT_EQ(to_string(*sample), text);
  }
  EXPECT_EQ(to_string(*parse_sample("paper")), "paper:1000");
}

TEST(Sample, AnythingElseIsAUsageErrorThatListsWhatIsValid) {
  for (const auto* text : {"", "0", "-1", "1.5", "first", "first:", "first:0", "first:x", "paper:", "paper:300", "All",
                           "5 ", "last:5", "99999999999999999999999"}) {
    const auto sample = parse_sample(text);
    ASSERT_FALSE(sample) << text;
    EXPECT_EQ(sample.error().code, ErrorCode::usage);
    EXPECT_NE(sample.error().hint.find("first:N"), std::string::npos);
  }
}

TEST(Sample, DrawsTheRowsOfPythonsRandomWithTheSeed) {
  const auto dataset = rows_of("mine", 32);
  const auto queries = draw(*parse_sample("8"), dataset, 1);
  ASSERT_TRUE(queries);
  std::vector<std::int64_t> rows;
  for (const auto& query : *queries) rows.push_back(query.row);
  EXPECT_EQ(rows, (std::vector<std::int64_t>{8, 18, 27, 25, 24, 2, 31, 3}));
  EXPECT_EQ(*sample_rows(*parse_sample("first:3"), dataset, 1), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(sample_rows(*parse_sample("all"), dataset, 1)->size(), 32U);
}

TEST(Sample, MoreRowsThanThereAreIsAnError) {
  const auto drawn = sample_rows(*parse_sample("33"), rows_of("mine", 32), 1);
  ASSERT_FALSE(drawn);
  EXPECT_EQ(drawn.error().what, "the sample '33' of mine asks for more than the 32 rows of test.jsonl");
}

TEST(Sample, ThePapersRowsNeedTheRealFiles) {
  const auto shipped = load_dataset({"boolq", {}, {}}, {});
  ASSERT_TRUE(shipped);
  const auto drawn = sample_rows(*parse_sample("paper:100"), *shipped, 1);
  ASSERT_FALSE(drawn);
  EXPECT_EQ(
      drawn.error().what,
      "the sample 'paper:100' needs the real boolq file of 3270 rows, but there are 32 rows in the shipped samples");
  EXPECT_NE(drawn.error().hint.find("--data-dir"), std::string::npos);
  EXPECT_FALSE(sample_rows(*parse_sample("paper"), rows_of("mine", 3270), 1));
}

TEST(Sample, ThePapersDrawsComeFromOneGeneratorInOrder) {
  const auto rows = paper_sample(100);
  PythonRandom random(42);
  for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i], random.sample(kPaperRows[i], 100)) << kDatasets[i];
  EXPECT_EQ(paper_sample(1000)[2].size(), 817U);  // TruthfulQA is taken whole, in file order
  EXPECT_EQ(paper_sample(1000)[2].back(), 816U);
  EXPECT_EQ(*sample_rows(*parse_sample("paper:100"), rows_of("narrativeqa", 10557), 7), rows[3]);
}

TEST(Sample, SaysWhatWasDrawn) {
  const auto dataset = rows_of("mine", 32);
  EXPECT_EQ(describe(*parse_sample("first:8"), dataset), "mine: 8 of 32 rows of test.jsonl (first:8)");
  EXPECT_EQ(describe(*parse_sample("all"), dataset), "mine: 32 of 32 rows of test.jsonl (all)");
}

}  // namespace
}  // namespace phasewatt::workload
