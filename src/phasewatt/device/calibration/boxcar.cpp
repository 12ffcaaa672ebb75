#include "phasewatt/device/calibration/boxcar.h"

#include <Eigen/Dense>

#include <algorithm>
#include <cmath>
#include <limits>

namespace phasewatt::device {
namespace {

constexpr std::size_t kFewestTicks = 16;
constexpr double kShortestWindowS = 0.002;
constexpr double kLongestWindowS = 3.0;
constexpr double kWindowRatio = 1.2;
constexpr double kEarliestLagS = -0.010;
constexpr double kLatestLagS = 0.300;
constexpr double kLagStepS = 0.005;
constexpr double kFinestStepS = 20e-6;
constexpr int kMostRounds = 300;
/// Below this share of explained variance the load was not seen.
constexpr double kLeastExplained = 0.5;

/// Time that the load was on, up to any instant.
class OnTime {
 public:
  explicit OnTime(const StepEdges& edges) {
    double sum = 0;
    for (std::size_t i = 0; i < edges.on.size(); ++i) {
      const double on = to_seconds(edges.on[i]);
      marks_.push_back({on, sum, 1});
      if (i >= edges.off.size()) break;
      const double off = to_seconds(edges.off[i]);
      sum += off - on;
      marks_.push_back({off, sum, 0});
    }
  }
  [[nodiscard]] double until(double t) const {
    const auto after =
        std::upper_bound(marks_.begin(), marks_.end(), t, [](double at, const Mark& mark) { return at < mark.at; });
    if (after == marks_.begin()) return 0;
    const Mark& mark = *std::prev(after);
    return mark.on + mark.slope * (t - mark.at);
  }

 private:
  struct Mark {
    double at = 0;
    double on = 0;
    double slope = 0;
  };
  std::vector<Mark> marks_;
};

class Fit {
 public:
  Fit(std::span<const Tick> ticks, const StepEdges& edges) : ticks_(ticks), on_(edges) {
    middle_ = (ticks.front().at_s + ticks.back().at_s) / 2;
    half_ = std::max((ticks.back().at_s - ticks.front().at_s) / 2, 1e-9);
    for (const auto& tick : ticks) mean_ += tick.value / static_cast<double>(ticks.size());
    for (const auto& tick : ticks) total_ += (tick.value - mean_) * (tick.value - mean_);
  }

  struct Point {
    double window = 0;
    double lag = 0;
    double cost = std::numeric_limits<double>::infinity();
    double step = 0;
  };

  [[nodiscard]] Point at(double window, double lag) const {
    Eigen::Matrix4d a = Eigen::Matrix4d::Zero();
    Eigen::Vector4d b = Eigen::Vector4d::Zero();
    double yy = 0;
    for (const auto& tick : ticks_) {
      const double end = tick.at_s - lag;
      const double share = (on_.until(end) - on_.until(end - window)) / window;
      const double drift = (tick.at_s - middle_) / half_;
      const Eigen::Vector4d x(1, share, drift, share * drift);
      const double y = tick.value - mean_;
      a.noalias() += x * x.transpose();
      b += x * y;
      yy += y * y;
    }
    const Eigen::Vector4d solution = a.ldlt().solve(b);
    if (!solution.allFinite()) return {window, lag};
    return {window, lag, std::max(0.0, yy - solution.dot(b)), solution[1]};
  }

  [[nodiscard]] Point refine(Point best, bool free_window) const {
    double window_step = free_window ? best.window * 0.1 : 0;
    double lag_step = kLagStepS / 2;
    for (int left = kMostRounds; left > 0 && std::max(window_step, lag_step) > kFinestStepS; --left) {
      bool better = false;
      for (const auto& [w, l] : {std::pair{1.0, 0.0},
                                 {-1.0, 0.0},
                                 {0.0, 1.0},
                                 {0.0, -1.0},
                                 {1.0, -0.5},
                                 {-1.0, 0.5},
                                 {1.0, 0.5},
                                 {-1.0, -0.5}}) {
        const double window = best.window + w * window_step;
        if (window < kFinestStepS) continue;
        const Point next = at(window, best.lag + l * lag_step);
        if (next.cost < best.cost) {
          best = next;
          better = true;
        }
      }
      if (better) continue;
      window_step /= 2;
      lag_step /= 2;
    }
    return best;
  }

  [[nodiscard]] std::optional<Boxcar> result(const Point& best) const {
    if (!std::isfinite(best.cost) || total_ <= 0) return std::nullopt;
    const double explained = 1 - best.cost / total_;
    if (explained < kLeastExplained) return std::nullopt;
    return Boxcar{best.window, best.lag, best.step, std::sqrt(best.cost / static_cast<double>(ticks_.size())),
                  explained};
  }

 private:
  std::span<const Tick> ticks_;
  OnTime on_;
  double middle_ = 0;
  double half_ = 1;
  double mean_ = 0;
  double total_ = 0;
};

bool enough(std::span<const Tick> ticks, const StepEdges& edges) {
  return ticks.size() >= kFewestTicks && edges.on.size() >= 3 && edges.off.size() + 1 >= edges.on.size();
}

}  // namespace

std::optional<Boxcar> fit_boxcar(std::span<const Tick> ticks, const StepEdges& edges) {
  if (!enough(ticks, edges)) return std::nullopt;
  const Fit fit(ticks, edges);
  Fit::Point best;
  for (double window = kShortestWindowS; window < kLongestWindowS; window *= kWindowRatio)
    for (double lag = kEarliestLagS; lag < kLatestLagS; lag += std::max(kLagStepS, window / 20)) {
      const auto point = fit.at(window, lag);
      if (point.cost < best.cost) best = point;
    }
  return fit.result(fit.refine(best, true));
}

std::optional<Boxcar> fit_lag(std::span<const Tick> ticks, const StepEdges& edges, double window_s) {
  if (!enough(ticks, edges)) return std::nullopt;
  const Fit fit(ticks, edges);
  Fit::Point best;
  for (double lag = kEarliestLagS; lag < kLatestLagS; lag += kLagStepS) {
    const auto point = fit.at(window_s, lag);
    if (point.cost < best.cost) best = point;
  }
  return fit.result(fit.refine(best, false));
}

}  // namespace phasewatt::device
