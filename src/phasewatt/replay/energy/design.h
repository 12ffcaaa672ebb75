#pragma once

#include <Eigen/Core>

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/replay/energy/phases.h"

/// The regressors of phase energy as functions of time (docs/energy.md). Internal to replay/energy.
namespace phasewatt::replay {

inline constexpr std::size_t kKinds = kPhaseCount + 1;  ///< the phases and idle
inline constexpr std::size_t kIdleKind = kPhaseCount;

/// Power as a sum of columns: the level of each kind of time, which must not be negative, and columns that describe how
/// power varies inside a kind or over the window. These have mean 0 and standard deviation 1 over that time, so that
/// one prior fits all.
class Design {
 public:
  static constexpr int kMaxColumns = 20;
  using Row = Eigen::Matrix<double, 1, Eigen::Dynamic, Eigen::RowMajor, 1, kMaxColumns>;

  /// Stretches are clipped to the window; its begin is second 0.
  Design(TimeSpan window, std::span<const PhaseStretch> stretches);

  [[nodiscard]] int columns() const { return columns_; }
  /// Column of the level of a kind, absent when it has no time.
  [[nodiscard]] std::optional<int> level(std::size_t kind) const { return level_[kind]; }
  [[nodiscard]] double seconds(std::size_t kind) const { return seconds_[kind]; }
  [[nodiscard]] double length_s() const { return length_s_; }

  /// Mean of each column over [from, to], both clamped to the window; from < to.
  [[nodiscard]] Row mean(double from_s, double to_s) const {
    return (integral(to_s) - integral(from_s)) / (to_s - from_s);
  }
  /// Integral of each column over the time of a kind, s: times the coefficients it is the kind's energy.
  [[nodiscard]] Row over_kind(std::size_t kind) const;
  /// Each column at one moment.
  [[nodiscard]] Row at(double t_s) const;

 private:
  struct Segment {
    double begin = 0;
    double end = 0;
    std::size_t kind = kIdleKind;
    double tokens = 0;
    [[nodiscard]] double seconds() const { return end - begin; }
    [[nodiscard]] double rate() const { return tokens / seconds(); }
  };
  void add_segments(TimeSpan window, std::span<const PhaseStretch> stretches);
  void add_levels();
  /// A column `value0 + value1 · (t − begin)` per segment of `kind`; centred, scaled, and left out when it is constant.
  template <class Value>
  void add_variation(std::size_t kind, Value value);
  void add_drift();
  [[nodiscard]] Row integral(double t_s) const;
  [[nodiscard]] std::size_t segment_at(double t_s) const;

  double length_s_ = 0;
  std::vector<Segment> segments_;  ///< cover the window without gaps
  std::array<std::optional<int>, kKinds> level_{};
  std::array<double, kKinds> seconds_{};
  int columns_ = 0;
  // By segment and column: value at its begin, slope, and integral up to its begin.
  using Table = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Table value_;
  Table slope_;
  Table before_;
};

}  // namespace phasewatt::replay
