#include "phasewatt/base/student.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace phasewatt {
namespace {

constexpr std::size_t kMostDegrees = 10000;

/// Probability that |T| ≤ t.
double student_within(double t, std::size_t df) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(df)));
  const double cosine = std::cos(angle);
  const bool odd = df % 2 == 1;
  double term = odd ? cosine : 1;
  double sum = df == 1 ? 0 : term;
  for (std::size_t k = odd ? 3 : 2; k + 1 < df; k += 2) {
    const auto n = static_cast<double>(k);
    term *= cosine * cosine * (n - 1) / n;
    sum += term;
  }
  return odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

std::optional<double> student_quantile(double p, std::size_t df) {
  if (df < 1 || !(p > 0 && p < 1)) return std::nullopt;
  const std::size_t degrees = std::min(df, kMostDegrees);
  const double within = std::abs(2 * p - 1);
  double low = 0;
  double high = 1;
  while (student_within(high, degrees) < within && high < 1e12) high *= 2;
  for (int i = 0; i < 200 && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (student_within(middle, degrees) < within ? low : high) = middle;
  }
  return p < 0.5 ? -high : high;
}

}  // namespace phasewatt
