#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>

#include "phasewatt/base/files.h"
#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/schema.h"
#include "phasewatt/store/writer.h"
#include "tests/store/studies.h"

/// Files that are not what they should be: each a clear error, and the file as it was.
namespace phasewatt::store {
namespace {

using testing::Folder;
using ::testing::HasSubstr;

void write_study(const std::filesystem::path& path, const StudyPlan& plan) {
  auto writer = Writer::create(path, false);
  ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
  for (const RunPoint& point : plan.points) ASSERT_TRUE((*writer)->add(testing::make_record(plan, point.index)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
}

void change(const std::filesystem::path& path, const char* sql) {
  SQLite::Database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec(sql);
}

/// Both ways of opening fail with that code and text, and the file is not touched.
void expect_refused(const std::filesystem::path& path, ErrorCode code, const std::string& text) {
  const std::string before = read_file(path).value();
  const auto writer = Writer::open(path);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, code);
  EXPECT_THAT(writer.error().what, HasSubstr(text));
  EXPECT_THAT(writer.error().what, HasSubstr(path.filename().string()));
  const auto read = read_study(path);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, code);
  EXPECT_THAT(read.error().what, HasSubstr(text));
  EXPECT_EQ(read_file(path).value(), before);
}

TEST(StoreOpen, AMissingFileIsNotFoundAndNotMade) {
  const Folder folder;
  EXPECT_EQ(Writer::open(folder / "a.db").error().code, ErrorCode::not_found);
  EXPECT_EQ(read_status(folder / "a.db").error().code, ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(folder / "a.db"));
}

TEST(StoreOpen, AFolderIsNoDatabase) {
  const Folder folder;
  EXPECT_EQ(read_study(folder.path()).error().code, ErrorCode::database);
  EXPECT_EQ(Writer::open(folder.path()).error().code, ErrorCode::database);
  EXPECT_EQ(Writer::create(folder.path(), true).error().code, ErrorCode::exists);
}

TEST(StoreOpen, AMissingFolderIsSaid) {
  const Folder folder;
  const auto writer = Writer::create(folder.path() / "no" / "a.db", false);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::io);
  EXPECT_THAT(writer.error().hint, HasSubstr("folder exists"));
}

TEST(StoreOpen, ATextFileIsNotADatabase) {
  const Folder folder;
  ASSERT_TRUE(write_file(folder / "a.db", std::string(3000, 'x')).ok());
  expect_refused(folder / "a.db", ErrorCode::database, "not a database");
}

TEST(StoreOpen, AnEmptyFileIsNotOurs) {
  const Folder folder;
  ASSERT_TRUE(write_file(folder / "a.db", "").ok());
  expect_refused(folder / "a.db", ErrorCode::database, "not a phasewatt database");
}

TEST(StoreOpen, AnotherProgramsDatabaseIsNotOurs) {
  const Folder folder;
  change(folder / "a.db", "CREATE TABLE bookmarks (url TEXT); PRAGMA user_version = 1");
  expect_refused(folder / "a.db", ErrorCode::database, "another program's");
}

TEST(StoreOpen, ANewerVersionIsRefusedWithBothVersions) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 1, 1));
  change(folder / "a.db", "PRAGMA user_version = 41");
  expect_refused(folder / "a.db", ErrorCode::database, "schema version 41; this program knows versions up to 2");
}

TEST(StoreOpen, AnImpossibleVersionIsDamage) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 1, 1));
  change(folder / "a.db", "PRAGMA user_version = 0");
  expect_refused(folder / "a.db", ErrorCode::database, "damaged");
}

TEST(StoreOpen, ADamagedFileIsRefusedForResume) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 9, 50));
  std::string bytes = read_file(folder / "a.db").value();
  for (std::size_t page = 2; page * 4096 < bytes.size(); page += 2) bytes.replace(page * 4096, 64, 64, '\xAA');
  ASSERT_TRUE(write_file(folder / "a.db", bytes).ok());
  expect_refused(folder / "a.db", ErrorCode::database, "damaged");
}

TEST(StoreOpen, AFileCutShortIsRefused) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 9, 50));
  std::filesystem::resize_file(folder / "a.db", 20480);
  expect_refused(folder / "a.db", ErrorCode::database, "damaged");
}

TEST(StoreOpen, UnknownNamesAreDamage) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 2, 2));
  change(folder / "a.db", "INSERT INTO run_reason VALUES (0, 9, 'bad_luck')");
  const auto read = read_study(folder / "a.db");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::database);
  EXPECT_THAT(read.error().what, HasSubstr("bad_luck"));
}

TEST(StoreOpen, AProgramThatHoldsTheFileIsSaid) {
  const Folder folder;
  write_study(folder / "a.db", testing::make_plan(1, 1, 1));
  SQLite::Database other((folder / "a.db").string(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN EXCLUSIVE");
  const auto read = read_status(folder / "a.db");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::io);
  EXPECT_THAT(read.error().what, HasSubstr("locked by another running study"));
}

/// Runs `work` in a child without root's power over permissions; true when it returned true.
template <class Work>
bool as_nobody(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
    ::_exit(work() ? 0 : 1);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(StoreOpen, ReadOnlyFilesCanBeReadButNotResumed) {
  namespace fs = std::filesystem;
  const Folder folder;
  const fs::path file = folder / "a.db";
  write_study(file, testing::make_plan(1, 1, 1));
  fs::permissions(folder.path(), fs::perms(0777));
  fs::permissions(file, fs::perms(0444));
  EXPECT_TRUE(as_nobody([&] { return read_study(file).ok(); }));
  EXPECT_TRUE(as_nobody([&] {
    const auto writer = Writer::open(file);
    return !writer.ok() && writer.error().code == ErrorCode::permission && !writer.error().hint.empty();
  }));
}

TEST(StoreOpen, AReadOnlyFolderIsSaid) {
  namespace fs = std::filesystem;
  const Folder folder;
  const fs::path file = folder / "a.db";
  write_study(file, testing::make_plan(1, 1, 1));
  fs::permissions(file, fs::perms(0666));
  fs::permissions(folder.path(), fs::perms(0555));
  EXPECT_TRUE(as_nobody([&] { return read_study(file).ok(); }));
  EXPECT_TRUE(as_nobody([&] {
    return Writer::open(file).error().code == ErrorCode::permission &&
           Writer::create(file, true).error().code == ErrorCode::permission &&
           Writer::create(folder / "b.db", false).error().code == ErrorCode::permission;
  }));
  fs::permissions(folder.path(), fs::perms(0755));
}

/// Every way into a file that was changed somewhere ends in an answer or an error.
RC_GTEST_PROP(StoreOpen, ChangedBytesNeverCrash, ()) {
  static const std::string sound = [] {
    const Folder folder;
    write_study(folder / "a.db", testing::make_plan(2, 6, 20));
    return read_file(folder / "a.db").value();
  }();
  std::string bytes = sound;
  for (int i = *rc::gen::inRange(1, 20); i > 0; --i) {
    const auto at = *rc::gen::inRange<std::size_t>(100, bytes.size());  // after the header, so that it gets that far
    bytes[at] = *rc::gen::arbitrary<char>();
  }
  const Folder folder;
  const std::filesystem::path file = folder / "a.db";
  RC_ASSERT(write_file(file, bytes).ok());
  for (const Error& error : [&] {
         std::vector<Error> errors;
         if (const auto r = read_study(file); !r) errors.push_back(r.error());
         if (const auto r = read_status(file); !r) errors.push_back(r.error());
         if (const auto r = content_digest(file); !r) errors.push_back(r.error());
         if (const auto r = Writer::open(file); !r) errors.push_back(r.error());
         return errors;
       }())
    RC_ASSERT(error.code == ErrorCode::database || error.code == ErrorCode::io);
}

}  // namespace
}  // namespace phasewatt::store
