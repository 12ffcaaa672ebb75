#pragma once

#include <chrono>
#include <optional>
#include <string>

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

/// Progress of anything whose share that is done is known: one line on a terminal.
class ShareBar {
 public:
  /// Where output runs along on the same terminal the line would break it, so nothing is drawn; `output_follows`: the
  /// output comes when the line is gone.
  explicit ShareBar(const Console& console, bool output_follows = false)
      : console_(console), output_follows_(output_follows) {}
  ~ShareBar();
  ShareBar(const ShareBar&) = delete;
  ShareBar& operator=(const ShareBar&) = delete;

  /// `share` is 0..1, absent when it is not known.
  void show(std::optional<double> share, const std::string& text);

 private:
  const Console& console_;
  bool output_follows_;
  std::chrono::steady_clock::time_point last_draw_{};
  bool drawn_ = false;
};

}  // namespace phasewatt::cli
