#pragma once

#include <Eigen/Core>

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

/// Least squares with priors, and with some coefficients that must not be negative. Internal to replay/energy.
namespace phasewatt::replay {

inline constexpr int kMaxUnknowns = 28;
using Vector = Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, kMaxUnknowns, 1>;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kMaxUnknowns, kMaxUnknowns>;

/// Sums over rows of weight · xᵀx and weight · xᵀy: all that least squares needs of them.
struct Normal {
  Matrix gram;
  Vector moment;
  explicit Normal(int unknowns) : gram(Matrix::Zero(unknowns, unknowns)), moment(Vector::Zero(unknowns)) {}
  void add(const Vector& x, double y, double weight);
  Normal& operator+=(const Normal& other);
};

/// What was believed of each coefficient before: mean and standard deviation; 0 for one that nothing is believed of.
struct Prior {
  Vector mean;
  Vector sigma;
};

/// Minimises the squared residuals and priors with the first `non_negative` coefficients ≥ 0. `shift` moves the priors'
/// means, in their standard deviations. Absent when the columns cannot be told apart.
std::optional<Vector> solve(const Normal& rows, const Prior& prior, int non_negative, const Vector* shift = nullptr);

}  // namespace phasewatt::replay
