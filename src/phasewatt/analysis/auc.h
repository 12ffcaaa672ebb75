#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "phasewatt/analysis/stats.h"

/// How well a score tells two classes apart. Pure and thread-safe; values must be finite.
namespace phasewatt::analysis {

/// Area under the ROC curve: the share of pairs of a 1 and a 0 in which the 1 scores higher, ties half.
struct Auc {
  double value = 0;
  std::size_t ones = 0;
  std::size_t zeros = 0;
  std::optional<double> standard_error;  ///< DeLong's; absent when a class has one row or the estimate is 0
  std::optional<Interval> interval;      ///< value ± 1.959964 standard errors, cut to 0..1
  std::optional<double> p;               ///< two-sided, of AUC = 0.5, from value and standard error as a normal
};

/// By midranks (Sun and Xu's algorithm of DeLong, DeLong and Clarke-Pearson 1988), O(n log n). Absent when a class is
/// empty or the score does not vary.
std::optional<Auc> auc(std::span<const double> scores, std::span<const std::uint8_t> labels);

/// p-values adjusted for their number by Holm's method: significant at level a where the adjusted one is below a.
/// An absent p stays absent and does not count.
std::vector<std::optional<double>> holm(const std::vector<std::optional<double>>& p);

}  // namespace phasewatt::analysis
