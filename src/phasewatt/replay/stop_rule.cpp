#include "phasewatt/replay/stop_rule.h"

#include <array>
#include <cmath>
#include <numeric>

namespace phasewatt::replay {
namespace {

/// 97.5 % quantile of Student's t by degrees of freedom, from 1; past the table Cornish and Fisher's expansion around
/// the normal quantile, good to 0.001 there.
double t_quantile(std::size_t freedom) {
  constexpr std::array kTable{12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281};
  if (freedom <= kTable.size()) return kTable[freedom - 1];
  constexpr double kZ = 1.959964;
  const auto n = static_cast<double>(freedom);
  const double z3 = kZ * kZ * kZ;
  return kZ + (z3 + kZ) / (4 * n) + (5 * z3 * kZ * kZ + 16 * z3 + 3 * kZ) / (96 * n * n);
}

std::uint32_t cell_of(const RunPoint& point) { return point.index - static_cast<std::uint32_t>(point.repeat); }

}  // namespace

std::optional<double> relative_width(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (mean == 0) return std::nullopt;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return 2 * t_quantile(values.size() - 1) * std::sqrt(squares / (n - 1) / n) / std::abs(mean);
}

StopRule::StopRule(const Study& study)
    : fixed_(!study.measure.repeats_max), least_(study.repeats), width_(study.measure.confidence_width) {}

void StopRule::add(const RunPoint& point, Validity validity, std::optional<Joules> energy, double wall_s) {
  if (fixed_ || point.reference || validity == Validity::void_) return;
  Cell& cell = cells_[cell_of(point)];
  if (energy) cell.joules.push_back(energy->value());
  cell.seconds.push_back(wall_s);
}

bool StopRule::satisfied(const RunPoint& point) const {
  if (fixed_ || point.reference || point.repeat < least_) return false;
  const auto cell = cells_.find(cell_of(point));
  if (cell == cells_.end()) return false;
  const auto& [joules, seconds] = cell->second;
  if (seconds.size() < static_cast<std::size_t>(least_)) return false;
  const auto width = relative_width(joules.size() == seconds.size() ? joules : seconds);
  return width && *width <= width_;
}

}  // namespace phasewatt::replay
