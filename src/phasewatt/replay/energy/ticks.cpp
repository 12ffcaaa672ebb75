#include "phasewatt/replay/energy/ticks.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace phasewatt::replay {
namespace {

constexpr std::size_t kLeastChanges = 8;
/// What is believed of a refresh's jitter at least, and of the clock that times reads.
constexpr double kLeastJitterS = 0.5e-3;
/// Places of a refresh in its period that are tried.
constexpr std::size_t kPlaces = 40;
constexpr double kPeriodTolerance = 0.02;
/// What is believed of the calibrated period, relative: a few changes alone would bend it by more.
constexpr double kPeriodSigma = 0.0015;
/// A change is seen between two reads; when they lie further apart than this share of the period, it says too little.
constexpr double kWidestShare = 0.9;

/// A refresh lies between `from` and `to`, seconds.
struct Change {
  double from = 0;
  double to = 0;
  std::int64_t index = 0;
  bool trusted = true;
  [[nodiscard]] double middle() const { return 0.5 * (from + to); }
};

struct Line {
  double phase = 0;
  double period = 0;
  [[nodiscard]] double at(std::int64_t index) const { return phase + period * static_cast<double>(index); }
};

std::vector<Change> changes_of(std::span<const device::SensorRead> reads, double widest_s, Nanos origin) {
  std::vector<Change> out;
  for (std::size_t i = 1; i < reads.size(); ++i) {
    if (reads[i].value == reads[i - 1].value) continue;
    const Change change{.from = to_seconds(reads[i - 1].begin - origin), .to = to_seconds(reads[i].end - origin)};
    if (change.to - change.from <= widest_s) out.push_back(change);
  }
  return out;
}

/// How many refreshes a line explains, each once: one that lets a refresh change the value twice is half a period off.
std::ptrdiff_t explained(std::span<const Change> changes, const Line& line, double jitter_s) {
  const double per_period = 1 / line.period;
  double last = -HUGE_VAL;
  std::ptrdiff_t n = 0;
  for (const auto& c : changes) {
    const double place = (c.middle() - line.phase) * per_period;
    const double index = std::floor(place + 0.5);
    if (std::abs(place - index) * line.period > 0.5 * (c.to - c.from) + 2 * jitter_s) continue;
    n += index == last ? -1 : 1;
    last = index;
  }
  return n;
}

/// The line moved to where it explains most, in the middle of what does. When refreshes fall together with reads they
/// are seen now before a read, now after it; their stretches then meet in one point, where no single stretch has its
/// middle.
Line most_agreed(std::span<const Change> changes, const Line& line, double jitter_s) {
  std::array<std::ptrdiff_t, kPlaces> found{};
  const auto moved = [&](std::size_t place) {
    return Line{line.phase + line.period * (static_cast<double>(place) / kPlaces - 0.5), line.period};
  };
  for (std::size_t i = 0; i < kPlaces; ++i) found[i] = explained(changes, moved(i), jitter_s);
  const auto worst = static_cast<std::size_t>(std::ranges::min_element(found) - found.begin());
  const auto most = std::ranges::max(found);
  std::size_t first = kPlaces;
  std::size_t last = 0;
  for (std::size_t step = 0; step < kPlaces; ++step) {
    if (found[(worst + step) % kPlaces] != most) {
      if (first < kPlaces) break;
      continue;
    }
    first = std::min(first, step);
    last = step;
  }
  return moved((worst + (first + last) / 2) % kPlaces);
}

/// Numbers the changes by the line so far, and distrusts those that it cannot explain.
void number(std::span<Change> changes, const Line& line, double jitter_s) {
  for (auto& change : changes) {
    change.index = std::llround((change.middle() - line.phase) / line.period);
    const double off = std::abs(change.middle() - line.at(change.index));
    change.trusted = off <= 0.75 * (change.to - change.from) + 4 * jitter_s;
  }
}

/// Weighted least squares of the middles on the indices, with the calibrated period as a weak observation so that few
/// changes do not bend it.
Line fit(std::span<const Change> changes, const Line& before, double calibrated_s, double jitter_s) {
  double sw = 0;
  double sk = 0;
  double st = 0;
  for (const auto& c : changes) {
    if (!c.trusted) continue;
    const double half = 0.5 * (c.to - c.from);
    const double w = 1 / (half * half / 3 + jitter_s * jitter_s);
    sw += w;
    sk += w * static_cast<double>(c.index);
    st += w * (c.middle() - calibrated_s * static_cast<double>(c.index));
  }
  if (sw == 0) return before;
  const double mean_k = sk / sw;
  const double mean_t = st / sw;
  double skk = 0;
  double skt = 0;
  for (const auto& c : changes) {
    if (!c.trusted) continue;
    const double half = 0.5 * (c.to - c.from);
    const double w = 1 / (half * half / 3 + jitter_s * jitter_s);
    const double k = static_cast<double>(c.index) - mean_k;
    skk += w * k * k;
    skt += w * k * (c.middle() - calibrated_s * static_cast<double>(c.index) - mean_t);
  }
  const double prior = 1 / (kPeriodSigma * kPeriodSigma * calibrated_s * calibrated_s);
  const double slope = skt / (skk + prior);
  return {.phase = mean_t - slope * mean_k, .period = calibrated_s + slope};
}

/// The phase between the bounds that all changes together leave, without the few that jitter pushes furthest.
void centre(std::span<const Change> changes, double jitter_s, Ticks& out) {
  std::vector<double> lows;
  std::vector<double> highs;
  for (const auto& c : changes) {
    if (!c.trusted) continue;
    lows.push_back(c.from - out.period_s * static_cast<double>(c.index));
    highs.push_back(c.to - out.period_s * static_cast<double>(c.index));
  }
  const auto spare = static_cast<std::ptrdiff_t>(lows.size() / 50);
  std::nth_element(lows.begin(), lows.end() - 1 - spare, lows.end());
  std::nth_element(highs.begin(), highs.begin() + spare, highs.end());
  const double low = *(lows.end() - 1 - spare);
  const double high = *(highs.begin() + spare);
  out.phase_s = 0.5 * (low + high);
  out.uncertainty_s = std::max(0.5 * std::abs(high - low), 0.5 * jitter_s);
}

/// Gives each refresh the value of the read nearest to the middle of its time. A read near a refresh may show either
/// value; it then counts only where a neighbour says which.
void take_values(std::span<const device::SensorRead> reads, double jitter_s, Nanos origin, Ticks& out) {
  const double guard = out.uncertainty_s + 2 * jitter_s;
  double best_distance = 0;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const double begin = to_seconds(reads[i].begin - origin) - out.phase_s;
    const double end = to_seconds(reads[i].end - origin) - out.phase_s;
    auto index = static_cast<std::int64_t>(std::floor(0.5 * (begin + end) / out.period_s));
    const double lower = out.period_s * static_cast<double>(index);
    const bool clear = begin >= lower + guard && end <= lower + out.period_s - guard;
    double distance = std::abs(0.5 * (begin + end) - lower - 0.5 * out.period_s);
    if (!clear) {
      if (end - begin > 0.5 * out.period_s) continue;
      const bool as_before = i > 0 && reads[i - 1].value == reads[i].value;
      const bool as_after = i + 1 < reads.size() && reads[i + 1].value == reads[i].value;
      if (as_before == as_after) continue;
      const auto boundary = std::llround(0.5 * (begin + end) / out.period_s);
      index = as_before ? boundary - 1 : boundary;
      distance += out.period_s;
    }
    auto& list = out.refreshes;
    if (!list.empty() && list.back().index > index) continue;
    if (list.empty() || list.back().index < index) {
      list.push_back({index, out.phase_s + out.period_s * static_cast<double>(index), reads[i].value});
      best_distance = distance;
    } else if (distance < best_distance) {
      list.back().value = reads[i].value;
      best_distance = distance;
    }
  }
}

/// Reads as rare as refreshes, or rarer: each change of value is all that is known.
std::optional<Ticks> unlocated(std::span<const device::SensorRead> reads, double period_s, Nanos origin) {
  Ticks out{.period_s = period_s, .uncertainty_s = 0.5 * period_s};
  for (std::size_t i = 1; i < reads.size(); ++i) {
    if (reads[i].value == reads[i - 1].value) continue;
    const double at = to_seconds(reads[i].end - origin) - 0.5 * period_s;
    out.refreshes.push_back({static_cast<std::int64_t>(std::floor(at / period_s)), at, reads[i].value});
  }
  if (out.refreshes.size() < kLeastChanges) return std::nullopt;
  out.phase_s = out.refreshes.front().at_s;
  return out;
}

}  // namespace

std::optional<Ticks> find_ticks(std::span<const device::SensorRead> reads, const device::SensorTiming& timing,
                                Nanos origin) {
  const double calibrated = timing.update_s;
  if (!(calibrated > 0) || reads.size() < 2 * kLeastChanges) return std::nullopt;
  auto changes = changes_of(reads, kWidestShare * calibrated, origin);
  if (changes.size() < kLeastChanges) return unlocated(reads, calibrated, origin);

  const double jitter = std::max(timing.jitter_s, kLeastJitterS);
  Line line{.phase = changes.front().middle(), .period = calibrated};
  // Over ever longer stretches, so that an error of the calibrated period never grows to half a refresh unnoticed.
  for (std::size_t n = std::min<std::size_t>(32, changes.size());; n = std::min(3 * n / 2, changes.size())) {
    const auto part = std::span(changes).first(n);
    for (int round = 0; round < 2; ++round) {
      line = most_agreed(part, line, jitter);
      number(part, line, jitter);
      line = fit(part, line, calibrated, jitter);
    }
    if (n == changes.size()) break;
  }
  number(changes, line, jitter);
  const auto trusted = static_cast<std::size_t>(std::ranges::count(changes, true, &Change::trusted));
  if (std::abs(line.period / calibrated - 1) > kPeriodTolerance || 4 * trusted < 3 * changes.size() ||
      trusted < kLeastChanges)
    return std::nullopt;

  Ticks out{.period_s = line.period, .phase_s = line.phase, .located = true};
  centre(changes, jitter, out);
  take_values(reads, jitter, origin, out);
  return out;
}

}  // namespace phasewatt::replay
