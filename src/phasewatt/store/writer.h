#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>

#include "phasewatt/base/run_sink.h"

/// Results into a SQLite file; the format is docs/store-schema.md.
namespace phasewatt::store {

/// The sink that a study writes to. One process writes at a time; others may read meanwhile. Use from one thread at a
/// time. Errors: exists, not_found, permission, io (disk full, locked by another running study), database (damaged,
/// foreign, of a newer version), internal (a record that is not in the plan or was added before).
///
/// Each point is one transaction into a write-ahead log (synchronous = NORMAL). Once committed it lies in the kernel's
/// page cache, which outlives the process: kill -9 loses at most the point in flight. A power failure may lose the last
/// few points, but leaves a sound file, and resume runs them again. After a clean end there is one file and no log.
class Writer : public RunSink {
 public:
  /// For a new study. exists: there is a file and `force` is false. Nothing lies under that name until the plan is
  /// whole on disk in begin(); with `force` the old file stays until then. `force` replaces results databases only.
  static Result<std::unique_ptr<Writer>> create(const std::filesystem::path& path, bool force);

  /// For resuming. Checks the whole file and brings an older schema version up to date.
  static Result<std::unique_ptr<Writer>> open(const std::filesystem::path& path);

  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() override;  ///< what was added stays; without end() the session counts as cut short

  Result<FinishedPoints> begin(const StudyPlan& plan) override;
  Status add(const RunRecord& record) override;
  Status spare(std::uint32_t point) override;
  Status end(bool complete) override;

  /// Drops the void points, so that they are run again; returns how many. Between open() and begin().
  Result<std::int64_t> forget_void();

  /// The database may not grow beyond this many pages (4 KiB each); add() and begin() then fail as on a full disk.
  /// Before begin().
  void limit_pages(std::int64_t pages);

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace phasewatt::store
