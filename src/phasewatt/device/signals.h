#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/device/device.h"

/// Every signal a device may have, once. The page docs/signals.md, the commands' output and the metrics' HELP lines
/// come from this table. All functions are pure and thread-safe.
namespace phasewatt::device {

/// How a signal moves in time.
enum class Behaviour {
  gauge,    ///< goes up and down
  counter,  ///< only rises, from the start of the driver; differences mean something
  bits,     ///< a set of flags in one number
};
std::string_view to_string(Behaviour behaviour);

/// What several values of a signal become: those of a window, or those of several devices.
enum class Aggregation {
  time_mean,   ///< mean, each value weighted by how long it stood
  difference,  ///< last minus first
  maximum,
  bit_union,  ///< every flag that was set
  sum,
  none,  ///< has no meaning
};
std::string_view to_string(Aggregation aggregation);

struct Signal {
  std::string_view name;  ///< as in JSON
  std::string_view unit;  ///< "W", "J", "MHz", "C", "1" for shares and flags
  Behaviour behaviour;
  Aggregation over_time;
  Aggregation over_devices;
  std::string_view metric;       ///< Prometheus' name: base unit, counters end in _total
  std::string_view nvml;         ///< where NVML tells it
  std::string_view description;  ///< a sentence
  bool ReadMask::*flag;          ///< what to ask for
  std::optional<double> (*value)(const Readings&);
};

std::span<const Signal> signals();

/// The row of that name; null when there is none.
const Signal* find_signal(std::string_view name);

/// One mask per kind of read, in the table's order: what `what` asks for, one at a time, so that each read is timed.
std::vector<ReadMask> single_reads(const ReadMask& what);

/// docs/signals.md.
std::string signals_page();

/// "# HELP …" and "# TYPE …" of a signal's metric, in Prometheus' text format.
std::string metric_header(const Signal& signal);

}  // namespace phasewatt::device
