#include "apps/cli/devices_watch.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <optional>

#include "apps/cli/clock_helper.h"
#include "apps/cli/duration.h"
#include "apps/cli/gpus.h"
#include "apps/cli/watch_view.h"
#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/signals.h"

namespace phasewatt::cli {
namespace {

using device::ReadMask;
using device::SamplePlan;
using std::chrono::seconds;

/// The table is drawn so long after the reads it shows.
constexpr Nanos kAfterReads = std::chrono::milliseconds(100);
/// Redrawing more often than this shows nothing more to a person.
constexpr Nanos kShortestRefresh = std::chrono::milliseconds(200);

/// How often each thing is read.
struct Rates {
  Nanos interval{};
  Nanos energy{};
  std::optional<Nanos> span;
};

Result<Rates> parse(const WatchOptions& options) {
  Rates rates;
  PHASEWATT_ASSIGN(rates.interval, parse_duration(options.interval, "--interval"));
  rates.energy = std::max<Nanos>(rates.interval, seconds(1));
  if (!options.energy_interval.empty()) {
    PHASEWATT_ASSIGN(rates.energy, parse_duration(options.energy_interval, "--energy-interval"));
  }
  if (!options.span.empty()) {
    PHASEWATT_ASSIGN(rates.span, parse_duration(options.span, "--for"));
  }
  return rates;
}

/// What costs much, or changes slowly, is read less often: the energy counter (milliseconds a call), and once a second
/// the driver's utilisation and the list of processes.
Nanos rate_of(const ReadMask& what, const Rates& rates) {
  if (what.energy) return rates.energy;
  if (what.utilization || what.processes) return std::max<Nanos>(rates.interval, seconds(1));
  return rates.interval;
}

std::vector<WatchedGpu> open_gpus(const Gpus& gpus, const std::vector<std::size_t>& chosen) {
  std::vector<WatchedGpu> watched;
  for (const auto place : chosen) {
    WatchedGpu each{gpus.all[place], nullptr, std::nullopt};
    auto opened = device::nvml::NvmlDevice::open(gpus.nvml, each.gpu);
    if (opened)
      each.device = *std::move(opened);
    else
      each.trouble = std::move(opened).error();
    watched.push_back(std::move(each));
  }
  return watched;
}

/// Each signal of each GPU that could be opened, in a read of its own, so that its begin and end are known. Energy
/// reads of several GPUs are spread, so that they do not hold up the fast ones all at once.
device::SignalSampler make_sampler(const std::vector<WatchedGpu>& watched, const Rates& rates, WatchView& view) {
  std::vector<device::Device*> devices;
  std::vector<SamplePlan> plans;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    devices.push_back(watched[i].device.get());
    if (watched[i].device == nullptr) continue;
    for (const auto& what : device::single_reads(watched[i].device->info().readable)) {
      const auto share = static_cast<std::int64_t>(i) * rates.energy / static_cast<std::int64_t>(watched.size());
      const Nanos phase = what.energy ? Nanos(share) : Nanos(0);
      plans.push_back({i, what, rate_of(what, rates), phase});
    }
  }
  return {devices, plans, [&view](const device::SampleRead& read) { view.take(read); }, monotonic_now};
}

/// SIGINT and SIGTERM are waited for, not handled: all threads of this process block them from here on.
sigset_t block_stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

/// True when a signal came before `until`.
bool stopped_before(const sigset_t& set, Nanos until) {
  while (true) {
    const Nanos left = until - monotonic_now();
    if (left <= Nanos(0)) return false;
    const timespec wait{left / seconds(1), (left % seconds(1)).count()};
    if (::sigtimedwait(&set, nullptr, &wait) > 0) return true;
  }
}

void show_until_the_end(const sigset_t& set, const std::vector<WatchedGpu>& watched, const Rates& rates,
                        WatchView& view) {
  AskedClocks asked;
  const Nanos begin = monotonic_now();
  const Nanos period = std::max(rates.interval, kShortestRefresh);
  for (Nanos next = begin + std::min(kAfterReads, period / 2);; next += period) {
    const bool last = rates.span && begin + *rates.span <= next;
    if (stopped_before(set, last ? begin + *rates.span : next) || last) return;
    std::vector<std::optional<Mhz>> clocks;
    clocks.reserve(watched.size());
    for (const auto& each : watched) clocks.push_back(asked.of(each.gpu.uuid));
    view.refresh(clocks);
  }
}

}  // namespace

Status watch_devices(const WatchOptions& options, const Console& console) {
  PHASEWATT_ASSIGN(const Rates rates, parse(options));
  const Gpus gpus = look_for_gpus();
  PHASEWATT_ASSIGN(const auto chosen, choose_gpus(gpus, options.devices));
  const auto watched = open_gpus(gpus, chosen);
  const WatchHead head{gpus.nvml->library(), gpus.nvml->driver_version().value_or("unknown"), gpus.nvml->simulated(),
                       rates.interval, rates.energy};
  const auto view = console.json ? make_watch_lines(head, watched, console) : make_watch_table(head, watched, console);
  const sigset_t stop = block_stop_signals();
  auto sampler = make_sampler(watched, rates, *view);
  {
    const PeriodicWorker worker([&](Nanos now) { return sampler.step(now); });
    show_until_the_end(stop, watched, rates, *view);
  }
  view->finish(sampler.missed());
  if (auto trouble = view->trouble()) return *std::move(trouble);
  return ok();
}

}  // namespace phasewatt::cli
