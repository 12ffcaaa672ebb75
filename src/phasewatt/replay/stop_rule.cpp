#include "phasewatt/replay/stop_rule.h"

#include <cmath>
#include <numeric>

#include "phasewatt/base/student.h"

namespace phasewatt::replay {
namespace {

std::uint32_t cell_of(const RunPoint& point) { return point.index - static_cast<std::uint32_t>(point.repeat); }

}  // namespace

std::optional<double> relative_width(const std::vector<double>& values) {
  if (values.size() < 2) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (mean == 0) return std::nullopt;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return 2 * *student_quantile(0.975, values.size() - 1) * std::sqrt(squares / (n - 1) / n) / std::abs(mean);
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
