#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include "phasewatt/base/records.h"

/// The plan as rows. For the store's own use; throws SQLite::Exception.
namespace phasewatt::store {

/// Creates the tables of the current version and stores the plan in them. In the caller's transaction.
void write_plan(SQLite::Database& db, const StudyPlan& plan);

}  // namespace phasewatt::store
