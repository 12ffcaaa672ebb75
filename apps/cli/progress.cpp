#include "apps/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

namespace phasewatt::cli {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::size_t kWidth = 24;

std::string clock_text(const std::optional<Mhz>& clock) {
  return clock ? fmt::format("{:.0f}", clock->value()) : std::string("stock");
}

std::string bar(double share) {
  const auto filled = static_cast<std::size_t>(share * kWidth);
  return fmt::format("[{}{}]", std::string(filled, '#'), std::string(kWidth - filled, '.'));
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
  const std::string line = fmt::format(
      "\r{} {}/{} points, {} left | {} {} B={} | SM clock asked {} seen {} MHz\x1b[K",
      bar(static_cast<double>(progress.done) / progress.total), progress.done, progress.total,
      progress.eta_s ? time_text(*progress.eta_s) : "?", record.point.model, record.point.dataset, record.point.batch,
      clock_text(record.clock.asked), record.clock.seen ? fmt::format("{:.0f}", record.clock.seen->value()) : "?");
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

ShareBar::~ShareBar() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
}

void ShareBar::show(std::optional<double> share, const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!console_.progress() || (!output_follows_ && ::isatty(STDOUT_FILENO) != 0)) return;
  if (drawn_ && now - last_draw_ < kRedrawEvery) return;
  last_draw_ = now;
  drawn_ = true;
  fmt::print(stderr, "\r{}{}\x1b[K", share ? bar(*share) + " " : "", text);
  std::fflush(stderr);
}

}  // namespace phasewatt::cli
