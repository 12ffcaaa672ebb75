#pragma once

#include <span>

#include "phasewatt/base/result.h"

namespace SQLite {  // NOLINT(readability-identifier-naming): the library's name
class Database;
}

/// How an older database becomes a current one.
namespace phasewatt::store {

/// One step: brings a database of version `to - 1` to version `to`.
struct Migration {
  int to = 0;
  const char* sql = "";
};

/// The steps of this program, ascending; the last one's `to` is kSchemaVersion.
std::span<const Migration> migrations();

/// Applies the steps above the database's user_version in one transaction, so that a failure leaves the old version.
/// database: the steps do not reach from here to `target`. Throws SQLite::Exception where a step's SQL fails.
Status migrate(SQLite::Database& db, std::span<const Migration> steps, int target);

}  // namespace phasewatt::store
