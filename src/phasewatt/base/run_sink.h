#pragma once

#include <cstdint>
#include <map>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

namespace phasewatt {

/// What a resumed run needs to know of a point that is over.
struct FinishedPoint {
  bool spared = false;  ///< not run: the stop rule had what it wanted
  Validity validity = Validity::valid;
  std::optional<Joules> energy;
  double wall_s = 0;
};
using FinishedPoints = std::map<std::uint32_t, FinishedPoint>;

/// Where finished points go. The store implements it; replay knows only this. Calls come from one thread at a time.
class RunSink {
 public:
  virtual ~RunSink() = default;

  /// Opens a study, new or resumed; returns the points that are already finished, by index. An existing study
  /// with another fingerprint is an error (ErrorCode::exists).
  virtual Result<FinishedPoints> begin(const StudyPlan& plan) = 0;

  /// Keeps one finished point, all or nothing. After it returns, the point survives `kill -9`.
  virtual Status add(const RunRecord& record) = 0;

  /// A point that will not be run: its cell's interval is narrow enough.
  virtual Status spare(std::uint32_t point) = 0;

  /// Closes the study; `complete` is false after an interruption.
  virtual Status end(bool complete) = 0;
};

}  // namespace phasewatt
