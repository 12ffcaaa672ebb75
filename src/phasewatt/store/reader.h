#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// Studies read back. Every function opens the file on its own, read-only, and sees one consistent state, also while a
/// study is running. All are thread-safe. Errors: not_found, permission, io, database (not ours, damaged, other
/// version).
namespace phasewatt::store {

/// What resume needs: the plan as it was begun. Texts of queries are empty where the study did not keep them, and so is
/// StudyQuery::option_tokens everywhere.
Result<StudyPlan> read_plan(const std::filesystem::path& path);

/// What analysis needs. `records[i].requests` is empty; `qualities` are means over all finished points.
Result<StudyData> read_study(const std::filesystem::path& path);

/// One process that worked on a study. Time stamps are UTC, ISO 8601 with milliseconds.
struct Session {
  std::string begin_utc;
  std::optional<std::string> end_utc;  ///< absent: still running, or killed
  std::optional<bool> complete;        ///< what it said at its end; false after an interruption
  std::string program_version;
  std::string host;
  std::int64_t pid = 0;
};

/// A finished point that is not valid.
struct Trouble {
  RunPoint point;
  std::optional<Mhz> sm_clock_seen;
  Validity validity = Validity::degraded;
  std::vector<Reason> reasons;
  std::string detail;
};

/// What `study status` shows.
struct StudySummary {
  std::string name;
  bool simulated = true;
  bool running = false;   ///< a process writes to it now
  bool complete = false;  ///< every point is finished or spared
  std::int64_t points_total = 0;
  std::int64_t points_done = 0;
  std::int64_t points_spared = 0;  ///< not run: the stop rule had what it wanted
  std::int64_t points_valid = 0;
  std::int64_t points_degraded = 0;
  std::int64_t points_void = 0;
  std::int64_t requests = 0;
  std::vector<Trouble> troubles;  ///< by point index
  std::vector<Session> sessions;  ///< oldest first
};
Result<StudySummary> read_status(const std::filesystem::path& path);

/// Called once per request with its point's index; an error ends the reading and is returned.
using RequestCallback = std::function<Status(std::uint32_t point_index, const RequestRecord& request)>;

/// Every request, by point, then by its place in the point.
Status for_each_request(const std::filesystem::path& path, const RequestCallback& callback);

}  // namespace phasewatt::store
