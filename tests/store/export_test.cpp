#include "phasewatt/store/export.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "phasewatt/base/files.h"
#include "phasewatt/store/schema.h"
#include "phasewatt/store/writer.h"
#include "tests/store/studies.h"

namespace phasewatt::store {
namespace {

using testing::Folder;
using ::testing::HasSubstr;
using ::testing::StartsWith;

void write_study(const std::filesystem::path& path, const StudyPlan& plan) {
  auto writer = Writer::create(path, false);
  ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
  for (const RunPoint& point : plan.points) ASSERT_TRUE((*writer)->add(testing::make_record(plan, point.index)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
}

std::string csv(const std::filesystem::path& path, const char* table) {
  std::ostringstream out;
  const Status status = export_csv(path, table, out);
  EXPECT_TRUE(status.ok()) << to_string(status.error());
  return out.str();
}

TEST(StoreExport, EveryTableIsMarkedSimulated) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 3, 2));
  for (const char* table : {"study", "study_option", "study_text", "session", "query", "query_text", "point", "run",
                            "run_phase", "run_reason", "request"}) {
    const std::string text = csv(folder / "a.db", table);
    EXPECT_THAT(text.substr(0, text.find('\n')), ::testing::EndsWith(",simulated")) << table;
    EXPECT_THAT(text, ::testing::EndsWith(",1\n")) << table;
  }
}

TEST(StoreExport, NumbersAreExactMissingOnesEmptyAndTextIsQuoted) {
  const Folder folder;
  const StudyPlan plan = testing::make_plan(1, 1, 2);
  write_study(folder / "a.db", plan);
  EXPECT_EQ(csv(folder / "a.db", "point"),
            "point_index,model,dataset,batch,sm_mhz_asked,sm_mhz_snapped,repeat_index,reference,simulated\n"
            "0,model-0,made,1,,,0,1,1\n");
  const std::string texts = csv(folder / "a.db", "query_text");
  EXPECT_THAT(texts, HasSubstr("\n0,question,0,\"SECRET question \"\"0\"\", is it?\",1\n"));
  EXPECT_THAT(texts, HasSubstr("\n0,prompt,0,\"SECRET prompt\nof two lines\",1\n"));
  const RequestRecord request = testing::make_record(plan, 0).requests[0];
  std::istringstream lines(csv(folder / "a.db", "request"));
  std::string line;
  std::getline(lines, line);
  std::getline(lines, line);
  EXPECT_THAT(line, StartsWith("0,0,0,10,100,"));
  EXPECT_EQ(std::stod(line.substr(std::string("0,0,0,10,100,").size())), request.ttft_s);
}

TEST(StoreExport, AnUnknownTableNamesTheNearestOne) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 1, 1));
  std::ostringstream out;
  const Status status = export_csv(folder / "a.db", "requests", out);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::not_found);
  EXPECT_THAT(status.error().hint, HasSubstr("'request'"));
  EXPECT_EQ(out.str(), "");
}

TEST(StoreExport, ABrokenStreamIsAnError) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 1, 1));
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(export_csv(folder / "a.db", "run", out).error().code, ErrorCode::io);
}

TEST(StoreDigest, IsTheSameForTheSameRowsAndSeesEveryChangeButWhereItRan) {
  const Folder folder;
  const StudyPlan plan = testing::make_plan(1, 3, 2);
  write_study(folder / "a.db", plan);
  write_study(folder / "b.db", plan);
  const std::string digest = content_digest(folder / "a.db").value();
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(content_digest(folder / "b.db").value(), digest);
  const auto after = [&](const char* sql) {
    SQLite::Database((folder / "b.db").string(), SQLite::OPEN_READWRITE).exec(sql);
    return content_digest(folder / "b.db").value();
  };
  EXPECT_EQ(after("UPDATE session SET end_utc = 'never', pid = 1"), digest);
  EXPECT_EQ(after("UPDATE study_option SET value = 'elsewhere'"), digest);
  std::string last = digest;
  for (const char* sql :
       {"UPDATE request SET energy_j = energy_j * (1 + 1e-15) WHERE point_index = 1 AND request_index = 1",
        "UPDATE run SET detail = detail || ' '", "UPDATE study SET seed = 5", "UPDATE point SET sm_mhz_asked = NULL",
        "UPDATE query_text SET text = text || '.' WHERE kind = 'prompt' AND query_index = 0",
        "DELETE FROM run_reason"}) {
    const std::string now = after(sql);
    EXPECT_NE(now, last) << sql;
    last = now;
  }
}

/// docs/store-schema.md has one section per table, which names each column in a table row of its own.
TEST(StoreSchema, EveryColumnIsDocumentedAndNoOther) {
  const auto document = read_file(PHASEWATT_SOURCE_DIR "/docs/store-schema.md");
  ASSERT_TRUE(document.ok());
  SQLite::Database db(":memory:", SQLite::OPEN_READWRITE);
  db.exec(std::string(find_embedded(schema_files(), "schema.sql")->content));
  std::size_t columns = 0;
  SQLite::Statement statement(db, R"(SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
      WHERE t.type = 'table')");
  while (statement.executeStep()) {
    ++columns;
    const std::string table = statement.getColumn(0).getString();
    const std::string heading = "\n## " + table + "\n";
    const std::size_t begin = document->find(heading);
    ASSERT_NE(begin, std::string::npos) << table;
    const std::string section = document->substr(begin, document->find("\n## ", begin + 1) - begin);
    EXPECT_THAT(section, HasSubstr("\n| `" + statement.getColumn(1).getString() + "` |")) << table;
  }
  std::size_t documented = 0;
  for (std::size_t at = 0; (at = document->find("\n| `", at)) != std::string::npos; ++at) ++documented;
  EXPECT_EQ(documented, columns);
  EXPECT_THAT(*document, HasSubstr("schema version " + std::to_string(kSchemaVersion)));
}

}  // namespace
}  // namespace phasewatt::store
