#include "phasewatt/workload/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/json_error.h"

namespace phasewatt::workload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <class T>
std::string what(const Result<T>& result) {
  return result ? "no error" : result.error().what;
}

TEST(Boolq, BothFormsGiveTheSameQuery) {
  const auto official =
      read_boolq(R"({"question":"is it","title":"T","passage":"text.","answer":true,"url":"x"})", "f");
  const auto glue = read_boolq("{\"question\":\"is it\",\"passage\":\"T -- text.\",\"idx\":0,\"label\":true}\r\n", "f");
  ASSERT_TRUE(official) << what(official);
  ASSERT_TRUE(glue) << what(glue);
  const Query& query = official->front();
  EXPECT_EQ(query.prompt, "T -- text.\nQuestion: is it?\nAnswer:");
  EXPECT_EQ(query.prompt, glue->front().prompt);
  EXPECT_EQ(query.id, "boolq/0");
  EXPECT_EQ(query.task, Task::classification);
  EXPECT_THAT(query.choices, ElementsAre(" yes", " no"));
  EXPECT_EQ(query.answer, 0);
}

TEST(Boolq, ATestSplitHasNoAnswers) {
  const auto queries = read_boolq(
      "{\"question\":\"q\",\"passage\":\"p\",\"idx\":0}\n\n{\"question\":\"r\",\"passage\":\"p\",\"idx\":1}\n", "f");
  ASSERT_TRUE(queries) << what(queries);
  ASSERT_EQ(queries->size(), 2U);
  EXPECT_EQ(queries->at(1).row, 1);
  EXPECT_FALSE(queries->at(1).answer);
}

TEST(Boolq, SuperGluesTestSplitHasTheLabelMinusOne) {
  const auto queries = read_boolq(R"({"question":"q","passage":"p","idx":0,"label":-1})", "f");
  ASSERT_TRUE(queries) << what(queries);
  EXPECT_FALSE(queries->front().answer);
  EXPECT_EQ(what(read_boolq(R"({"question":"q","passage":"p","label":-2})", "f")),
            "f:1: field 'label' must be true or false, not a number");
}

TEST(Boolq, ThePassageIsCutInThePromptByCodePoints) {
  std::string passage;
  for (int i = 0; i < 1501; ++i) passage += "é";
  const auto queries = read_boolq(R"({"question":"q","passage":")" + passage + "\"}", "f");
  ASSERT_TRUE(queries);
  EXPECT_EQ(queries->front().prompt, passage.substr(0, 3000) + "\nQuestion: q?\nAnswer:");
  EXPECT_EQ(queries->front().context, passage);
}

TEST(Hellaswag, IsReadAndUnknownFieldsAreIgnored) {
  const auto queries =
      read_hellaswag(R"({"ind":7,"activity_label":"Rowing","ctx_a":"A","ctx":"A man rows. he","split":"val","label":3,)"
                     R"("endings":["a.","b.","c.","d."]})",
                     "f");
  ASSERT_TRUE(queries) << what(queries);
  EXPECT_EQ(
      queries->front().prompt,
      "Activity: Rowing\nContext: A man rows. he\n\nChoose the most plausible ending for the context from the options "
      "below:\nA. a.\nB. b.\nC. c.\nD. d.\nAnswer:");
  EXPECT_EQ(queries->front().answer, 3);
  EXPECT_THAT(queries->front().choices, ElementsAre("a.", "b.", "c.", "d."));
}

TEST(Jsonl, ErrorsNameFileLineAndField) {
  const std::string good = "{\"question\":\"q\",\"passage\":\"p\",\"label\":true}\n";
  const auto second = [&](const std::string& line) { return what(read_boolq(good + line, "d/val.jsonl")); };
  EXPECT_THAT(second("{\"question\":\"q\"}"), "d/val.jsonl:2: field 'passage' is missing");
  EXPECT_THAT(second("{\"question\":null,\"passage\":\"p\"}"), "d/val.jsonl:2: field 'question' is missing");
  EXPECT_THAT(second("{\"question\":\" \",\"passage\":\"p\"}"), "d/val.jsonl:2: field 'question' is empty");
  EXPECT_THAT(second("{\"question\":3,\"passage\":\"p\"}"),
              "d/val.jsonl:2: field 'question' must be text, not a number");
  EXPECT_THAT(second("{\"question\":\"q\",\"passage\":\"p\",\"label\":1}"),
              "d/val.jsonl:2: field 'label' must be true or false, not a number");
  EXPECT_EQ(second("{\"question\":\"q\",}"),
            "d/val.jsonl:2: not valid JSON: " + std::string(simdjson::error_message(simdjson::TAPE_ERROR)));
  EXPECT_THAT(second("[1]"), "d/val.jsonl:2: a list where an object is needed");
  EXPECT_THAT(second("{\"question\":\"q\xff\",\"passage\":\"p\"}"), "d/val.jsonl:2: not valid UTF-8");
  EXPECT_THAT(second(std::string("{\"question\":\"q\0\"}", 17)), "d/val.jsonl:2: a NUL byte");
  EXPECT_THAT(second(R"({"question":"q\u0000","passage":"p"})"),
              HasSubstr("d/val.jsonl:2: field 'question' holds a NUL"));
  for (const auto* text : {R"(q\ud800)", R"(q\udc00\ud800)", R"(\x)"})
    EXPECT_EQ(second(R"({"question":")" + std::string(text) + R"(","passage":"p"})"),
              "d/val.jsonl:2: not valid JSON: a text with half a surrogate pair or a bad escape");
  EXPECT_THAT(
      what(read_boolq(
          "{\"question\":\"q\",\"passage\":\"p\",\"idx\":4}\n\n{\"question\":\"q\",\"passage\":\"p\",\"idx\":4}", "f")),
      "f:3: field 'idx' repeats '4' of line 1");
  EXPECT_THAT(what(read_boolq("", "f")), "f: the file is empty");
  EXPECT_THAT(what(read_boolq("\xEF\xBB\xBF \n\n", "f")), "f: the file is empty");
}

TEST(Jsonl, SaysWhereObjectsAreNotOneALine) {
  const auto wrong = [](const std::string& line) {
    std::string all = what(read_generic(line, "f", "mine"));
    return all.substr(all.rfind(": ") + 2);
  };
  for (const auto* line : {"{", "{\"prompt\": \"x\",", "{\"prompt\": \"x", "{\"meta\": {}", R"({"prompt": "}\"}")"})
    EXPECT_EQ(wrong(line), "the object does not end on this line") << line;
  EXPECT_EQ(wrong("{\"prompt\": \"},{\"} ,"), "a comma after the object");
  for (const auto* line : {"{\"prompt\": \"x\"} {\"prompt\": \"y\"}", "{} x", "{}}"})
    EXPECT_EQ(wrong(line), "text after the object") << line;
  EXPECT_EQ(wrong("[\n{\"prompt\": \"x\"}\n]"), "a list that does not end on this line");
  EXPECT_EQ(wrong("[{\"prompt\": \"x\"}]"), "a list where an object is needed");
}

TEST(Jsonl, NoMemoryIsNotBadInput) {
  EXPECT_EQ(json_line_error(simdjson::MEMALLOC, "f:1", "{").code, ErrorCode::out_of_memory);
  EXPECT_EQ(json_error(simdjson::MEMALLOC, "f", {}).code, ErrorCode::out_of_memory);
  EXPECT_EQ(json_error(simdjson::TAPE_ERROR, "f", {}).code, ErrorCode::bad_input);
}

TEST(Jsonl, AByteOrderMarkAndCrLfAreAccepted) {
  EXPECT_TRUE(read_boolq(
      "\xEF\xBB\xBF{\"question\":\"q\",\"passage\":\"p\"}\r\n\r\n{\"question\":\"q\",\"passage\":\"p\"}\r\n", "f"));
}

TEST(Jsonl, AnOverlongLineIsAnError) {
  const std::string line = "{\"question\":\"" + std::string(kMaxLineBytes, 'x') + "\",\"passage\":\"p\"}";
  EXPECT_EQ(what(read_boolq(line, "f")), "f:1: a line longer than 64 MiB");
}

TEST(Hellaswag, WrongEndingsAndLabelsAreErrors) {
  const auto row = [](const std::string& rest) {
    return what(read_hellaswag("{\"activity_label\":\"A\",\"ctx\":\"c\"" + rest + "}", "f"));
  };
  EXPECT_EQ(row(""), "f:1: field 'endings' is missing");
  EXPECT_EQ(row(R"(,"endings":"a")"), "f:1: field 'endings' must be a list of texts, not text");
  EXPECT_EQ(row(R"(,"endings":["a","b","c"])"), "f:1: field 'endings' must have 4 texts, not 3");
  EXPECT_EQ(row(R"(,"endings":["a",2,"c","d"])"),
            "f:1: field 'endings' must be a list of texts, but item 1 is a number");
  EXPECT_EQ(row(R"(,"endings":["a","b","c"," "])"), "f:1: field 'endings' has an empty or broken text as item 3");
  EXPECT_EQ(row(R"(,"endings":["a","b","c","d"],"label":4)"), "f:1: field 'label' must be 0 to 3, not 4");
  EXPECT_EQ(row(R"(,"endings":["a","b","c","d"],"label":"1")"), "f:1: field 'label' must be a whole number, not text");
}

TEST(Generic, PromptOrQuestionAndContext) {
  const auto queries = read_generic(
      "{\"prompt\":\"Say hi.\"}\n"
      "{\"question\":\"Who?\",\"context\":\"A tale.\",\"id\":\"q1\",\"answer\":\"She\",\"references\":[\"Her\"]}\n"
      "{\"question\":\"Which?\",\"choices\":[\"a\",\"b\"],\"answer\":1,\"meta\":{\"x\":1}}\n"
      "{\"question\":\"Which?\",\"choices\":[\"a\",\"b\"],\"answer\":\"a\",\"id\":9,\"task\":\"classification\"}\n",
      "f", "mine");
  ASSERT_TRUE(queries) << what(queries);
  EXPECT_EQ(queries->at(0).prompt, "Say hi.");
  EXPECT_EQ(queries->at(0).id, "mine/0");
  EXPECT_EQ(queries->at(0).task, Task::generation);
  EXPECT_EQ(queries->at(1).prompt, "A tale.\nQuestion: Who?\nAnswer:");
  EXPECT_EQ(queries->at(1).id, "mine/q1");
  EXPECT_THAT(queries->at(1).references, ElementsAre("She", "Her"));
  EXPECT_EQ(queries->at(2).answer, 1);
  EXPECT_EQ(queries->at(2).task, Task::classification);
  EXPECT_EQ(queries->at(3).answer, 0);
  EXPECT_EQ(queries->at(3).id, "mine/9");
}

TEST(Generic, ErrorsSayWhatToDo) {
  const auto error = [](const std::string& line) {
    const auto queries = read_generic(line, "f", "mine");
    return queries ? "no error" : to_string(queries.error());
  };
  EXPECT_EQ(error(R"({"id":"x"})"),
            "f:1: field 'prompt' is missing (give 'prompt', or 'question' and perhaps 'context')");
  EXPECT_THAT(error(R"({"promt":"x"})"), HasSubstr("f:1: field 'promt' is unknown (did you mean 'prompt'?"));
  EXPECT_THAT(error(R"({"prompt":"x","task":"chat"})"), HasSubstr("'chat' is unknown"));
  EXPECT_THAT(error(R"({"prompt":"x","task":"classification"})"), HasSubstr("no 'choices'"));
  EXPECT_THAT(error(R"({"prompt":"x","answer":0})"), HasSubstr("no 'choices'"));
  EXPECT_THAT(error(R"({"prompt":"x","choices":["a"]})"), HasSubstr("two or more"));
  EXPECT_THAT(error(R"({"prompt":"x","choices":["a","b"],"answer":2})"), HasSubstr("must be 0 to 1, not 2"));
  EXPECT_THAT(error(R"({"prompt":"x","choices":["a","b"],"answer":"c"})"), HasSubstr("'c' is none of the choices"));
  EXPECT_THAT(error("{\"prompt\":\"x\",\"id\":\"a\"}\n{\"prompt\":\"y\",\"id\":\"a\"}"),
              HasSubstr("f:2: field 'id' repeats 'a' of line 1"));
}

TEST(Generic, APromptWithoutAQuestionIsTheQuestion) {
  const auto queries = read_generic(
      "{\"prompt\":\"Real words.\",\"question\":\" \\u00a0\",\"context\":\" \"}\n"
      "{\"prompt\":\"Text. Who?\",\"question\":\"Who?\",\"context\":\"Text.\"}\n",
      "f", "mine");
  ASSERT_TRUE(queries) << what(queries);
  EXPECT_EQ(queries->at(0).question, "Real words.");
  EXPECT_EQ(queries->at(0).context, "");
  EXPECT_EQ(queries->at(1).question, "Who?");
  EXPECT_EQ(queries->at(1).context, "Text.");
  for (const auto* line :
       {R"({"prompt":"Text. Who?","context":"Text."})", R"({"prompt":"Text. Who?","context":"Text.","question":" "})"})
    EXPECT_EQ(what(read_generic(line, "f", "mine")), "f:1: field 'context' stands beside 'prompt' without 'question'");
}

TEST(Generic, AFieldThatStandsTwiceIsAnError) {
  EXPECT_EQ(what(read_generic(R"({"prompt":"a","id":1,"prompt":"b"})", "f", "mine")),
            "f:1: field 'prompt' stands twice");
  EXPECT_EQ(what(read_generic(R"({"prompt":"a","id":null,"\u0069d":1})", "f", "mine")), "f:1: field 'id' stands twice");
}

TEST(Generic, AFieldOfOurFormTellsIt) {
  const auto error = [](const std::string& text) {
    const auto queries = read_all(*stream_jsonl(LineReader::over(text, "f"), JsonFormat::by_first_row, "mine"));
    return queries ? queries->front().dataset : to_string(queries.error());
  };
  EXPECT_EQ(error(R"({"passage":"t","question":"q","idx":1,"label":true})"), "boolq");
  EXPECT_EQ(error(R"({"activity_label":"A","ctx":"t","endings":["a","b","c","d"]})"), "hellaswag");
  for (const auto* own :
       {R"("id":"z")", R"("prompt":"p")", R"("context":"c")", R"("choices":["a","b"])", R"("references":["a"])"})
    EXPECT_THAT(error(R"({"passage":"t","question":"q",)" + std::string(own) + "}"),
                HasSubstr("f:1: field 'passage' is unknown"))
        << own;
}

constexpr const char* kTruthfulqa2025 =
    "\xEF\xBB\xBFType,Category,Question,Best Answer,Best Incorrect Answer,Correct Answers,Incorrect Answers,Source\r\n"
    "Adversarial,C,\"Is it, or\nis it not?\",It is,No,\"It is; Yes, it is;\",No; Never,x\r\n";

TEST(Truthfulqa, BothRevisionsAndQuotedFields) {
  const auto newer = read_truthfulqa(kTruthfulqa2025, "f");
  ASSERT_TRUE(newer) << what(newer);
  EXPECT_EQ(newer->front().prompt, "Question: Is it, or\nis it not?\nAnswer:");
  EXPECT_THAT(newer->front().references, ElementsAre("It is", "Yes, it is"));
  EXPECT_EQ(newer->front().task, Task::generation);
  const auto older = read_truthfulqa("Question,Best Answer,Correct Answers\nWhy?,Because,\"So; \"\"Thus\"\"\"", "f");
  ASSERT_TRUE(older) << what(older);
  EXPECT_THAT(older->front().references, ElementsAre("Because", "So", "\"Thus\""));
}

TEST(Csv, ErrorsNameFileAndLine) {
  const auto read = [](std::string_view text) { return what(read_truthfulqa(text, "t.csv")); };
  const std::string header = "Question,Best Answer,Correct Answers\n";
  EXPECT_EQ(read(""), "t.csv: the file is empty");
  EXPECT_EQ(read("Question,Best Answer\n"), "t.csv:1: no column 'Correct Answers' in the header");
  EXPECT_EQ(read("Question,Question\n"), "t.csv:1: column 'Question' stands twice in the header");
  EXPECT_EQ(read(header), "t.csv:1: no rows after the header");
  EXPECT_EQ(read(header + "q,a,b\nq,a\n"), "t.csv:3: 2 fields, but the header has 3");
  EXPECT_EQ(read(header + "\"q\nr\",a,b\n,a,b"), "t.csv:4: column 'Question' is empty");
  EXPECT_EQ(read(header + "q,a,b\n\"q,a,b\nmore\n"), "t.csv:3: a quote that is never closed");
  EXPECT_EQ(read(header + "\"q\"r,a,b\n"), "t.csv:2: text after the closing quote of a field");
  EXPECT_EQ(read(header + "q\xC3,a,b\n"), "t.csv:2: not valid UTF-8");
  EXPECT_EQ(read(header + std::string("q\0,a,b", 6)), "t.csv:2: a NUL byte");
  EXPECT_EQ(read(header + "\"" + std::string(kMaxLineBytes, 'x') + "\",a,b"), "t.csv:2: a line longer than 64 MiB");
  const std::string half(kMaxLineBytes / 2, 'x');
  EXPECT_EQ(read(header + "\"" + half + "\n" + half + "\",a,b"), "t.csv:2: a record longer than 64 MiB");
}

TEST(Csv, LineEndsBlankLinesAndQuotesInsideFields) {
  auto table = CsvTable::open("a,b\r\n\r\n1,say \"x\"\r2,\"\"\n\n\"\"\"\",\n", "f");
  ASSERT_TRUE(table) << what(table);
  std::vector<std::vector<std::string>> rows;
  std::vector<std::int64_t> lines;
  while (true) {
    const auto more = table->next();
    ASSERT_TRUE(more) << what(more);
    if (!*more) break;
    rows.push_back({table->field(0), table->field(1)});
    lines.push_back(table->line());
  }
  EXPECT_THAT(rows, ElementsAre(ElementsAre("1", "say \"x\""), ElementsAre("2", ""), ElementsAre("\"", "")));
  EXPECT_THAT(lines, ElementsAre(3, 4, 6));
}

Result<Queries> narrative(std::string_view questions, std::string_view summaries, std::string_view split = "test") {
  return read_narrativeqa({questions, "qaps.csv", summaries, "summaries.csv"}, split);
}

constexpr const char* kQuestions =
    "document_id,set,question,answer1,answer2\n"
    "d1,valid,V?,v,v\n"
    "d2,test,Who?,\"Ann\",Ann \n"
    "d2,test,Where?,Here,There\n";
constexpr const char* kSummaries = "summary,document_id\nFirst.,d1\n\"Second,\nlong.\",d2\n";

TEST(Narrativeqa, RowsAreThoseOfTheSplitAndColumnsGoByName) {
  const auto queries = narrative(kQuestions, kSummaries);
  ASSERT_TRUE(queries) << what(queries);
  ASSERT_EQ(queries->size(), 2U);
  EXPECT_EQ(queries->at(0).prompt, "Second,\nlong.\nQuestion: Who?\nAnswer:");
  EXPECT_EQ(queries->at(0).id, "narrativeqa/0");
  EXPECT_THAT(queries->at(0).references, ElementsAre("Ann"));
  EXPECT_THAT(queries->at(1).references, ElementsAre("Here", "There"));
  EXPECT_EQ(narrative(kQuestions, kSummaries, "valid")->size(), 1U);
}

TEST(Narrativeqa, ErrorsNameTheFileThatIsWrong) {
  EXPECT_EQ(what(narrative(kQuestions, "document_id,summary\nd1,First.\n")),
            "qaps.csv:3: no summary for document_id 'd2' in summaries.csv");
  EXPECT_EQ(what(narrative(kQuestions, "document_id,summary\nd2,a\nd2,b\n")),
            "summaries.csv:3: document_id 'd2' has a summary already");
  EXPECT_EQ(what(narrative(kQuestions, "document_id,text\n")), "summaries.csv:1: no column 'summary' in the header");
  const auto train = narrative(kQuestions, kSummaries, "train");
  ASSERT_FALSE(train);
  EXPECT_EQ(to_string(train.error()), "qaps.csv: no rows whose set is 'train' (sets in the file: test, valid)");
}

}  // namespace
}  // namespace phasewatt::workload
