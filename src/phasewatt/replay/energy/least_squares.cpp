#include "phasewatt/replay/energy/least_squares.h"

#include <Eigen/Cholesky>

#include <cmath>

namespace phasewatt::replay {
namespace {

/// Smallest pivot of the scaled Gram matrix that is not rounding.
constexpr double kLeastPivot = 1e-9;

/// The unknowns in `free`, the others 0. Scaled to a unit diagonal, so that pivots can be judged.
std::optional<Vector> solve_free(const Matrix& gram, const Vector& moment, const std::vector<int>& free) {
  const auto n = static_cast<int>(free.size());
  Matrix part(n, n);
  Vector right(n);
  Vector scale(n);
  for (int i = 0; i < n; ++i) {
    const double diagonal = gram(free[i], free[i]);
    if (!(diagonal > 0)) return std::nullopt;
    scale(i) = 1 / std::sqrt(diagonal);
  }
  for (int i = 0; i < n; ++i) {
    right(i) = moment(free[i]) * scale(i);
    for (int j = 0; j < n; ++j) part(i, j) = gram(free[i], free[j]) * scale(i) * scale(j);
  }
  const Eigen::LDLT<Matrix> factor(part);
  if (factor.info() != Eigen::Success || !(factor.vectorD().minCoeff() > kLeastPivot)) return std::nullopt;
  const Vector solved = factor.solve(right);
  Vector out = Vector::Zero(moment.size());
  for (int i = 0; i < n; ++i) out(free[i]) = solved(i) * scale(i);
  return out;
}

}  // namespace

void Normal::add(const Vector& x, double y, double weight) {
  gram.selfadjointView<Eigen::Lower>().rankUpdate(x, weight);
  moment += weight * y * x;
}

Normal& Normal::operator+=(const Normal& other) {
  gram += other.gram;
  moment += other.moment;
  return *this;
}

std::optional<Vector> solve(const Normal& rows, const Prior& prior, int non_negative, const Vector* shift) {
  const auto n = static_cast<int>(rows.moment.size());
  Matrix gram = rows.gram.selfadjointView<Eigen::Lower>();
  Vector moment = rows.moment;
  for (int i = 0; i < n; ++i) {
    if (prior.sigma(i) <= 0) continue;
    const double weight = 1 / (prior.sigma(i) * prior.sigma(i));
    gram(i, i) += weight;
    moment(i) += weight * (prior.mean(i) + (shift != nullptr ? (*shift)(i)*prior.sigma(i) : 0.0));
  }

  // Few coefficients are bounded, and hardly ever does a bound hold: every choice of those at 0 is tried.
  std::optional<Vector> best;
  double best_loss = HUGE_VAL;
  for (unsigned zeros = 0; zeros < (1U << non_negative); ++zeros) {
    std::vector<int> free;
    for (int i = 0; i < n; ++i)
      if (i >= non_negative || (zeros >> i & 1U) == 0) free.push_back(i);
    auto solved = solve_free(gram, moment, free);
    if (zeros == 0 && !solved) return std::nullopt;
    if (!solved || (solved->head(non_negative).array() < 0).any()) continue;
    if (zeros == 0) return solved;
    const double loss = solved->dot(gram * *solved) - 2 * solved->dot(moment);
    if (loss < best_loss) {
      best_loss = loss;
      best = std::move(solved);
    }
  }
  return best;
}

}  // namespace phasewatt::replay
