#include "phasewatt/workload/quality_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace phasewatt::workload {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string error_of(std::string_view text, const std::string& name) {
  const auto result = read_qualities(text, name);
  return result ? "no error" : to_string(result.error());
}

TEST(QualityFile, ReadsJsonl) {
  const auto scores = read_qualities(
      "{\"id\": \"boolq/3\", \"model\": \"m-1b\", \"quality\": 0.25}\n\n{\"quality\": 1, \"model\": \"m-8b\", \"id\": "
      "7}\n",
      "q.jsonl");
  ASSERT_TRUE(scores) << to_string(scores.error());
  ASSERT_EQ(scores->size(), 2U);
  EXPECT_EQ((*scores)[0].id, "boolq/3");
  EXPECT_EQ((*scores)[0].model, "m-1b");
  EXPECT_EQ((*scores)[0].quality, 0.25);
  EXPECT_EQ((*scores)[1].id, "7");
  EXPECT_EQ((*scores)[1].quality, 1);
}

TEST(QualityFile, ReadsCsv) {
  const auto scores = read_qualities("model,note,quality,id\r\nm-1b,\"a, b\", 0.5 ,x/1\r\nm-1b,,0,x/2\r\n", "Q.CSV");
  ASSERT_TRUE(scores) << to_string(scores.error());
  ASSERT_EQ(scores->size(), 2U);
  EXPECT_EQ((*scores)[0].id, "x/1");
  EXPECT_EQ((*scores)[0].quality, 0.5);
  EXPECT_EQ((*scores)[1].quality, 0);
}

TEST(QualityFile, NamesFileLineAndField) {
  const std::string good = R"({"id": "a", "model": "m", "quality": 0.5})";
  EXPECT_THAT(error_of(good + "\n" + R"({"id": "b", "model": "m", "quality": 1.5})", "q.jsonl"),
              StartsWith("q.jsonl:2: field 'quality' must be 0 to 1, not 1.5"));
  EXPECT_THAT(error_of(R"({"id": "b", "model": "m", "quality": "good"})", "q.jsonl"),
              StartsWith("q.jsonl:1: field 'quality' must be a number, not text"));
  EXPECT_THAT(error_of(R"({"id": "b", "model": "m"})", "q.jsonl"), HasSubstr("field 'quality' is missing"));
  EXPECT_THAT(error_of(R"({"id": "b", "quality": 1})", "q.jsonl"), HasSubstr("field 'model' is missing"));
  EXPECT_THAT(error_of(R"({"model": "m", "quality": 1})", "q.jsonl"), HasSubstr("field 'id' is missing"));
  EXPECT_THAT(error_of(R"({"id": 1.5, "model": "m", "quality": 1})", "q.jsonl"), HasSubstr("field 'id' must be"));
  EXPECT_THAT(error_of(R"({"id": "b", "model": "m", "qualty": 1})", "q.jsonl"), HasSubstr("did you mean 'quality'"));
  EXPECT_THAT(error_of(good + "\n\n" + good, "q.jsonl"),
              StartsWith("q.jsonl:3: field 'id' repeats the score of model 'm' for query 'a' of line 1"));
  EXPECT_THAT(error_of("", "q.jsonl"), HasSubstr("q.jsonl"));

  EXPECT_THAT(error_of("id,model,quality\na,m,0.5\na,m,0.6\n", "q.csv"),
              StartsWith("q.csv:3: column 'id' repeats the score of model 'm' for query 'a' of line 2"));
  for (const char* quality : {"-0.1", "1.0001", "nan", "inf", "", "0.5x", "0,5"}) {
    EXPECT_THAT(error_of(fmt::format("id,model,quality\na,m,\"{}\"\n", quality), "q.csv"),
                StartsWith("q.csv:2: column 'quality' must be a number from 0 to 1"));
  }
  EXPECT_THAT(error_of("id,model,quality\n,m,1\n", "q.csv"), StartsWith("q.csv:2: column 'id' is empty"));
  EXPECT_THAT(error_of("id,model,quality\na, ,1\n", "q.csv"), StartsWith("q.csv:2: column 'model' is empty"));
  EXPECT_THAT(error_of("id,model\na,m\n", "q.csv"), HasSubstr("quality"));
  EXPECT_THAT(error_of("id,model,quality\n", "q.csv"), HasSubstr("no rows"));
}

RC_GTEST_PROP(QualityFile, BothFormatsReadTheSame, ()) {
  const auto qualities = *rc::gen::nonEmpty<std::vector<int>>();
  std::string csv = "id,model,quality\n";
  std::string jsonl;
  for (std::size_t i = 0; i < qualities.size(); ++i) {
    const double quality = static_cast<double>(static_cast<unsigned>(qualities[i])) / 4294967295.0;
    csv += fmt::format("q{},m,{}\n", i, quality);
    jsonl += fmt::format(R"({{"id":"q{}","model":"m","quality":{}}})", i, quality) + "\n";
  }
  const auto a = read_qualities(csv, "a.csv");
  const auto b = read_qualities(jsonl, "b.jsonl");
  RC_ASSERT(a.ok() && b.ok() && a->size() == qualities.size() && b->size() == qualities.size());
  for (std::size_t i = 0; i < a->size(); ++i) RC_ASSERT((*a)[i].quality == (*b)[i].quality && (*a)[i].id == (*b)[i].id);
}

}  // namespace
}  // namespace phasewatt::workload
