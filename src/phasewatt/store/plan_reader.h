#pragma once

#include <filesystem>

#include "phasewatt/base/records.h"
#include "phasewatt/store/database.h"

/// Rows as the plan. For the store's own use; throws SQLite::Exception.
namespace phasewatt::store {

/// Opens the file for reading and calls `work(db)` inside one read transaction.
template <class Work>
auto reading(const std::filesystem::path& path, Work&& work) -> decltype(work(std::declval<SQLite::Database&>())) {
  const std::filesystem::path file = database_path(path);
  PHASEWATT_ASSIGN(SQLite::Database db, open_database(file, Access::read));
  return guarded(file, [&]() -> decltype(work(db)) {
    const SQLite::Transaction snapshot(db);
    return work(db);
  });
}

/// The value of a stored name, or the error of a damaged database.
template <class T>
Result<T> known(std::optional<T> value, std::string_view name, const std::filesystem::path& path) {
  if (value) return *value;
  return damaged(path, "'" + std::string(name) + "' is not a known name");
}

Result<StudyPlan> read_plan_from(SQLite::Database& db, const std::filesystem::path& path);

/// The points alone. database: their indices are not 0, 1, 2, …
Result<std::vector<RunPoint>> read_points(SQLite::Database& db, const std::filesystem::path& path);

}  // namespace phasewatt::store
