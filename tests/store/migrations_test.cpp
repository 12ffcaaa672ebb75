#include "phasewatt/store/migrations.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <array>

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

}  // namespace
}  // namespace phasewatt::store
