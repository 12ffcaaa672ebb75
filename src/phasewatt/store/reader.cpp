#include "phasewatt/store/reader.h"

#include "phasewatt/store/bind.h"
#include "phasewatt/store/lock.h"
#include "phasewatt/store/plan_reader.h"

namespace phasewatt::store {
namespace fs = std::filesystem;

namespace {

Result<RunRecord> read_run(SQLite::Statement& statement, const std::vector<RunPoint>& points, const fs::path& path) {
  Fields f(statement);
  RunRecord record;
  const std::uint32_t index = f.index();
  if (index >= points.size()) return damaged(path, "a run belongs to no point");
  record.point = points[index];
  record.clock.asked = f.maybe<Mhz>();
  record.clock.snapped = f.maybe<Mhz>();
  record.clock.seen = f.maybe<Mhz>();
  record.throttle_mask = f.bits();
  for (PhaseTotals& phase : record.phases) {
    phase.seconds = f.number();
    phase.tokens = f.number();
    phase.spans = f.integer();
    phase.energy = f.maybe<Joules>();
  }
  record.wall_s = f.number();
  record.idle_s = f.number();
  record.energy = f.maybe<Joules>();
  record.idle_energy = f.maybe<Joules>();
  if (const auto method = f.maybe<std::string>()) {
    PHASEWATT_ASSIGN(record.method, known(parse_energy_method(*method), *method, path));
  }
  record.energy_rel_error = f.maybe();
  record.temperature_begin = f.maybe<Celsius>();
  record.temperature_end = f.maybe<Celsius>();
  const std::string validity = f.text();
  PHASEWATT_ASSIGN(record.validity, known(parse_validity(validity), validity, path));
  record.detail = f.text();
  record.cross_energy = f.maybe<Joules>();
  record.cross_rel_error = f.maybe();
  record.passes = f.small();
  record.tail_s = f.number();
  const auto reads = f.maybe<std::int64_t>();
  const auto lost = f.maybe<std::int64_t>();
  const auto cpu_share = f.maybe();
  const auto driver_share = f.maybe();
  if (reads) record.sampling = SamplingReport{*reads, lost.value_or(0), cpu_share, driver_share};
  return record;
}

Status read_phases(SQLite::Database& db, const fs::path& path, std::vector<RunRecord>& records) {
  SQLite::Statement statement(db, R"(SELECT point_index, phase, energy_method, energy_rel_error, stacked_energy_j,
      stacked_rel_error, energy_truth_j, bytes, flops, gpu_busy_s, launch_s FROM run_phase ORDER BY point_index)");
  auto record = records.begin();
  while (statement.executeStep()) {
    Fields f(statement);
    const std::uint32_t point = f.index();
    const std::string name = f.text();
    PHASEWATT_ASSIGN(const Phase which, known(parse_phase(name), name, path));
    while (record != records.end() && record->point.index < point) ++record;
    if (record == records.end() || record->point.index != point) return damaged(path, "a phase belongs to no run");
    PhaseTotals& phase = record->phases[static_cast<std::size_t>(which)];
    if (const auto method = f.maybe<std::string>()) {
      PHASEWATT_ASSIGN(phase.method, known(parse_energy_method(*method), *method, path));
    }
    phase.energy_rel_error = f.maybe();
    phase.stacked_energy = f.maybe<Joules>();
    phase.stacked_rel_error = f.maybe();
    phase.energy_truth = f.maybe<Joules>();
    for (std::optional<double>* number : {&phase.bytes, &phase.flops, &phase.gpu_busy_s, &phase.launch_s})
      *number = f.maybe();
  }
  return ok();
}

Status read_reasons(SQLite::Database& db, const fs::path& path, std::vector<RunRecord>& records) {
  SQLite::Statement statement(db, "SELECT point_index, reason FROM run_reason ORDER BY point_index, position");
  auto record = records.begin();
  while (statement.executeStep()) {
    Fields f(statement);
    const std::uint32_t point = f.index();
    const std::string name = f.text();
    PHASEWATT_ASSIGN(const Reason reason, known(parse_reason(name), name, path));
    while (record != records.end() && record->point.index < point) ++record;
    if (record == records.end() || record->point.index != point) return damaged(path, "a reason belongs to no run");
    record->reasons.push_back(reason);
  }
  return ok();
}

Result<std::vector<RunRecord>> read_records(SQLite::Database& db, const fs::path& path,
                                            const std::vector<RunPoint>& points) {
  SQLite::Statement statement(db, R"(SELECT point_index, sm_mhz_asked, sm_mhz_snapped, sm_mhz_seen, throttle_mask,
      prefill_s, prefill_tokens, prefill_spans, prefill_energy_j, decode_s, decode_tokens, decode_spans, decode_energy_j,
      score_s, score_tokens, score_spans, score_energy_j, wall_s, idle_s, energy_j, idle_energy_j, energy_method,
      energy_rel_error, temperature_begin_c, temperature_end_c, validity, detail,
      cross_energy_j, cross_rel_error, passes, tail_s, reads, lost_reads, sampler_cpu_share, driver_share
      FROM run ORDER BY point_index)");
  std::vector<RunRecord> records;
  while (statement.executeStep()) {
    PHASEWATT_ASSIGN(RunRecord record, read_run(statement, points, path));
    records.push_back(std::move(record));
  }
  PHASEWATT_TRY(read_reasons(db, path, records));
  PHASEWATT_TRY(read_phases(db, path, records));
  return records;
}

Result<std::vector<QualityRow>> read_qualities(SQLite::Database& db, const fs::path& path, std::size_t queries) {
  SQLite::Statement statement(db, R"(SELECT model, query_index, avg(quality) FROM request JOIN point USING (point_index)
      WHERE quality IS NOT NULL GROUP BY model, query_index ORDER BY model, query_index)");
  std::vector<QualityRow> rows;
  while (statement.executeStep()) {
    Fields f(statement);
    QualityRow row;
    row.model = f.text();
    row.query = f.index();
    row.quality = f.number();
    if (row.query >= queries) return damaged(path, "a request belongs to no query");
    rows.push_back(std::move(row));
  }
  return rows;
}

void read_sessions(SQLite::Database& db, StudySummary& summary) {
  SQLite::Statement statement(
      db, "SELECT begin_utc, end_utc, complete, program_version, host, pid FROM session ORDER BY session_index");
  while (statement.executeStep()) {
    Fields f(statement);
    Session session;
    session.begin_utc = f.text();
    session.end_utc = f.maybe<std::string>();
    session.complete = f.maybe<bool>();
    session.program_version = f.text();
    session.host = f.text();
    session.pid = f.integer();
    summary.sessions.push_back(std::move(session));
  }
}

void count_records(const std::vector<RunRecord>& records, StudySummary& summary) {
  for (const RunRecord& record : records) {
    switch (record.validity) {
      case Validity::valid: ++summary.points_valid; continue;
      case Validity::degraded: ++summary.points_degraded; break;
      case Validity::void_: ++summary.points_void; break;
    }
    summary.troubles.push_back({record.point, record.clock.seen, record.validity, record.reasons, record.detail});
  }
  summary.points_done = std::int64_t(records.size());
}

}  // namespace

Result<StudyPlan> read_plan(const fs::path& path) {
  return reading(path, [&](SQLite::Database& db) { return read_plan_from(db, path); });
}

Result<StudyData> read_study(const fs::path& path) {
  return reading(path, [&](SQLite::Database& db) -> Result<StudyData> {
    StudyData data;
    PHASEWATT_ASSIGN(data.plan, read_plan_from(db, path));
    PHASEWATT_ASSIGN(data.records, read_records(db, path, data.plan.points));
    data.spared = static_cast<std::size_t>(db.execAndGet("SELECT count(*) FROM point_spared").getInt64());
    PHASEWATT_ASSIGN(data.qualities, read_qualities(db, path, data.plan.queries.size()));
    return data;
  });
}

Result<StudySummary> read_status(const fs::path& path) {
  return reading(path, [&](SQLite::Database& db) -> Result<StudySummary> {
    StudySummary summary;
    SQLite::Statement head(db, "SELECT name, simulated FROM study");
    if (!head.executeStep()) return damaged(path, "it has no study");
    Fields f(head);
    summary.name = f.text();
    summary.simulated = f.flag();
    summary.running = WriterLock::is_held(database_path(path));
    PHASEWATT_ASSIGN(const std::vector<RunPoint> points, read_points(db, path));
    PHASEWATT_ASSIGN(const std::vector<RunRecord> records, read_records(db, path, points));
    summary.points_total = std::int64_t(points.size());
    count_records(records, summary);
    summary.points_spared = db.execAndGet("SELECT count(*) FROM point_spared").getInt64();
    summary.complete = summary.points_done + summary.points_spared == summary.points_total;
    summary.requests = db.execAndGet("SELECT count(*) FROM request").getInt64();
    read_sessions(db, summary);
    return summary;
  });
}

Status for_each_request(const fs::path& path, const RequestCallback& callback) {
  return reading(path, [&](SQLite::Database& db) -> Status {
    SQLite::Statement statement(db,
                                R"(SELECT point_index, request_index, query_index, prompt_tokens, output_tokens, ttft_s,
        latency_s, energy_j, quality FROM request ORDER BY point_index, request_index)");
    RequestRecord request;
    while (statement.executeStep()) {
      Fields f(statement);
      const std::uint32_t point = f.index();
      request.index = f.index();
      request.query = f.index();
      request.prompt_tokens = f.small();
      request.output_tokens = f.small();
      request.ttft_s = f.number();
      request.latency_s = f.number();
      request.energy = f.maybe<Joules>();
      request.quality = f.maybe();
      PHASEWATT_TRY(callback(point, request));
    }
    return ok();
  });
}

}  // namespace phasewatt::store
