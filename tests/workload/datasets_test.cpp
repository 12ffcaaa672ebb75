#include "phasewatt/workload/datasets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "phasewatt/workload/features.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataDir : public testing::Test {
 protected:
  DataDir() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    dir = fs::path(testing::TempDir()) / (std::string("phasewatt_") + test->name());
    fs::remove_all(dir);
    fs::create_directories(dir);
  }
  void TearDown() override { fs::remove_all(dir); }

  fs::path put(const std::string& name, const std::string& content) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream(dir / name, std::ios::binary) << content;
    return dir / name;
  }

  fs::path dir;
};

const std::string kBoolq = "{\"question\":\"q\",\"passage\":\"p\",\"label\":true}\n";
const std::string kQuestions = "document_id,set,question,answer1,answer2\nd,test,Who?,a,b\n";
const std::string kSummaries = "document_id,set,summary\nd,test,Text.\n";

TEST(ShippedSamples, AreThirtyTwoCompleteQueriesPerDataset) {
  for (const auto name : kDatasets) {
    const auto dataset = load_dataset({std::string(name), {}, {}}, {});
    ASSERT_TRUE(dataset) << to_string(dataset.error());
    EXPECT_TRUE(dataset->shipped);
    EXPECT_EQ(dataset->source, "the shipped samples");
    EXPECT_EQ(dataset->queries.size(), 32U);
    std::set<std::string> questions;
    for (const auto& query : dataset->queries) {
      questions.insert(query.question + query.context);
      if (query.task == Task::classification) {
        EXPECT_TRUE(query.answer) << query.id;
      } else {
        EXPECT_GE(query.references.size(), 1U) << query.id;
      }
    }
    EXPECT_EQ(questions.size(), 32U) << name;
  }
}

TEST(ShippedSamples, HaveTheLengthsOfTheRealSets) {
  const auto mean_words = [](const char* name) {
    const auto dataset = load_dataset({name, {}, {}}, {});
    double words = 0;
    for (const auto& query : dataset->queries) words += paper_features(query).words;
    return words / 32;
  };
  EXPECT_NEAR(mean_words("boolq"), 103, 25);
  EXPECT_NEAR(mean_words("hellaswag"), 164, 25);
  EXPECT_NEAR(mean_words("truthfulqa"), 12.6, 2);
  EXPECT_NEAR(mean_words("narrativeqa"), 339, 60);
  const auto stories = load_dataset({"narrativeqa", {}, {}}, {});
  for (const auto& query : stories->queries) EXPECT_GT(count_code_points(query.context), 2000U) << query.id;
}

TEST_F(DataDir, FilesAreFoundInTheirFoldersOrFlat) {
  put("boolq/dev.jsonl", kBoolq);
  EXPECT_EQ(load_dataset({"boolq", {}, {}}, dir)->source, (dir / "boolq/dev.jsonl").string());
  put("boolq/val.jsonl", kBoolq + kBoolq);
  EXPECT_EQ(load_dataset({"boolq", {}, {}}, dir)->queries.size(), 2U);
  put("boolq/train.jsonl", kBoolq + kBoolq + kBoolq);
  EXPECT_EQ(load_dataset({"boolq", {}, "train"}, dir)->queries.size(), 3U);
  put("qaps.csv", kQuestions);
  put("narrativeqa/third_party/wikipedia/summaries.csv", kSummaries);
  const auto narrative = load_dataset({"narrativeqa", {}, {}}, dir);
  ASSERT_TRUE(narrative) << to_string(narrative.error());
  EXPECT_FALSE(narrative->shipped);
}

TEST_F(DataDir, AMissingFileIsNotReplacedByTheSamples) {
  const auto dataset = load_dataset({"hellaswag", {}, {}}, dir);
  ASSERT_FALSE(dataset);
  EXPECT_EQ(dataset.error().code, ErrorCode::not_found);
  EXPECT_THAT(dataset.error().hint, HasSubstr("hellaswag/hellaswag_val.jsonl, hellaswag_val.jsonl"));
}

TEST(LoadDataset, UnknownNamesAndSplitsAreErrors) {
  const auto unknown = load_dataset({"hellaswg", {}, {}}, {});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_THAT(unknown.error().hint, HasSubstr("did you mean 'hellaswag'?"));
  EXPECT_EQ(load_dataset({"boolq", {}, "train"}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(load_dataset({"truthfulqa", {}, "val"}, {}).error().code, ErrorCode::usage);
  EXPECT_EQ(load_dataset({"boolq", "/nowhere/val.jsonl", {}}, {}).error().code, ErrorCode::not_found);
}

TEST_F(DataDir, AUsersFileIsReadByItsContent) {
  EXPECT_EQ(read_queries(put("a.jsonl", kBoolq))->name, "boolq");
  EXPECT_EQ(read_queries(put("b.txt", kBoolq))->name, "boolq");
  const auto own = read_queries(put("my set.jsonl", "{\"prompt\":\"hi\"}\n"));
  ASSERT_TRUE(own) << to_string(own.error());
  EXPECT_EQ(own->name, "my set");
  EXPECT_EQ(own->queries.front().id, "my set/0");
  EXPECT_EQ(load_dataset({"mine", (dir / "my set.jsonl").string(), {}}, {})->queries.front().dataset, "mine");
  put("summaries.csv", kSummaries);
  EXPECT_EQ(read_queries(put("qaps.csv", kQuestions))->name, "narrativeqa");
  EXPECT_EQ(read_queries(put("t.dat", "Question,Best Answer,Correct Answers\nq,a,b\n"))->name, "truthfulqa");
  const auto foreign = read_queries(put("x.csv", "a,b\n1,2\n"));
  ASSERT_FALSE(foreign);
  EXPECT_THAT(foreign.error().what, HasSubstr("x.csv:1: the columns are those of no dataset read here: 'a', 'b'"));
  EXPECT_EQ(read_queries(dir / "none.jsonl").error().code, ErrorCode::not_found);
  EXPECT_FALSE(read_queries(dir));
}

}  // namespace
}  // namespace phasewatt::workload
