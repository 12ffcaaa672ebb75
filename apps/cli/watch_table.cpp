#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>

#include "apps/cli/duration.h"
#include "apps/cli/watch_view.h"
#include "phasewatt/device/signals.h"

namespace phasewatt::cli {
namespace {

using device::Readings;

/// The newest value of each signal.
struct Row {
  Readings seen;
  std::optional<Joules> first_energy;
  std::optional<Error> trouble;
};

template <class T>
void keep(std::optional<T>& old, const std::optional<T>& now, bool asked) {
  if (asked) old = now;
}

void update(Readings& seen, const Readings& now, const device::ReadMask& what) {
  keep(seen.power_instant, now.power_instant, what.power_instant);
  keep(seen.power_average, now.power_average, what.power_average);
  keep(seen.energy, now.energy, what.energy);
  keep(seen.sm_clock, now.sm_clock, what.clocks);
  keep(seen.memory_clock, now.memory_clock, what.clocks);
  keep(seen.temperature, now.temperature, what.temperature);
  keep(seen.throttle_mask, now.throttle_mask, what.throttle);
  keep(seen.gpu_utilization, now.gpu_utilization, what.utilization);
  keep(seen.other_processes, now.other_processes, what.processes);
}

template <class T>
std::string cell(const std::optional<T>& value, const char* format, double scale = 1) {
  if (!value) return "-";
  if constexpr (requires { value->value(); })
    return fmt::format(fmt::runtime(format), value->value() * scale);
  else
    return fmt::format(fmt::runtime(format), static_cast<double>(*value) * scale);
}

class WatchTable final : public WatchView {
 public:
  WatchTable(WatchHead head, const std::vector<WatchedGpu>& gpus, const Console& console)
      : head_(std::move(head)), gpus_(gpus), console_(console), rows_(gpus.size()), in_place_(::isatty(1) == 1) {
    for (std::size_t i = 0; i < gpus.size(); ++i) rows_[i].trouble = gpus[i].trouble;
  }

  void take(const device::SampleRead& read) override {
    const std::scoped_lock lock(mutex_);
    auto& row = rows_[read.device];
    row.trouble = read.readings ? std::nullopt : std::optional(read.readings.error());
    if (!read.readings) return;
    update(row.seen, *read.readings, read.what);
    if (!row.first_energy) row.first_energy = row.seen.energy;
  }

  void refresh(const std::vector<std::optional<Mhz>>& asked) override {
    std::string text = in_place_ ? "\x1b[H\x1b[J" : "";
    text += fmt::format("{}driver {}, every {}\n", head_.simulated ? "SIMULATED, " : "", head_.driver,
                        duration_words(head_.interval));
    text += fmt::format("{:<4}{:>9}{:>10}{:>12}{:>7}{:>7}{:>8}{:>5}{:>6}{:>8}  {}\n", "GPU", "power W", "average W",
                        "energy J", "asked", "SM MHz", "mem MHz", "C", "busy", "others", "why the clock is not higher");
    {
      const std::scoped_lock lock(mutex_);
      for (std::size_t i = 0; i < rows_.size(); ++i) text += line(gpus_[i].gpu, rows_[i], asked[i]);
    }
    console_.out(text);
    (void)std::fflush(stdout);
  }

  void finish(std::uint64_t missed) override {
    if (missed > 0)
      console_.say(fmt::format("{} readings were left out, because the reads before them took too long", missed));
  }

  std::optional<Error> trouble() override {
    const std::scoped_lock lock(mutex_);
    for (const auto& row : rows_)
      if (row.trouble) return row.trouble;
    return std::nullopt;
  }

 private:
  static std::string line(const device::nvml::NvmlGpu& gpu, const Row& row, const std::optional<Mhz>& asked) {
    if (row.trouble) return fmt::format("{:<4}{}\n    -> {}\n", gpu.index, row.trouble->what, row.trouble->hint);
    const auto& seen = row.seen;
    std::optional<Joules> energy;
    if (seen.energy && row.first_energy) energy = *seen.energy - *row.first_energy;
    const auto others =
        seen.other_processes ? std::optional(static_cast<double>(seen.other_processes->size())) : std::nullopt;
    return fmt::format("{:<4}{:>9}{:>10}{:>12}{:>7}{:>7}{:>8}{:>5}{:>6}{:>8}  {}\n", gpu.index,
                       cell(seen.power_instant, "{:.1f}"), cell(seen.power_average, "{:.1f}"), cell(energy, "{:.1f}"),
                       cell(asked, "{:g}"), cell(seen.sm_clock, "{:g}"), cell(seen.memory_clock, "{:g}"),
                       cell(seen.temperature, "{:.0f}"), cell(seen.gpu_utilization, "{:.0f}%", 100),
                       cell(others, "{:.0f}"), seen.throttle_mask ? throttle_words(*seen.throttle_mask) : "-");
  }

  WatchHead head_;
  const std::vector<WatchedGpu>& gpus_;
  const Console& console_;
  std::mutex mutex_;
  std::vector<Row> rows_;
  bool in_place_;
};

}  // namespace

std::unique_ptr<WatchView> make_watch_table(const WatchHead& head, const std::vector<WatchedGpu>& gpus,
                                            const Console& console) {
  return std::make_unique<WatchTable>(head, gpus, console);
}

}  // namespace phasewatt::cli
