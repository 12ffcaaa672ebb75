#include "apps/cli/progress.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

namespace phasewatt::cli {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::uint32_t kWidth = 24;

std::string clock_text(const std::optional<Mhz>& clock) {
  return clock ? fmt::format("{:.0f}", clock->value()) : std::string("stock");
}

std::string time_text(double seconds) {
  const auto s = std::lround(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

ProgressBar::ProgressBar(const Console& console) : console_(console) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::on_point_done(const RunRecord& record, const replay::Progress& progress) {
  if (!console_.progress() || progress.total == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (drawn_ && now - last_draw_ < kRedrawEvery && progress.done != progress.total) return;
  last_draw_ = now;
  drawn_ = true;
  const std::uint32_t filled = progress.done * kWidth / progress.total;
  const std::string line = fmt::format(
      "\r[{}{}] {}/{} points, {} left | {} {} B={} | SM clock asked {} seen {} MHz\x1b[K", std::string(filled, '#'),
      std::string(kWidth - filled, '.'), progress.done, progress.total,
      progress.eta_s ? time_text(*progress.eta_s) : "?", record.point.model, record.point.dataset, record.point.batch,
      clock_text(record.clock.asked), record.clock.seen ? fmt::format("{:.0f}", record.clock.seen->value()) : "?");
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace phasewatt::cli
