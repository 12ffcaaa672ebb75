#include "phasewatt/store/migrations.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

namespace phasewatt::store {

std::span<const Migration> migrations() { return {}; }

Status migrate(SQLite::Database& db, std::span<const Migration> steps, int target) {
  int version = db.execAndGet("PRAGMA user_version").getInt();
  if (version == target) return ok();
  SQLite::Transaction transaction(db, SQLite::TransactionBehavior::IMMEDIATE);
  for (const Migration& step : steps) {
    if (step.to != version + 1) continue;
    db.exec(step.sql);
    version = step.to;
    db.exec(fmt::format("PRAGMA user_version = {}", version));
  }
  if (version != target)
    return Error{ErrorCode::database, fmt::format("no way leads from schema version {} to {}", version, target), {}};
  transaction.commit();
  return ok();
}

}  // namespace phasewatt::store
