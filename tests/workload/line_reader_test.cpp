#include "phasewatt/workload/line_reader.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "phasewatt/workload/datasets.h"

namespace phasewatt::workload {
namespace {

namespace fs = std::filesystem;

/// A file that goes away with the test.
class TempFile {
 public:
  explicit TempFile(const std::string& name)
      : path_(fs::temp_directory_path() / (std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "-" +
                                           std::to_string(::getpid()) + "-" + name)) {}
  ~TempFile() {
    std::error_code ec;
    fs::remove(path_, ec);
  }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }
  void write(std::string_view bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  [[nodiscard]] std::string bytes() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write_gzip(const std::string& text) const {
    gzFile file = gzopen(path_.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())), static_cast<int>(text.size()));
    gzclose(file);
  }

 private:
  fs::path path_;
};

/// The lines with their ends, and the error that ended them.
std::vector<std::string> lines_of(LineReader reader, std::string* error = nullptr) {
  std::vector<std::string> lines;
  while (true) {
    const auto more = reader.next();
    if (!more && error != nullptr) *error = more.error().what;
    if (!more || !*more) return lines;
    lines.emplace_back(reader.line());
    EXPECT_EQ(reader.number(), static_cast<std::int64_t>(lines.size()));
  }
}

TEST(LineReader, KnowsAllLineEndsAndDropsTheByteOrderMark) {
  EXPECT_EQ(lines_of(LineReader::over("\xEF\xBB\xBF"
                                      "a\nb\r\nc\rd\n\n\re",
                                      "f")),
            (std::vector<std::string>{"a\n", "b\r\n", "c\r", "d\n", "\n", "\r", "e"}));
  EXPECT_TRUE(lines_of(LineReader::over("", "f")).empty());
}

RC_GTEST_PROP(LineReader, FileGzipAndMemoryGiveTheSameLines, ()) {
  // Long runs make lines that cross the reader's blocks.
  std::string text;
  const auto pieces = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 5), rc::gen::inRange(0, 120000)));
  for (const auto& [kind, length] : pieces) {
    constexpr const char* kEnds[] = {"\n", "\r\n", "\r", "", "\xC3\xA9"};
    text += std::string(static_cast<std::size_t>(length), 'x') + kEnds[kind];
  }
  const TempFile plain("plain");
  plain.write(text);
  const TempFile packed("packed.gz");
  packed.write_gzip(text);
  const auto expected = lines_of(LineReader::over(text, "m"));
  std::string joined;
  for (const auto& line : expected) joined += line;
  RC_ASSERT(joined == text);
  RC_ASSERT(lines_of(std::move(LineReader::open(plain.path()).value())) == expected);
  RC_ASSERT(lines_of(std::move(LineReader::open(packed.path()).value())) == expected);
}

TEST(LineReader, BadTextNamesFileAndLine) {
  std::string error;
  lines_of(LineReader::over(std::string_view("a\nb\0c\n", 6), "f"), &error);
  EXPECT_EQ(error, "f:2: a NUL byte");
  lines_of(LineReader::over("a\n\xED\xA0\x80\n", "f"), &error);  // a lone surrogate
  EXPECT_EQ(error, "f:2: not valid UTF-8");
}

TEST(LineReader, GzipThatEndsEarlyOrIsDamagedIsAnError) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  const TempFile packed("cut.gz");
  packed.write_gzip(text);
  std::string bytes = packed.bytes();
  packed.write(bytes.substr(0, bytes.size() / 2));
  std::string error;
  const auto lines = lines_of(std::move(LineReader::open(packed.path()).value()), &error);
  EXPECT_GT(lines.size(), 1000U);
  EXPECT_EQ(error, packed.path().string() + ":" + std::to_string(lines.size() + 1) + ": the gzip file ends early");

  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  packed.write(bytes);
  error.clear();
  lines_of(std::move(LineReader::open(packed.path()).value()), &error);
  EXPECT_NE(error.find(": damaged gzip: "), std::string::npos) << error;
}

TEST(LineReader, WhatFollowsGzipIsMoreGzipPaddingOrAnError) {
  const TempFile packed("after.gz");
  packed.write_gzip("one\n");
  const std::string member = packed.bytes();
  std::string error;
  const auto read = [&](const std::string& bytes) {
    packed.write(bytes);
    error.clear();
    return lines_of(std::move(LineReader::open(packed.path()).value()), &error);
  };
  EXPECT_EQ(read(member + member), (std::vector<std::string>{"one\n", "one\n"}));
  EXPECT_EQ(error, "");
  EXPECT_EQ(read(member + std::string(600000, '\0')), (std::vector<std::string>{"one\n"}));
  EXPECT_EQ(error, "");
  const std::string follows = packed.path().string() + ":2: bytes that are not gzip follow the gzip data";
  for (const std::string& after : {std::string("{\"prompt\": \"x\"}\n"), std::string("\x1f"), std::string("\0x", 2)}) {
    EXPECT_EQ(read(member + after), (std::vector<std::string>{"one\n"}));
    EXPECT_EQ(error, follows);
  }
  for (std::size_t bytes = 2; bytes < member.size(); ++bytes) {
    read(member.substr(0, bytes));
    EXPECT_NE(error.find("the gzip file ends early"), std::string::npos) << bytes << ": " << error;
  }
  EXPECT_EQ(read(member.substr(0, 0)), std::vector<std::string>{});
  EXPECT_EQ(error, "");
}

TEST(LineReader, ALineOf100MiBIsAnErrorInBoundedMemory) {
  const TempFile file("long");
  file.write("short\n" + std::string(std::size_t{100} << 20U, 'x'));
  std::string error;
  lines_of(std::move(LineReader::open(file.path()).value()), &error);
  EXPECT_EQ(error, file.path().string() + ":2: a line longer than 64 MiB");
}

TEST(LineReader, NoFileAndAFolderAreErrors) {
  const auto missing = LineReader::open("/nowhere/at-all.jsonl");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  const auto folder = LineReader::open(fs::temp_directory_path());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::io);
}

TEST(StreamQueries, TakesPlainAndPackedJsonlAndCsv) {
  const auto questions = [](const fs::path& path) {
    std::vector<std::string> all;
    auto data = read_queries(path, "mine");
    EXPECT_TRUE(data) << to_string(data.error());
    if (data)
      for (const auto& query : data->queries) all.push_back(query.id + ": " + query.question + "|" + query.context);
    return all;
  };
  const TempFile json("q.jsonl.gz");
  json.write_gzip("{\"question\":\"Who?\",\"context\":\"Ann.\"}\n{\"id\":7,\"prompt\":\"Why?\"}\n");
  EXPECT_EQ(questions(json.path()), (std::vector<std::string>{"mine/0: Who?|Ann.", "mine/7: Why?|"}));
  const TempFile csv("q.txt");
  csv.write("id,question,context,extra\nx,Who?,\"Ann,\nBob.\",1\ny,Why?,,2\n");
  EXPECT_EQ(questions(csv.path()), (std::vector<std::string>{"mine/x: Who?|Ann,\nBob.", "mine/y: Why?|"}));
}

TEST(StreamQueries, CsvIdsAreUniqueAndColumnsKnown) {
  const auto error = [](std::string_view text) {
    const TempFile file("e.csv");
    file.write(text);
    const auto data = read_queries(file.path());
    EXPECT_FALSE(data);
    return data ? std::string() : data.error().what.substr(file.path().string().size());
  };
  EXPECT_EQ(error("id,prompt\na,x\nb,y\na,z\n"), ":4: column 'id' repeats 'a' of line 2");
  EXPECT_EQ(error("prompt\nx\n \n"), ":3: column 'prompt' is empty");
  EXPECT_EQ(error("prompt,context\nText. Who?,Text.\n"),
            ":2: column 'context' stands beside 'prompt' without 'question'");
  EXPECT_EQ(error("prompt,question,context\nText. Who?,Who?,Text.\nText. Who?, ,Text.\n"),
            ":3: column 'context' stands beside 'prompt' without 'question'");
}

TEST(StreamQueries, ABlankQuestionBesideAPromptIsAbsent) {
  const TempFile file("blank.csv");
  file.write("prompt,question,context\nReal words., , \n");
  const auto data = read_queries(file.path());
  ASSERT_TRUE(data) << to_string(data.error());
  EXPECT_EQ(data->queries.front().question, "Real words.");
  EXPECT_EQ(data->queries.front().context, "");
}

TEST(StreamQueries, UnknownColumnsAreShownWithAHintThatFits) {
  const auto error = [](std::string_view text, const char* name = "c.txt") {
    const TempFile file(name);
    file.write(text);
    const auto data = read_queries(file.path());
    return data ? std::string() : to_string(data.error()).substr(file.path().string().size());
  };
  const std::string what = ":1: the columns are those of no dataset read here: ";
  EXPECT_EQ(error("text,more\nx,y\n").rfind(what + "'text', 'more' (the first line names", 0), 0U);
  EXPECT_EQ(error("\n\ntext\nx\n").rfind(":3: the columns", 0), 0U);
  EXPECT_EQ(error("id;prompt\n1;x\n"),
            what + "'id;prompt' (columns are parted by commas, here they seem to be by semicolons)");
  EXPECT_EQ(error("id\tprompt\n1\tx\n"),
            what + "'id\tprompt' (columns are parted by commas, here they seem to be by tabs)");
  EXPECT_EQ(error("id,Prompt\n1,x\n"), what + "'id', 'Prompt' (upper and lower case differ: write 'prompt')");
  EXPECT_EQ(error("[{\"prompt\": \"x\"}]\n", "c.csv"),
            what + "'[{\"prompt\": \"x\"}]' (this looks like JSON: read is one JSON object per line)");
  EXPECT_EQ(error("[{\"prompt\": \"x\"}]\n"), ":1: a list where an object is needed (one JSON object per line)");
  const std::string long_line(500, 'x');
  EXPECT_LT(error(long_line + "\ny\n").size(), 400U);
}

TEST(StreamQueries, ARowWithoutAnIdIsCalledByItsNumber) {
  const TempFile file("ids.jsonl");
  const auto error = [&](std::string_view text) {
    file.write(text);
    const auto data = read_queries(file.path());
    return data ? std::string() : data.error().what.substr(file.path().string().size());
  };
  EXPECT_EQ(error("{\"prompt\":\"a\"}\n{\"prompt\":\"b\",\"id\":7}\n{\"prompt\":\"c\"}\n"), "");
  EXPECT_EQ(error("\n\n{\"prompt\":\"a\"}\n\n{\"prompt\":\"b\",\"id\":0}\n"),
            ":5: field 'id' '0' is the number of row 0, counted from 0, which has no id");
  EXPECT_EQ(error("{\"prompt\":\"a\",\"id\":\"x\"}\n\n{\"prompt\":\"b\"}\n{\"prompt\":\"c\",\"id\":\"1\"}\n"),
            ":4: field 'id' '1' is the number of row 1, counted from 0, which has no id");
  EXPECT_EQ(error("\n{\"prompt\":\"a\",\"id\":1}\n{\"prompt\":\"b\"}\n"),
            ":3: field 'id' is missing, and the row's number 1 is the id of line 2");
}

}  // namespace
}  // namespace phasewatt::workload
