#pragma once

#include <chrono>

#include "apps/cli/console.h"
#include "phasewatt/replay/run.h"

namespace phasewatt::cli {

/// Progress of a study on a terminal: one line with points, time left and the current clock asked and seen.
class ProgressBar : public replay::Observer {
 public:
  explicit ProgressBar(const Console& console);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void on_point_done(const RunRecord& record, const replay::Progress& progress) override;

 private:
  const Console& console_;
  std::chrono::steady_clock::time_point last_draw_{};
  bool drawn_ = false;
};

}  // namespace phasewatt::cli
