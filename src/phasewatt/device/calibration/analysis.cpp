#include "phasewatt/device/calibration/analysis.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "phasewatt/base/student.h"

namespace phasewatt::device {
namespace {

using Reads = std::vector<SensorRead>;

constexpr double kMostPieces = 12;
constexpr std::size_t kFewestPieces = 4;
/// A value that stands for longer than this is no repeat but a pause.
constexpr std::int64_t kMostRepeats = 20;
/// A piece of fewer refreshes than this is mostly edge.
constexpr std::int64_t kFewestTicksOfPiece = 5;
/// A fit that leaves more of the step over than this has not found the sensor's shape.
constexpr double kOddRest = 0.05;

/// The refreshes whose averaging window lay within a span of constant load.
std::vector<Tick> within(const std::vector<Tick>& ticks, const Stretch& span, const SensorTiming& timing) {
  const double from = to_seconds(span.begin) + timing.window_s + timing.lag_s + timing.update_s;
  const double to = to_seconds(span.end) + timing.lag_s;
  std::vector<Tick> out;
  for (const auto& tick : ticks)
    if (tick.at_s > from && tick.at_s <= to) out.push_back(tick);
  return out;
}

/// The mean power between two refreshes in a row, at the later one.
std::vector<Tick> power_of_counter(const Ticks& counter) {
  std::vector<Tick> out;
  for (std::size_t i = 1; i < counter.ticks.size(); ++i) {
    const auto& before = counter.ticks[i - 1];
    const auto& now = counter.ticks[i];
    if (now.nth - before.nth == 1) out.push_back({now.at_s, (now.value - before.value) / counter.update_s, now.nth});
  }
  return out;
}

/// The value of most of the time, of which the first seconds are left out: the card may still come to rest.
std::optional<double> resting_value(const Reads& reads) {
  if (reads.empty()) return std::nullopt;
  const Nanos from = reads.front().begin + (reads.back().end - reads.front().begin) / 3;
  std::vector<double> values;
  for (const auto& read : reads)
    if (read.begin >= from) values.push_back(read.value);
  if (values.empty()) return std::nullopt;
  return median_of(std::move(values));
}

std::optional<Watts> idle_power(const SensorTrace& trace) {
  auto watts = resting_value(trace.power_average);
  if (!watts) watts = resting_value(trace.power_instant);
  return watts ? std::optional(Watts(*watts)) : std::nullopt;
}

/// Cost of a read over all traces.
void set_cost(Reads SensorTrace::*signal, const CalibrationTraces& traces, SensorTiming& timing) {
  Reads all;
  for (const auto* trace :
       {&traces.idle, &traces.idle_context, &traces.power_steps, &traces.energy_steps, &traces.steady}) {
    const Reads& reads = trace->*signal;
    all.insert(all.end(), reads.begin(), reads.end());
  }
  if (const auto cost = read_cost(all)) {
    timing.read_s = cost->median_s;
    timing.read_max_s = cost->max_s;
  }
}

/// With the refreshes that repeated the value before.
std::vector<Tick> with_repeats(const std::vector<Tick>& ticks, double update_s) {
  std::vector<Tick> out;
  for (const auto& tick : ticks) {
    while (!out.empty() && out.back().nth + 1 < tick.nth && tick.nth - out.back().nth < kMostRepeats)
      out.push_back({out.back().at_s + update_s, out.back().value, out.back().nth + 1});
    out.push_back(tick);
  }
  return out;
}

/// Noise where the power is most constant: at rest with a context, else at rest without, else under the steady load.
template <class Values>
std::optional<double> quietest_noise(Reads SensorTrace::*signal, const CalibrationTraces& traces,
                                     const SensorTiming& timing, Values values) {
  for (const auto* trace : {&traces.idle_context, &traces.idle, &traces.steady}) {
    const Reads& reads = trace->*signal;
    const auto ticks = find_ticks(reads);
    if (!ticks) continue;
    const Stretch all{reads.front().begin, reads.back().end};
    const auto& span = trace == &traces.steady ? traces.steady_load : all;
    const auto noise = noise_around_trend(within(with_repeats(values(*ticks), timing.update_s), span, timing));
    if (noise) return noise;
  }
  return std::nullopt;
}

/// The trace in which the signal was polled fastest, of those that tell its period.
std::optional<Ticks> best_ticks(const Reads& steps, const Reads& idle) {
  auto ticks = find_ticks(steps);
  return ticks ? ticks : find_ticks(idle);
}

void note_bounded(const Ticks& ticks, std::string_view name, Calibration& into) {
  if (ticks.bounded)
    into.notes.push_back(
        fmt::format("{} changed with almost every read: it is refreshed at least every {:.1f} ms, "
                    "perhaps more often.",
                    name, ticks.update_s * 1e3));
}

void note_shape(const std::optional<Boxcar>& fit, std::string_view name, Calibration& into) {
  if (!fit) {
    into.notes.push_back(
        fmt::format("{} did not follow the steps of a load: its window and lag are assumed, not measured.", name));
  } else if (fit->rest_w > kOddRest * std::abs(fit->step_w)) {
    into.notes.push_back(
        fmt::format("{} is poorly described by a mean over a window: {:.1f} W of a step of {:.0f} W are left over.",
                    name, fit->rest_w, fit->step_w));
  }
}

std::optional<SensorTiming> power_timing(Reads SensorTrace::*signal, std::string_view name, double assumed_window_s,
                                         const CalibrationTraces& traces, Calibration& into) {
  const Reads& steps = traces.power_steps.*signal;
  const auto ticks = best_ticks(steps, traces.idle.*signal);
  if (!ticks) return std::nullopt;
  note_bounded(*ticks, name, into);
  SensorTiming timing{.update_s = ticks->update_s, .jitter_s = ticks->jitter_s, .window_s = assumed_window_s};
  set_cost(signal, traces, timing);
  const auto fit = steps.empty() ? std::nullopt : fit_boxcar(ticks->ticks, traces.power_edges);
  note_shape(fit, name, into);
  if (fit) {
    timing.window_s = fit->window_s;
    timing.lag_s = std::max(0.0, fit->lag_s);
  }
  const auto same = [](const Ticks& found) { return found.ticks; };
  timing.noise_w = quietest_noise(signal, traces, timing, same).value_or(0);
  return timing;
}

std::optional<SensorTiming> counter_timing(const CalibrationTraces& traces, Calibration& into) {
  const Reads& steps = traces.energy_steps.energy;
  const auto ticks = best_ticks(steps, traces.idle.energy);
  if (!ticks) return std::nullopt;
  note_bounded(*ticks, "the energy counter", into);
  SensorTiming timing{.update_s = ticks->update_s, .jitter_s = ticks->jitter_s};
  set_cost(&SensorTrace::energy, traces, timing);
  const auto power = power_of_counter(*ticks);
  const auto lag = steps.empty() ? std::nullopt : fit_lag(power, traces.energy_edges, ticks->update_s);
  note_shape(lag, "the energy counter", into);
  if (lag) timing.lag_s = std::max(0.0, lag->lag_s);
  if (const auto free = lag ? fit_boxcar(power, traces.energy_edges) : std::nullopt;
      free && free->window_s < ticks->update_s / 2)
    into.notes.push_back(
        fmt::format("the energy counter sums {:.0f} ms of every {:.0f} ms: what happens between is not in it.",
                    free->window_s * 1e3, ticks->update_s * 1e3));
  timing.noise_w = quietest_noise(&SensorTrace::energy, traces, timing, power_of_counter).value_or(0);
  return timing;
}

void set_gain(const CalibrationTraces& traces, Calibration& into) {
  const bool instant = into.power_instant.has_value();
  const auto& timing = instant ? into.power_instant : into.power_average;
  const auto power = find_ticks(instant ? traces.steady.power_instant : traces.steady.power_average);
  auto counter = find_ticks(traces.steady.energy);
  if (!timing || !power || !counter) return;
  // The counter is read while it is integrated, so its period enters; whichever trace knows it best.
  const auto steps = find_ticks(traces.energy_steps.energy);
  if (steps && steps->update_error_s < counter->update_error_s) {
    counter->update_s = steps->update_s;
    counter->update_error_s = steps->update_error_s;
  }
  const auto gain = power_over_counter(*power, *timing, *counter, traces.steady_load);
  if (!gain) return;
  into.gain = gain->ratio;
  into.gain_error = gain->error;
  if (!instant) into.notes.emplace_back("the gain is that of the average power, since there is no instant one.");
}

}  // namespace

std::optional<double> noise_around_trend(std::span<const Tick> ticks) {
  constexpr std::size_t kFewest = 8;
  constexpr std::size_t kTerms = 3;
  if (ticks.size() < kFewest) return std::nullopt;
  // Orthogonal polynomials over the ticks, so that each term is subtracted by itself.
  const double middle = (ticks.front().at_s + ticks.back().at_s) / 2;
  const double half = std::max((ticks.back().at_s - ticks.front().at_s) / 2, 1e-9);
  std::vector<double> rest;
  rest.reserve(ticks.size());
  for (const auto& tick : ticks) rest.push_back(tick.value);
  std::vector<std::vector<double>> terms;
  for (std::size_t k = 0; k < kTerms; ++k) {
    std::vector<double> term;
    for (const auto& tick : ticks) term.push_back(std::pow((tick.at_s - middle) / half, static_cast<double>(k)));
    const auto remove = [](std::vector<double>& from, const std::vector<double>& what) {
      double dot = 0;
      double norm = 0;
      for (std::size_t i = 0; i < what.size(); ++i) {
        dot += from[i] * what[i];
        norm += what[i] * what[i];
      }
      for (std::size_t i = 0; norm > 0 && i < what.size(); ++i) from[i] -= dot / norm * what[i];
    };
    for (const auto& before : terms) remove(term, before);
    remove(rest, term);
    terms.push_back(std::move(term));
  }
  double squares = 0;
  for (const double r : rest) squares += r * r;
  return std::sqrt(squares / static_cast<double>(ticks.size() - kTerms));
}

std::optional<Gain> power_over_counter(const Ticks& power, const SensorTiming& timing, const Ticks& counter,
                                       const Stretch& load) {
  const auto watts = within(power.ticks, load, timing);
  const auto joules = within(counter.ticks, load, SensorTiming{.update_s = counter.update_s});
  if (watts.size() < 2 || joules.size() < 2) return std::nullopt;
  const std::int64_t total = joules.back().nth - joules.front().nth;
  const auto length =
      std::max(kFewestTicksOfPiece, static_cast<std::int64_t>(std::ceil(static_cast<double>(total) / kMostPieces)));
  std::vector<double> ratios;
  for (std::size_t first = 0, last = 1; last < joules.size(); ++last) {
    const std::int64_t periods = joules[last].nth - joules[first].nth;
    if (periods < length) continue;
    // Each reading stands for the period before it; one that repeats the last is still there as that.
    const double from = joules[first].at_s + timing.lag_s;
    const double to = joules[last].at_s + timing.lag_s;
    double sum = 0;
    double number = 0;
    for (std::size_t i = 1; i < watts.size(); ++i) {
      if (watts[i].at_s <= from || watts[i].at_s > to) continue;
      const auto repeats = static_cast<double>(watts[i].nth - watts[i - 1].nth - 1);
      sum += watts[i].value + repeats * watts[i - 1].value;
      number += 1 + repeats;
    }
    const double counted = joules[last].value - joules[first].value;
    if (number > 0 && counted > 0)
      ratios.push_back(sum / number * counter.update_s * static_cast<double>(periods) / counted);
    first = last;
  }
  if (ratios.size() < kFewestPieces) return std::nullopt;
  const auto n = static_cast<double>(ratios.size());
  Gain gain{0, 0};
  for (const double r : ratios) gain.ratio += r / n;
  double squares = 0;
  for (const double r : ratios) squares += (r - gain.ratio) * (r - gain.ratio);
  const double scatter = std::sqrt(squares / (n - 1) / n);
  gain.error =
      *student_quantile(0.975, ratios.size() - 1) * std::hypot(scatter, counter.update_error_s / counter.update_s);
  return gain;
}

std::optional<SwitchLatency> switch_latency(const SwitchTrace& trace, Mhz tolerance) {
  const auto near = [&](const ClockRead& read, Mhz clock) {
    return read.sm_clock && std::abs(read.sm_clock->value() - clock.value()) <= tolerance.value();
  };
  SwitchLatency out{trace.from, trace.to, to_seconds(trace.call_end - trace.call_begin), 0, 0};
  std::optional<Nanos> first;
  std::optional<Nanos> stable;
  for (const auto& read : trace.clocks) {
    if (!read.sm_clock || read.at < trace.call_begin) continue;
    if (!first && !near(read, trace.from)) first = read.at;
    if (!near(read, trace.to))
      stable.reset();
    else if (!stable)
      stable = read.at;
  }
  if (!stable) return std::nullopt;
  out.stable_s = to_seconds(*stable - trace.call_begin);
  out.first_effect_s = first ? to_seconds(*first - trace.call_begin) : out.stable_s;
  return out;
}

void analyse_traces(const CalibrationTraces& traces, Calibration& into) {
  const Calibration assumed = assumed_calibration();
  into.assumed = false;
  into.common_gain_sigma = assumed.common_gain_sigma;
  into.common_offset_sigma_w = assumed.common_offset_sigma_w;
  into.power_instant =
      power_timing(&SensorTrace::power_instant, "the instant power", assumed.power_instant->window_s, traces, into);
  into.power_average =
      power_timing(&SensorTrace::power_average, "the average power", assumed.power_average->window_s, traces, into);
  into.energy = counter_timing(traces, into);
  set_gain(traces, into);
  if (traces.alone)
    into.idle = idle_power(traces.idle);
  else
    into.notes.emplace_back(
        "another process held a context, or the card cannot tell: the power without one is not known.");
  into.idle_context = idle_power(traces.idle_context);
  constexpr Watts kNoise{1};
  if (into.idle && into.idle_context && *into.idle > *into.idle_context + kNoise)
    into.notes.push_back(
        fmt::format("the power without a context, {:.1f} W, is above that with one, {:.1f} W: the card had probably "
                    "not come to rest "
                    "from earlier work; let it rest and calibrate anew if that power matters.",
                    into.idle->value(), into.idle_context->value()));
}

}  // namespace phasewatt::device
