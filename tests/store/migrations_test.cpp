#include "phasewatt/store/migrations.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "phasewatt/store/schema.h"

namespace phasewatt::store {
namespace {

SQLite::Database old_database() {
  SQLite::Database db(":memory:", SQLite::OPEN_READWRITE);
  db.exec("CREATE TABLE run (energy REAL); INSERT INTO run VALUES (2.5); PRAGMA user_version = 1");
  return db;
}
int version(SQLite::Database& db) { return db.execAndGet("PRAGMA user_version").getInt(); }

TEST(StoreMigrations, EachStepFromTheOldVersionIsAppliedOnce) {
  SQLite::Database db = old_database();
  constexpr std::array kSteps{Migration{1, "this step was taken long ago"},
                              Migration{2, "ALTER TABLE run RENAME COLUMN energy TO energy_j"},
                              Migration{3, "ALTER TABLE run ADD COLUMN wall_s REAL"}};
  ASSERT_TRUE(migrate(db, kSteps, 3).ok());
  EXPECT_EQ(version(db), 3);
  EXPECT_EQ(db.execAndGet("SELECT energy_j FROM run WHERE wall_s IS NULL").getDouble(), 2.5);
  ASSERT_TRUE(migrate(db, kSteps, 3).ok()) << "nothing is left to do";
}

TEST(StoreMigrations, AFailingStepLeavesTheOldVersion) {
  SQLite::Database db = old_database();
  constexpr std::array kSteps{Migration{2, "ALTER TABLE run RENAME COLUMN energy TO energy_j"},
                              Migration{3, "ALTER TABLE no_such_table ADD COLUMN x"}};
  EXPECT_THROW((void)migrate(db, kSteps, 3), SQLite::Exception);
  EXPECT_EQ(version(db), 1);
  EXPECT_EQ(db.execAndGet("SELECT energy FROM run").getDouble(), 2.5);
}

TEST(StoreMigrations, AMissingStepIsAnErrorAndChangesNothing) {
  SQLite::Database db = old_database();
  constexpr std::array kSteps{Migration{3, "DROP TABLE run"}};
  const Status status = migrate(db, kSteps, 3);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::database);
  EXPECT_EQ(version(db), 1);
}

TEST(StoreMigrations, TheProgramsOwnStepsLeadFromVersionOneToTheCurrentOne) {
  int reached = 1;
  for (const Migration& step : migrations()) EXPECT_EQ(step.to, ++reached);
  EXPECT_EQ(reached, kSchemaVersion);
}

std::vector<std::string> columns(SQLite::Database& db) {
  SQLite::Statement statement(db,
                              R"(SELECT m.name || '.' || c.cid || ' ' || c.name || ' ' || c.type || ' ' || c."notnull"
      || ' ' || ifnull(c.dflt_value, '-') || ' ' || c.pk FROM sqlite_schema m JOIN pragma_table_info(m.name) c
      WHERE m.type = 'table' ORDER BY 1)");
  std::vector<std::string> found;
  while (statement.executeStep()) found.push_back(statement.getColumn(0).getString());
  return found;
}

TEST(StoreMigrations, AMigratedDatabaseHasTheColumnsOfANewOne) {
  SQLite::Database old_one(":memory:", SQLite::OPEN_READWRITE);
  std::ifstream schema(PHASEWATT_SOURCE_DIR "/tests/store/schema_v1.sql");
  old_one.exec(std::string(std::istreambuf_iterator<char>(schema), {}));
  old_one.exec("PRAGMA user_version = 1");
  ASSERT_TRUE(migrate(old_one, migrations(), kSchemaVersion).ok());
  SQLite::Database new_one(":memory:", SQLite::OPEN_READWRITE);
  new_one.exec(std::string(find_embedded(schema_files(), "schema.sql")->content));
  EXPECT_EQ(columns(old_one), columns(new_one));
}

}  // namespace
}  // namespace phasewatt::store
