#include "phasewatt/device/signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace phasewatt::device {
namespace {

template <auto Member>
std::optional<double> plain(const Readings& r) {
  const auto& reading = r.*Member;
  if (!reading) return std::nullopt;
  if constexpr (requires { reading->value(); })
    return reading->value();
  else
    return static_cast<double>(*reading);
}

std::optional<double> process_count(const Readings& r) {
  return r.other_processes ? std::optional(static_cast<double>(r.other_processes->size())) : std::nullopt;
}

constexpr std::array kSignals{
    Signal{"power_instant", "W", Behaviour::gauge, Aggregation::time_mean, Aggregation::sum,
           "phasewatt_gpu_power_instant_watts",
           "field NVML_FI_DEV_POWER_INSTANT; nvmlDeviceGetPowerUsage before Ampere and on GA100",
           "Power of the moment, as the sensor last refreshed it.", &ReadMask::power_instant,
           plain<&Readings::power_instant>},
    Signal{"power_average", "W", Behaviour::gauge, Aggregation::time_mean, Aggregation::sum,
           "phasewatt_gpu_power_average_watts",
           "field NVML_FI_DEV_POWER_AVERAGE; nvmlDeviceGetPowerUsage on Ampere (except GA100) and newer",
           "Power averaged by the driver over about one second.", &ReadMask::power_average,
           plain<&Readings::power_average>},
    Signal{"energy", "J", Behaviour::counter, Aggregation::difference, Aggregation::sum,
           "phasewatt_gpu_energy_joules_total", "nvmlDeviceGetTotalEnergyConsumption",
           "Energy drawn since the driver was loaded.", &ReadMask::energy, plain<&Readings::energy>},
    Signal{"sm_clock", "MHz", Behaviour::gauge, Aggregation::time_mean, Aggregation::none,
           "phasewatt_gpu_sm_clock_megahertz", "nvmlDeviceGetClockInfo, NVML_CLOCK_SM",
           "Clock of the streaming multiprocessors, as seen.", &ReadMask::clocks, plain<&Readings::sm_clock>},
    Signal{"memory_clock", "MHz", Behaviour::gauge, Aggregation::time_mean, Aggregation::none,
           "phasewatt_gpu_memory_clock_megahertz", "nvmlDeviceGetClockInfo, NVML_CLOCK_MEM",
           "Clock of the device memory, as seen.", &ReadMask::clocks, plain<&Readings::memory_clock>},
    Signal{"throttle_reasons", "1", Behaviour::bits, Aggregation::bit_union, Aggregation::bit_union,
           "phasewatt_gpu_throttle_reasons",
           "nvmlDeviceGetCurrentClocksEventReasons, older: nvmlDeviceGetCurrentClocksThrottleReasons",
           "Why the clock is not higher, as NVML's bit mask.", &ReadMask::throttle, plain<&Readings::throttle_mask>},
    Signal{"temperature", "C", Behaviour::gauge, Aggregation::maximum, Aggregation::maximum,
           "phasewatt_gpu_temperature_celsius", "nvmlDeviceGetTemperature, NVML_TEMPERATURE_GPU",
           "Temperature of the die, in whole degrees.", &ReadMask::temperature, plain<&Readings::temperature>},
    Signal{"gpu_utilization", "1", Behaviour::gauge, Aggregation::time_mean, Aggregation::none,
           "phasewatt_gpu_utilization_ratio", "nvmlDeviceGetUtilizationRates, gpu",
           "Share of the driver's last sample period in which a kernel ran.", &ReadMask::utilization,
           plain<&Readings::gpu_utilization>},
    Signal{"memory_utilization", "1", Behaviour::gauge, Aggregation::time_mean, Aggregation::none,
           "phasewatt_gpu_memory_utilization_ratio", "nvmlDeviceGetUtilizationRates, memory",
           "Share of the driver's last sample period in which device memory was read or written.",
           &ReadMask::utilization, plain<&Readings::memory_utilization>},
    Signal{"other_processes", "1", Behaviour::gauge, Aggregation::maximum, Aggregation::sum,
           "phasewatt_gpu_other_processes", "nvmlDeviceGetComputeRunningProcesses",
           "Processes with a context on the GPU, the one that reads excepted.", &ReadMask::processes, process_count},
};

constexpr std::string_view kPageHead = R"(# Signals

Generated from the table in `src/phasewatt/device/signals.cpp` (`phasewatt_signals_page docs/signals.md` writes it anew).

Every signal is optional: a device that lacks one leaves it absent, never 0. *Over time* says what the values of a window
become, *over devices* what the values of several devices at one time become. Only differences of a counter mean something.

| signal | unit | behaviour | over time | over devices | metric |
|---|---|---|---|---|---|
)";

constexpr std::string_view kPageTail = R"(
Units: `1` is a plain number: a share from 0 to 1, a bit mask or a count. Bits of `throttle_reasons` in words: idle 0x1,
locked_clocks 0x2, sw_power_cap 0x4, hw_slowdown 0x8, sync_boost 0x10, sw_thermal 0x20, hw_thermal 0x40, hw_power_brake
0x80, display 0x100.

How often a sensor refreshes, over what it averages and what a read costs differs by GPU and driver; see
[devices.md](devices.md).
)";

}  // namespace

std::string_view to_string(Behaviour behaviour) {
  switch (behaviour) {
    case Behaviour::gauge: return "gauge";
    case Behaviour::counter: return "counter";
    case Behaviour::bits: return "bits";
  }
  return "gauge";
}

std::string_view to_string(Aggregation aggregation) {
  switch (aggregation) {
    case Aggregation::time_mean: return "time-weighted mean";
    case Aggregation::difference: return "last minus first";
    case Aggregation::maximum: return "maximum";
    case Aggregation::bit_union: return "union";
    case Aggregation::sum: return "sum";
    case Aggregation::none: return "-";
  }
  return "-";
}

std::span<const Signal> signals() { return kSignals; }

const Signal* find_signal(std::string_view name) {
  const auto* found =
      std::find_if(kSignals.begin(), kSignals.end(), [&](const Signal& signal) { return signal.name == name; });
  return found == kSignals.end() ? nullptr : found;
}

std::vector<ReadMask> single_reads(const ReadMask& what) {
  std::vector<ReadMask> reads;
  for (const auto& signal : kSignals) {
    ReadMask one;
    one.*signal.flag = what.*signal.flag;
    if (one == ReadMask{} || std::find(reads.begin(), reads.end(), one) != reads.end()) continue;
    reads.push_back(one);
  }
  return reads;
}

std::string signals_page() {
  std::string page(kPageHead);
  for (const auto& s : kSignals)
    page += fmt::format("| `{}` | {} | {} | {} | {} | `{}` |\n", s.name, s.unit, to_string(s.behaviour),
                        to_string(s.over_time), to_string(s.over_devices), s.metric);
  page += "\n| signal | what it is | from NVML |\n|---|---|---|\n";
  for (const auto& s : kSignals) page += fmt::format("| `{}` | {} | {} |\n", s.name, s.description, s.nvml);
  page += kPageTail;
  return page;
}

std::string metric_header(const Signal& signal) {
  return fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", signal.metric, signal.description,
                     signal.behaviour == Behaviour::counter ? "counter" : "gauge");
}

}  // namespace phasewatt::device
