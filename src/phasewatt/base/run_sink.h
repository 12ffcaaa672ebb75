#pragma once

#include <cstdint>
#include <set>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

namespace phasewatt {

/// Where finished points go. The store implements it; replay knows only this. Calls come from one thread at a time.
class RunSink {
 public:
  virtual ~RunSink() = default;

  /// Opens a study, new or resumed; returns the indices of the points that are already finished. An existing study
  /// with another fingerprint is an error (ErrorCode::exists).
  virtual Result<std::set<std::uint32_t>> begin(const StudyPlan& plan) = 0;

  /// Keeps one finished point, all or nothing. After it returns, the point survives `kill -9`.
  virtual Status add(const RunRecord& record) = 0;

  /// Closes the study; `complete` is false after an interruption.
  virtual Status end(bool complete) = 0;
};

}  // namespace phasewatt
