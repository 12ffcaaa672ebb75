#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <new>
#include <string>
#include <utility>

#include "phasewatt/base/result.h"

/// Opening a results database, and the edge where SQLite's exceptions become errors. For the store's own use.
namespace phasewatt::store {

/// Absolute, so that SQLite takes neither "file:…" nor ":memory:" for anything but a file name.
std::filesystem::path database_path(const std::filesystem::path& path);

/// What SQLite said, as an Error naming the file: damaged or foreign → database, disk full → io, and so on.
Error to_error(const SQLite::Exception& exception, const std::filesystem::path& path);

/// Runs `work` (it returns a Result or Status) and turns an exception into its Error.
template <class Work>
auto guarded(const std::filesystem::path& path, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const SQLite::Exception& exception) {
    return to_error(exception, path);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::out_of_memory, "not enough memory for '" + path.string() + "'", {}};
  }
}

enum class Access { read, write };

/// Opens an existing database of ours. not_found: no such file; database: not a database, another program's, damaged,
/// or of another schema version than this program's (`write` brings an older one up to date); permission: read-only.
/// Nothing is changed where it fails. `write` also checks the whole file (PRAGMA quick_check).
Result<SQLite::Database> open_database(const std::filesystem::path& path, Access access);

/// A database that says something impossible.
Error damaged(const std::filesystem::path& path, std::string_view detail);

}  // namespace phasewatt::store
