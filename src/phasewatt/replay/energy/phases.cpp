#include "phasewatt/replay/energy/phases.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <utility>

#include "phasewatt/base/student.h"
#include "phasewatt/replay/energy/design.h"
#include "phasewatt/replay/energy/least_squares.h"
#include "phasewatt/replay/energy/looks.h"

namespace phasewatt::replay {
namespace {

using device::Calibration;

constexpr int kRounds = 4;
constexpr int kReplicates = 300;
constexpr std::uint64_t kBootstrapSeed = 20240501;
constexpr std::size_t kLeastBlocks = 6;
/// So many looks are enough to choose a place to start from.
constexpr std::size_t kSearchLooks = 500;
constexpr double kLeastBlockS = 1.0;
/// Standard deviations of the priors, as shares of the mean power: of a variation inside a phase, of the drift, and
/// mean and deviation of idle power when it was not calibrated, and its deviation when it was.
constexpr double kVariationShare = 1.0;
constexpr double kDriftShare = 0.1;
constexpr double kIdleShare = 0.4;
constexpr double kIdleSigmaShare = 0.4;
constexpr double kCalibratedIdleSigmaShare = 0.1;
/// What is believed of an error of the calibrated lag, and of the period over a whole window.
constexpr double kLagSigmaS = 1e-3;
constexpr double kStretchSigmaS = 1e-3;

double lever(const Look& look, double length_s) { return (look.from + look.to) / length_s - 1; }

double moved(const Sensor& sensor, const Look& look, double length_s) {
  return sensor.shift_s + sensor.stretch_s * lever(look, length_s);
}

/// The regression of all sensors' looks on the design, on where each sensor's looks lie, and on the offset of power
/// against the counter.
class Fit {
 public:
  Fit(const Design& design, std::vector<Sensor> sensors, const Calibration& calibration)
      : design_(design), sensors_(std::move(sensors)) {
    double sum = 0;
    double n = 0;
    for (const auto& sensor : sensors_) {
      for (const auto& look : sensor.looks) sum += look.watts;
      n += static_cast<double>(sensor.looks.size());
    }
    mean_w_ = std::max(1e-3, sum / std::max(1.0, n));
    for (std::size_t kind = 0; kind < kKinds; ++kind) levels_ += design.level(kind).has_value() ? 1 : 0;
    const bool counter = std::ranges::any_of(sensors_, &Sensor::counter);
    const bool power = !std::ranges::all_of(sensors_, &Sensor::counter);
    offset_ = counter && power;
    unknowns_ = design.columns() + 2 * static_cast<int>(sensors_.size()) + (offset_ ? 1 : 0);
    make_prior(calibration);
  }

  [[nodiscard]] int unknowns() const { return unknowns_; }
  [[nodiscard]] const Prior& prior() const { return prior_; }
  [[nodiscard]] const Vector& coefficients() const { return beta_; }

  /// Finds coefficients, places and weights in turns. False when the columns cannot be told apart.
  bool run() {
    for (auto& sensor : sensors_) sensor.sigma_w = 0.05 * mean_w_;
    for (std::size_t s = 0; s < sensors_.size(); ++s) search(s);
    for (int round = 0; round < kRounds; ++round) {
      Normal rows(unknowns_);
      for (std::size_t s = 0; s < sensors_.size(); ++s)
        for (const auto& look : sensors_[s].looks) rows.add(row(s, look), look.watts, weight(s));
      const auto solved = replay::solve(rows, prior_, levels_);
      if (!solved) return false;
      beta_ = *solved;
      weigh();
      if (round + 1 < kRounds) move();
    }
    return true;
  }

  /// Sums by block of time, for the bootstrap.
  [[nodiscard]] std::vector<Normal> blocks(std::size_t count) const {
    std::vector<Normal> out(count, Normal(unknowns_));
    for (std::size_t s = 0; s < sensors_.size(); ++s)
      for (const auto& look : sensors_[s].looks) {
        const double place = 0.5 * (look.from + look.to) / design_.length_s() * static_cast<double>(count);
        out[std::min(count - 1, static_cast<std::size_t>(std::max(0.0, place)))].add(row(s, look), look.watts,
                                                                                     weight(s));
      }
    return out;
  }

  [[nodiscard]] std::optional<Vector> solve(const Normal& rows, const Vector* shift) const {
    return replay::solve(rows, prior_, levels_, shift);
  }

  /// J of each kind.
  [[nodiscard]] std::array<double, kKinds> energies(const Vector& beta) const {
    std::array<double, kKinds> out{};
    for (std::size_t kind = 0; kind < kKinds; ++kind)
      if (design_.level(kind)) out[kind] = over_kind_[kind].dot(beta.head(design_.columns()));
    return out;
  }

 private:
  [[nodiscard]] double weight(std::size_t s) const { return 1 / (sensors_[s].sigma_w * sensors_[s].sigma_w); }

  void make_prior(const Calibration& calibration) {
    prior_ = {Vector::Zero(unknowns_), Vector::Zero(unknowns_)};
    for (int c = levels_; c < design_.columns(); ++c) prior_.sigma(c) = kVariationShare * mean_w_;
    prior_.sigma(design_.columns() - 1) = kDriftShare * mean_w_;
    if (const auto idle = design_.level(kIdleKind)) {
      const bool known = calibration.idle_context.has_value();
      prior_.mean(*idle) = known ? calibration.idle_context->value() : kIdleShare * mean_w_;
      prior_.sigma(*idle) = known ? kCalibratedIdleSigmaShare * prior_.mean(*idle) : kIdleSigmaShare * mean_w_;
    }
    for (std::size_t s = 0; s < sensors_.size(); ++s) {
      const int c = design_.columns() + 2 * static_cast<int>(s);
      prior_.sigma(c) = std::hypot(sensors_[s].uncertainty_s / std::sqrt(3.0), kLagSigmaS);
      prior_.sigma(c + 1) = kStretchSigmaS;
    }
    if (offset_) prior_.sigma(unknowns_ - 1) = kVariationShare * mean_w_;
    for (std::size_t kind = 0; kind < kKinds; ++kind) over_kind_[kind] = design_.over_kind(kind).transpose();
  }

  /// Jitter is unknown for each look but its mean effect is: a look that may lie a little earlier or later sees the
  /// mean of both (two-point rule, exact for the jitter's mean and variance).
  [[nodiscard]] Design::Row columns(const Sensor& sensor, const Look& look) const {
    const double shift = moved(sensor, look, design_.length_s());
    const double from = look.from + shift;
    const double to = look.to + shift;
    if (sensor.jitter_s <= 0) return design_.mean(from, to);
    const double j = sensor.jitter_s;
    return 0.5 * (design_.mean(from - j, to - j) + design_.mean(from + j, to + j));
  }

  [[nodiscard]] Vector row(std::size_t s, const Look& look) const {
    const auto& sensor = sensors_[s];
    Vector x = Vector::Zero(unknowns_);
    x.head(design_.columns()) = columns(sensor, look).transpose();
    if (beta_.size() > 0) {
      const double shift = moved(sensor, look, design_.length_s());
      const double by_shift = ((design_.at(look.to + shift) - design_.at(look.from + shift)) / (look.to - look.from))
                                  .dot(beta_.head(design_.columns()).transpose());
      const int c = design_.columns() + 2 * static_cast<int>(s);
      x(c) = by_shift;
      x(c + 1) = by_shift * lever(look, design_.length_s());
    }
    if (offset_ && !sensor.counter) x(unknowns_ - 1) = 1;
    return x;
  }

  /// Where reads leave milliseconds open, the place of a sensor's looks that fits best of a few, by this sensor alone.
  void search(std::size_t s) {
    auto& sensor = sensors_[s];
    const double reach = sensor.uncertainty_s;
    if (reach < 0.5 * kLagSigmaS) return;
    const int steps = std::clamp(static_cast<int>(std::ceil(reach / kLagSigmaS)), 1, 6);
    const std::size_t stride = std::max<std::size_t>(1, sensor.looks.size() / kSearchLooks);
    double best = HUGE_VAL;
    double best_shift = 0;
    for (int i = -steps; i <= steps; ++i) {
      sensor.shift_s = reach * i / steps;
      Normal rows(unknowns_);
      double yy = 0;
      for (std::size_t j = 0; j < sensor.looks.size(); j += stride) {
        const auto& look = sensor.looks[j];
        rows.add(row(s, look), look.watts, weight(s));
        yy += weight(s) * look.watts * look.watts;
      }
      const auto solved = replay::solve(rows, prior_, levels_);
      if (!solved) continue;
      const Matrix gram = rows.gram.selfadjointView<Eigen::Lower>();
      const double loss = yy + solved->dot(gram * *solved) - 2 * solved->dot(rows.moment);
      if (loss < best) {
        best = loss;
        best_shift = sensor.shift_s;
      }
    }
    sensor.shift_s = best_shift;
  }

  void weigh() {
    for (std::size_t s = 0; s < sensors_.size(); ++s) {
      double squares = 0;
      for (const auto& look : sensors_[s].looks) {
        const double residual = look.watts - row(s, look).dot(beta_);
        squares += residual * residual;
      }
      const auto n = static_cast<double>(sensors_[s].looks.size());
      sensors_[s].sigma_w = std::max(1e-3 * mean_w_, std::sqrt(squares / std::max(1.0, n)));
    }
  }

  void move() {
    for (std::size_t s = 0; s < sensors_.size(); ++s) {
      auto& sensor = sensors_[s];
      const int c = design_.columns() + 2 * static_cast<int>(s);
      const double most = sensor.uncertainty_s + 3 * kLagSigmaS;
      sensor.shift_s = std::clamp(sensor.shift_s + beta_(c), -most, most);
      sensor.stretch_s = std::clamp(sensor.stretch_s + beta_(c + 1), -4 * kStretchSigmaS, 4 * kStretchSigmaS);
      beta_(c) = beta_(c + 1) = 0;
    }
  }

  const Design& design_;
  std::vector<Sensor> sensors_;
  std::array<Vector, kKinds> over_kind_;
  Prior prior_;
  Vector beta_;
  double mean_w_ = 1;
  int levels_ = 0;
  int unknowns_ = 0;
  bool offset_ = false;
};

/// Draws blocks with replacement, and priors from what they believe.
class Resampler {
 public:
  Resampler(const Fit& fit, const std::vector<Normal>& blocks) : fit_(fit), blocks_(blocks), random_(kBootstrapSeed) {}

  std::optional<Vector> draw() {
    Normal rows(fit_.unknowns());
    for (std::size_t i = 0; i < blocks_.size(); ++i) rows += blocks_[random_() % blocks_.size()];
    Vector shift(fit_.unknowns());
    for (int i = 0; i < shift.size(); ++i) shift(i) = normal();
    return fit_.solve(rows, &shift);
  }

 private:
  double uniform() { return (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53; }
  double normal() { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); }

  const Fit& fit_;
  const std::vector<Normal>& blocks_;
  std::mt19937_64 random_;
};

double sum_of(const std::array<double, kKinds>& parts) {
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum;
}

/// Standard deviation of each part over the replicates; with `scaled`, of its share of the sum.
std::optional<std::array<double, kKinds>> spread(const Fit& fit, const std::vector<Normal>& blocks, bool scaled) {
  Resampler resampler(fit, blocks);
  std::array<double, kKinds> sum{};
  std::array<double, kKinds> squares{};
  double n = 0;
  for (int i = 0; i < kReplicates; ++i) {
    const auto beta = resampler.draw();
    if (!beta) continue;
    auto parts = fit.energies(*beta);
    const double total = scaled ? sum_of(parts) : 1.0;
    if (!(total > 0)) continue;
    n += 1;
    for (std::size_t k = 0; k < kKinds; ++k) {
      sum[k] += parts[k] / total;
      squares[k] += parts[k] / total * parts[k] / total;
    }
  }
  if (n < 0.9 * kReplicates) return std::nullopt;
  std::array<double, kKinds> out{};
  for (std::size_t k = 0; k < kKinds; ++k) {
    const double mean = sum[k] / n;
    out[k] = std::sqrt(std::max(0.0, squares[k] / n - mean * mean) * n / (n - 1));
  }
  return out;
}

}  // namespace

double least_in_place_window_s(const Calibration& calibration) {
  double longest = 0;
  if (calibration.power_instant) longest = calibration.power_instant->window_s;
  if (calibration.energy) longest = std::max(longest, calibration.energy->update_s);
  if (!calibration.power_instant && !calibration.energy && calibration.power_average)
    longest = calibration.power_average->window_s;
  constexpr double kMargin = 1.05;
  return kMargin * static_cast<double>(kLeastBlocks) * std::max(kLeastBlockS, 2 * longest);
}

std::optional<PhaseEnergies> phases_in_place(const device::SensorTrace& trace, TimeSpan window,
                                             std::span<const PhaseStretch> stretches, const Calibration& calibration) {
  if (!(window.seconds() > 0)) return std::nullopt;
  const Design design(window, stretches);
  std::vector<Sensor> sensors;
  const double gain = calibration.gain.value_or(1);
  double longest = 0;
  const auto take = [&](std::optional<Sensor> sensor) {
    if (!sensor || sensor->looks.size() < 2 * kLeastBlocks) return;
    for (const auto& look : sensor->looks) longest = std::max(longest, look.to - look.from);
    sensors.push_back(std::move(*sensor));
  };
  take(power_sensor(trace.power_instant, calibration.power_instant, gain, window));
  take(counter_sensor(trace.energy, calibration.energy, window));
  // An average over a second says little beside these, and asks for blocks, and with them a window, of twice its
  // length.
  if (sensors.empty()) take(power_sensor(trace.power_average, calibration.power_average, gain, window));
  if (sensors.empty()) return std::nullopt;

  Fit fit(design, sensors, calibration);
  if (!fit.run()) return std::nullopt;
  const double block_s = std::max(kLeastBlockS, 2 * longest);
  const auto count = static_cast<std::size_t>(window.seconds() / block_s);
  if (count < kLeastBlocks) return std::nullopt;
  const auto blocks = fit.blocks(count);

  const auto energy = window_energy(trace, window, calibration);
  const auto parts = fit.energies(fit.coefficients());
  const double sum = sum_of(parts);
  if (!(sum > 0)) return std::nullopt;
  const auto& measured = energy.counter ? energy.counter : energy.integral;
  const bool scaled = energy.counter.has_value() && energy.counter->value > 0;
  const auto deviation = spread(fit, blocks, scaled);
  if (!deviation) return std::nullopt;

  PhaseEnergies out;
  out.total = scaled ? energy.counter->value : sum;
  out.total_method = scaled ? EnergyMethod::counter_delta : EnergyMethod::window_regression;
  if (measured && measured->value > 0) out.closure = sum / measured->value - 1;
  const double n = static_cast<double>(count);
  const double factor = *student_quantile(0.975, count - 1) * std::sqrt(n / (n - 1));
  for (std::size_t k = 0; k < kKinds; ++k) {
    if (!design.level(k)) continue;
    Estimate part{.value = parts[k] * out.total / sum};
    // The counter has no offset, and what is scaled to it has none either.
    const double offset_w = scaled ? 0.0 : calibration.common_offset_sigma_w;
    part.common = kTwoSided95 * std::hypot(calibration.common_gain_sigma * part.value, offset_w * design.seconds(k));
    double own = factor * (*deviation)[k] * (scaled ? out.total : 1.0);
    if (scaled) {
      const double edges = std::sqrt(std::max(0.0, energy.counter->half_width * energy.counter->half_width -
                                                       energy.counter->common * energy.counter->common));
      own = std::hypot(own, edges * parts[k] / sum);
    }
    part.half_width = std::hypot(own, part.common);
    if (k == kIdleKind)
      out.idle = part;
    else if (own > part.value)
      return std::nullopt;
    else
      out.phases[k] = part;
  }
  return out;
}

}  // namespace phasewatt::replay
