#include "phasewatt/store/migrations.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/format.h>

#include <array>

namespace phasewatt::store {

namespace {

/// Measurements by sensors: methods and errors by phase, the stop rule, reference points.
constexpr const char* kToVersion2 = R"(
ALTER TABLE point ADD COLUMN reference INTEGER NOT NULL DEFAULT 0;
CREATE TABLE point_spared (
  point_index  INTEGER PRIMARY KEY REFERENCES point
) STRICT;
CREATE TABLE study_calibration (
  name   TEXT NOT NULL PRIMARY KEY,
  value  REAL,
  text   TEXT
) STRICT, WITHOUT ROWID;
ALTER TABLE run ADD COLUMN cross_energy_j REAL;
ALTER TABLE run ADD COLUMN cross_rel_error REAL;
ALTER TABLE run ADD COLUMN passes INTEGER NOT NULL DEFAULT 1;
ALTER TABLE run ADD COLUMN tail_s REAL NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN reads INTEGER;
ALTER TABLE run ADD COLUMN lost_reads INTEGER;
ALTER TABLE run ADD COLUMN sampler_cpu_share REAL;
ALTER TABLE run ADD COLUMN driver_share REAL;
CREATE TABLE run_phase (
  point_index        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  phase              TEXT NOT NULL,
  energy_method      TEXT,
  energy_rel_error   REAL,
  stacked_energy_j   REAL,
  stacked_rel_error  REAL,
  energy_truth_j     REAL,
  bytes              REAL,
  flops              REAL,
  gpu_busy_s         REAL,
  launch_s           REAL,
  PRIMARY KEY (point_index, phase)
) STRICT, WITHOUT ROWID;
)";
constexpr std::array kSteps{Migration{2, kToVersion2}};

}  // namespace

std::span<const Migration> migrations() { return kSteps; }

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
