#include "phasewatt/store/writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "phasewatt/store/bind.h"
#include "phasewatt/store/database.h"
#include "phasewatt/store/lock.h"
#include "phasewatt/store/plan_reader.h"
#include "phasewatt/store/plan_writer.h"
#include "phasewatt/store/schema.h"

namespace phasewatt::store {
namespace fs = std::filesystem;

namespace {

constexpr const char* kNow = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";

Error already_there(const fs::path& path) {
  return {ErrorCode::exists, fmt::format("'{}' exists already", path.string()),
          "use --force to replace it, or 'phasewatt study resume' to go on with it"};
}

fs::path beside(const fs::path& path, const char* suffix) { return path.string() + suffix; }

void remove_with_logs(const fs::path& path, bool itself) {
  std::error_code ec;
  if (itself) fs::remove(path, ec);
  for (const char* suffix : {"-wal", "-shm", "-journal"}) fs::remove(beside(path, suffix), ec);
}

/// An old database may have left a log behind, which SQLite would play into the new file of that name. What is in it
/// first goes to where it belongs, so that the old file is whole should the renaming fail.
void settle_old_file(const fs::path& path) {
  try {
    SQLite::Database(path.string(), SQLite::OPEN_READWRITE).exec("PRAGMA journal_mode = DELETE");
  } catch (const SQLite::Exception&) {
    // Not a database, or a damaged one: it is going to be replaced in any case.
  }
  remove_with_logs(path, false);
}

}  // namespace

struct Writer::Impl {
  fs::path path;
  std::optional<WriterLock> lock;
  bool is_new;
  bool force;
  std::optional<std::int64_t> page_limit{};
  // Statements end before the database that they belong to.
  std::optional<SQLite::Database> db{};
  std::optional<SQLite::Statement> insert_run{};
  std::optional<SQLite::Statement> insert_reason{};
  std::optional<SQLite::Statement> insert_phase{};
  std::optional<SQLite::Statement> insert_request{};
  std::int64_t session = 0;
  bool simulated = false;

  void close() {
    insert_run.reset();
    insert_reason.reset();
    insert_phase.reset();
    insert_request.reset();
    // Folds the log into the file, then drops it; the second fails, harmlessly, while someone reads.
    if (db) db->tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
    if (db) db->tryExec("PRAGMA journal_mode = DELETE");
    db.reset();
    lock.reset();
  }

  void apply_page_limit() {
    if (page_limit) db->exec(fmt::format("PRAGMA max_page_count = {}", *page_limit));
  }

  /// Builds the file under another name and renames it when it is whole.
  Status create_file(const StudyPlan& plan) {
    const fs::path draft = beside(path, ".new");
    remove_with_logs(draft, true);
    const Status built = guarded(path, [&]() -> Status {
      db.emplace(draft.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      apply_page_limit();
      SQLite::Transaction transaction(*db);
      write_plan(*db, plan);
      transaction.commit();
      return ok();
    });
    db.reset();
    Status done = built ? take_name(draft) : built;
    if (!done) remove_with_logs(draft, true);
    return done;
  }

  Status take_name(const fs::path& draft) const {
    std::error_code ec;
    if (fs::exists(path, ec)) {
      if (!force) return already_there(path);
      settle_old_file(path);
    }
    fs::rename(draft, path, ec);
    if (ec) return Error{ErrorCode::io, fmt::format("cannot replace '{}': {}", path.string(), ec.message()), {}};
    return ok();
  }

  Status check_fingerprint(const StudyPlan& plan) {
    const std::string stored = db->execAndGet("SELECT fingerprint FROM study").getString();
    if (stored == plan.fingerprint) return ok();
    return Error{ErrorCode::exists, fmt::format("'{}' holds another study (or another version of it)", path.string()),
                 "choose another output, or use --force to replace it"};
  }

  void start_session(const StudyPlan& plan) {
    SQLite::Statement statement(*db, fmt::format("INSERT INTO session (begin_utc, program_version, host, pid) "
                                                 "VALUES ({}, ?, ?, ?)",
                                                 kNow));
    (Row(statement) << plan.environment.program_version << plan.environment.host << std::int64_t{::getpid()}).run();
    session = db->getLastInsertRowid();
  }

  void prepare() {
    insert_run.emplace(*db, fmt::format("INSERT INTO run VALUES ({})", placeholders(36)));
    insert_reason.emplace(*db, "INSERT INTO run_reason VALUES (?,?,?)");
    insert_phase.emplace(*db, fmt::format("INSERT INTO run_phase VALUES ({})", placeholders(11)));
    insert_request.emplace(*db, fmt::format("INSERT INTO request VALUES ({})", placeholders(9)));
  }

  Result<FinishedPoints> finished() {
    FinishedPoints points;
    SQLite::Statement runs(*db, "SELECT point_index, validity, energy_j, wall_s FROM run");
    while (runs.executeStep()) {
      Fields f(runs);
      FinishedPoint& point = points[f.index()];
      const std::string validity = f.text();
      PHASEWATT_ASSIGN(point.validity, known(parse_validity(validity), validity, path));
      point.energy = f.maybe<Joules>();
      point.wall_s = f.number();
    }
    SQLite::Statement spared(*db, "SELECT point_index FROM point_spared");
    while (spared.executeStep()) points[Fields(spared).index()].spared = true;
    return points;
  }

  void write_run(const RunRecord& record) {
    Row row(*insert_run);
    row << record.point.index << record.clock.asked << record.clock.snapped << record.clock.seen
        << record.throttle_mask;
    for (const PhaseTotals& phase : record.phases) row << phase.seconds << phase.tokens << phase.spans << phase.energy;
    row << record.wall_s << record.idle_s << record.energy << record.idle_energy;
    if (record.method)
      row << to_string(*record.method);
    else
      row << std::optional<double>();
    row << record.energy_rel_error << record.temperature_begin << record.temperature_end << to_string(record.validity)
        << record.detail << simulated;
    row << record.cross_energy << record.cross_rel_error << record.passes << record.tail_s;
    const auto& sampling = record.sampling;
    using Count = std::optional<std::int64_t>;
    row << (sampling ? Count(sampling->reads) : Count()) << (sampling ? Count(sampling->lost) : Count())
        << (sampling ? sampling->cpu_share : std::nullopt) << (sampling ? sampling->driver_share : std::nullopt);
    row.run();
    for (const Phase phase : kPhases) write_phase(record, phase);
    int position = 0;
    for (const Reason reason : record.reasons)
      (Row(*insert_reason) << record.point.index << position++ << to_string(reason)).run();
  }

  void write_phase(const RunRecord& record, Phase which) {
    const PhaseTotals& phase = record.phases[static_cast<std::size_t>(which)];
    if (phase.spans == 0) return;
    Row row(*insert_phase);
    row << record.point.index << to_string(which);
    if (phase.method)
      row << to_string(*phase.method);
    else
      row << std::optional<double>();
    row << phase.energy_rel_error << phase.stacked_energy << phase.stacked_rel_error << phase.energy_truth
        << phase.bytes << phase.flops << phase.gpu_busy_s << phase.launch_s;
    row.run();
  }

  void write_requests(const RunRecord& record) {
    for (const RequestRecord& request : record.requests) {
      Row row(*insert_request);
      row << record.point.index << request.index << request.query << request.prompt_tokens << request.output_tokens
          << request.ttft_s << request.latency_s << request.energy << request.quality;
      row.run();
    }
  }
};

namespace {

/// Whether --force may replace what lies there: nothing, an empty file, or a database with our application id (also a
/// damaged one, as long as its first page is whole). Read by hand, so that looking changes nothing.
bool is_ours_or_empty(const fs::path& file) {
  constexpr std::size_t kIdAt = 68;  // application_id in the SQLite file header, big-endian
  std::ifstream in(file, std::ios::binary);
  std::array<unsigned char, kIdAt + 4> header{};
  in.read(reinterpret_cast<char*>(header.data()), static_cast<std::streamsize>(header.size()));
  if (in.gcount() == 0) return true;
  std::uint32_t id = 0;
  for (std::size_t i = kIdAt; i < header.size(); ++i) id = id << 8U | header[i];
  return in.gcount() == static_cast<std::streamsize>(header.size()) && id == static_cast<std::uint32_t>(kApplicationId);
}

Status may_replace(const fs::path& file, bool force) {
  std::error_code ec;
  if (!fs::exists(file, ec)) return ok();
  if (!fs::is_regular_file(file, ec))
    return Error{ErrorCode::exists, fmt::format("'{}' is no ordinary file", file.string()), "name a file"};
  if (!force) return already_there(file);
  if (is_ours_or_empty(file)) return ok();
  return Error{ErrorCode::exists,
               fmt::format("'{}' is not a results database; --force replaces nothing else", file.string()),
               "choose another --output, or remove the file yourself"};
}

}  // namespace

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Writer::~Writer() { impl_->close(); }

Result<std::unique_ptr<Writer>> Writer::create(const fs::path& path, bool force) {
  const fs::path file = database_path(path);
  PHASEWATT_TRY(may_replace(file, force));
  PHASEWATT_ASSIGN(WriterLock lock, WriterLock::take(file));
  return std::unique_ptr<Writer>(new Writer(std::unique_ptr<Impl>(new Impl{file, std::move(lock), true, force})));
}

Result<std::unique_ptr<Writer>> Writer::open(const fs::path& path) {
  const fs::path file = database_path(path);
  std::error_code ec;
  if (!fs::exists(file, ec))
    return Error{ErrorCode::not_found, fmt::format("there is no database '{}'", file.string()),
                 "'phasewatt study run' makes a new one"};
  PHASEWATT_ASSIGN(WriterLock lock, WriterLock::take(file));
  PHASEWATT_ASSIGN(SQLite::Database db, open_database(file, Access::write));
  std::unique_ptr<Impl> impl(new Impl{file, std::move(lock), false, false});
  impl->db.emplace(std::move(db));
  return std::unique_ptr<Writer>(new Writer(std::move(impl)));
}

void Writer::limit_pages(std::int64_t pages) { impl_->page_limit = pages; }

Result<FinishedPoints> Writer::begin(const StudyPlan& plan) {
  Impl& w = *impl_;
  if (w.is_new) {
    PHASEWATT_TRY(w.create_file(plan));
    w.is_new = false;
    PHASEWATT_ASSIGN(SQLite::Database db, open_database(w.path, Access::write));
    w.db.emplace(std::move(db));
  }
  if (!w.db) return Error{ErrorCode::internal, "the store was closed before begin()", {}};
  return guarded(w.path, [&]() -> Result<FinishedPoints> {
    PHASEWATT_TRY(w.check_fingerprint(plan));
    w.db->exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    w.apply_page_limit();
    w.simulated = plan.environment.simulated();
    w.start_session(plan);
    w.prepare();
    return w.finished();
  });
}

Status Writer::add(const RunRecord& record) {
  Impl& w = *impl_;
  if (!w.insert_run) return Error{ErrorCode::internal, "a point was added before begin() or after end()", {}};
  return guarded(w.path, [&]() -> Status {
    SQLite::Transaction transaction(*w.db, SQLite::TransactionBehavior::IMMEDIATE);
    w.write_run(record);
    w.write_requests(record);
    transaction.commit();
    return ok();
  });
}

Status Writer::spare(std::uint32_t point) {
  Impl& w = *impl_;
  if (!w.insert_run) return Error{ErrorCode::internal, "a point was spared before begin() or after end()", {}};
  return guarded(w.path, [&]() -> Status {
    SQLite::Statement statement(*w.db, "INSERT INTO point_spared VALUES (?)");
    (Row(statement) << point).run();
    return ok();
  });
}

Status Writer::end(bool complete) {
  Impl& w = *impl_;
  if (!w.insert_run) return Error{ErrorCode::internal, "the store was ended before begin() or twice", {}};
  Status done = guarded(w.path, [&]() -> Status {
    SQLite::Statement statement(
        *w.db, fmt::format("UPDATE session SET end_utc = {}, complete = ? WHERE session_index = ?", kNow));
    (Row(statement) << complete << w.session).run();
    return ok();
  });
  w.close();
  return done;
}

Result<std::int64_t> Writer::forget_void() {
  Impl& w = *impl_;
  if (!w.db) return Error{ErrorCode::internal, "there are no points to forget in a new database", {}};
  return guarded(w.path, [&]() -> Result<std::int64_t> {
    SQLite::Transaction transaction(*w.db, SQLite::TransactionBehavior::IMMEDIATE);
    const std::int64_t forgotten{w.db->exec("DELETE FROM run WHERE validity = 'void'")};
    // What the stop rule spared may be needed once those run again; it decides anew.
    if (forgotten > 0) w.db->exec("DELETE FROM point_spared");
    transaction.commit();
    return forgotten;
  });
}

}  // namespace phasewatt::store
