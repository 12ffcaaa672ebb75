#pragma once

#include <map>
#include <optional>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/replay/study.h"

namespace phasewatt::replay {

/// When a cell has been repeated often enough ([measure] repeats_max and confidence_width). Not thread-safe.
class StopRule {
 public:
  explicit StopRule(const Study& study);

  /// A finished point; void ones and reference points do not count. A cell in which a point lacks its energy counts by
  /// wall times.
  void add(const RunPoint& point, Validity validity, std::optional<Joules> energy, double wall_s);

  /// Whether `point` is a repeat beyond the least number of them, in a cell whose 95 % interval of the mean (Student's
  /// t over its repeats) is no wider than the study asks for. Always false for a fixed count.
  [[nodiscard]] bool satisfied(const RunPoint& point) const;

 private:
  bool fixed_;
  int least_;
  double width_;
  struct Cell {
    std::vector<double> joules;
    std::vector<double> seconds;
  };
  std::map<std::uint32_t, Cell> cells_;  ///< by the index of the cell's first repeat
};

/// Full width of the 95 % interval of the mean of `values` over |mean|, by Student's t; absent for fewer than two
/// values or a mean of 0.
std::optional<double> relative_width(const std::vector<double>& values);

}  // namespace phasewatt::replay
