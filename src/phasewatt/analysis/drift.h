#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/context.h"

/// Did the card change while the study ran? Told by the points of reference: the same work at the stock clock, again
/// and again. docs/statistics.md has the rule.
namespace phasewatt::analysis {

/// A change over the study within this is no drift, relative.
inline constexpr double kDriftTolerance = 0.01;

enum class DriftVerdict { steady, drifted, cannot_be_told };
std::string_view to_string(DriftVerdict verdict);  ///< "steady", "drifted", "cannot be told"

/// A line through value / mean value over the order of the run.
struct Drift {
  double change = 0;             ///< from the first point to the last along the line, relative
  Interval interval;             ///< 95 %, by Student's t of the slope
  double largest_deviation = 0;  ///< of a value from the mean, relative, with its sign
  /// drifted: the interval lies outside ±kDriftTolerance; steady: inside; else it cannot be told.
  DriftVerdict verdict = DriftVerdict::cannot_be_told;
};

/// Absent for fewer than three values, when the order does not vary, or when the mean is not above 0.
std::optional<Drift> drift_of(std::span<const double> order, std::span<const double> values);

/// Energy and latency of each kind of reference point. Without rows when the study has none.
Table drift_table(const Context& context);

/// What a reader must know of it; empty when the study has no points of reference.
std::vector<std::string> drift_sentences(const Context& context);

}  // namespace phasewatt::analysis
