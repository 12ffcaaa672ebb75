#pragma once

#include <cstddef>
#include <optional>

namespace phasewatt {

/// The t below which Student's distribution with `df` degrees of freedom has the probability `p`. Finite series for
/// whole degrees (Abramowitz and Stegun 26.7.3, 26.7.4), solved by bisection. Undefined for df < 1 or p outside (0, 1);
/// above 10,000 degrees that of 10,000 is given, which is 0.01 % wider than the normal distribution's.
std::optional<double> student_quantile(double p, std::size_t df);

}  // namespace phasewatt
