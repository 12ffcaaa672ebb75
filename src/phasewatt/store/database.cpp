#include "phasewatt/store/database.h"

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <system_error>

#include "phasewatt/store/migrations.h"
#include "phasewatt/store/schema.h"

namespace phasewatt::store {
namespace {

constexpr int kBusyTimeoutMs = 2000;  // another program may look into the file; a running study is told by WriterLock

/// Damaged files are hostile input: nothing in them may act when they are read.
void harden(SQLite::Database& db) {
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db.getHandle(), SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  db.exec("PRAGMA cell_size_check = ON; PRAGMA foreign_keys = ON");
}

Status check_kind(SQLite::Database& db, const std::filesystem::path& path, Access access) {
  const int application = db.execAndGet("PRAGMA application_id").getInt();
  const int version = db.execAndGet("PRAGMA user_version").getInt();
  if (application != kApplicationId)
    return Error{ErrorCode::database,
                 fmt::format("'{}' is not a phasewatt database, but another program's", path.string()),
                 "name the database that a study wrote"};
  if (version > kSchemaVersion)
    return Error{ErrorCode::database,
                 fmt::format("'{}' has schema version {}; this program knows versions up to {}", path.string(), version,
                             kSchemaVersion),
                 "use a newer phasewatt; nothing was changed"};
  if (version < 1) return damaged(path, fmt::format("schema version {}", version));
  if (access == Access::write || version == kSchemaVersion) return ok();
  return Error{ErrorCode::database,
               fmt::format("'{}' has the older schema version {}; this program reads version {}", path.string(),
                           version, kSchemaVersion),
               "'phasewatt study resume' brings it up to date"};
}

Status check_whole(SQLite::Database& db, const std::filesystem::path& path) {
  const std::string verdict = db.execAndGet("PRAGMA quick_check(1)").getString();
  return verdict == "ok" ? ok() : Status(damaged(path, verdict));
}

Status check_file(const std::filesystem::path& path, Access access) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec))
    return Error{ErrorCode::not_found, fmt::format("there is no database '{}'", path.string()), "check the path"};
  if (std::filesystem::is_directory(path, ec))
    return Error{ErrorCode::database, fmt::format("'{}' is a folder, not a database", path.string()), "name a file"};
  if (::access(path.c_str(), access == Access::write ? R_OK | W_OK : R_OK) != 0)
    return Error{ErrorCode::permission,
                 fmt::format("'{}' may not be {}", path.string(), access == Access::write ? "written to" : "read"),
                 "change its permissions, or copy it to where you may"};
  return ok();
}

}  // namespace

std::filesystem::path database_path(const std::filesystem::path& path) {
  std::error_code ec;
  std::filesystem::path absolute = std::filesystem::weakly_canonical(std::filesystem::absolute(path, ec), ec);
  return ec ? std::filesystem::absolute(path, ec) : absolute;
}

Error damaged(const std::filesystem::path& path, std::string_view detail) {
  return {ErrorCode::database, fmt::format("'{}' is damaged: {}", path.string(), detail),
          "restore it from a copy, or run the study again into a new file"};
}

Error to_error(const SQLite::Exception& exception, const std::filesystem::path& path) {
  const std::string name = path.string();
  switch (exception.getErrorCode()) {
    case SQLITE_FULL:
      return {ErrorCode::io, fmt::format("disk full while writing '{}'", name),
              "free some space, then 'phasewatt study resume' goes on; finished points are kept"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::io, fmt::format("'{}' is locked by another running study or program", name),
              "wait for it or stop it"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {ErrorCode::permission, fmt::format("'{}' or its folder is read-only: {}", name, exception.what()),
              "change its permissions, or copy it to where you may write"};
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: return {ErrorCode::io, fmt::format("cannot read or write '{}': {}", name, exception.what()), {}};
    case SQLITE_NOMEM: return {ErrorCode::out_of_memory, fmt::format("not enough memory for '{}'", name), {}};
    case SQLITE_NOTADB: return {ErrorCode::database, fmt::format("'{}' is not a database", name), "check the path"};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::internal, fmt::format("a record breaks a rule of '{}': {}", name, exception.what()), {}};
    default: return damaged(path, exception.what());
  }
}

Result<SQLite::Database> open_database(const std::filesystem::path& path, Access access) {
  PHASEWATT_TRY(check_file(path, access));
  return guarded(path, [&]() -> Result<SQLite::Database> {
    const int flags = access == Access::write ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY;
    SQLite::Database db(path.string(), flags | SQLite::OPEN_NOMUTEX, kBusyTimeoutMs);
    harden(db);
    PHASEWATT_TRY(check_kind(db, path, access));
    if (access == Access::read) return db;
    PHASEWATT_TRY(check_whole(db, path));
    PHASEWATT_TRY(migrate(db, migrations(), kSchemaVersion));
    return db;
  });
}

}  // namespace phasewatt::store
