#include "phasewatt/analysis/logistic.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <limits>

namespace phasewatt::analysis {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kMaxSteps = 100;
constexpr double kGradientTolerance = 1e-9;

/// log(1 + exp(x)) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double sigmoid(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double e = std::exp(x);
  return e / (1 + e);
}

/// The objective with its last coefficient as the unpenalised intercept; `x` ends with a column of ones.
struct Problem {
  const MatrixXd& x;
  const VectorXd& y;  // 0 or 1
  double C;

  [[nodiscard]] double objective(const VectorXd& beta, const VectorXd& z) const {
    double loss = 0;
    for (Index i = 0; i < z.size(); ++i) loss += softplus(z[i]) - y[i] * z[i];
    return 0.5 * beta.head(beta.size() - 1).squaredNorm() + C * loss;
  }
};

std::optional<VectorXd> minimise(const Problem& problem) {
  const Index size = problem.x.cols();
  VectorXd beta = VectorXd::Zero(size);
  VectorXd z = VectorXd::Zero(problem.x.rows());
  double value = problem.objective(beta, z);
  for (int step = 0; step < kMaxSteps; ++step) {
    const VectorXd p = z.unaryExpr([](double one) { return sigmoid(one); });
    VectorXd gradient = problem.C * (problem.x.transpose() * (p - problem.y));
    gradient.head(size - 1) += beta.head(size - 1);
    if (gradient.cwiseAbs().maxCoeff() <= kGradientTolerance) return beta;

    const VectorXd weight = problem.C * p.cwiseProduct(VectorXd::Ones(p.size()) - p);
    MatrixXd hessian = problem.x.transpose() * weight.asDiagonal() * problem.x;
    hessian.diagonal().head(size - 1).array() += 1;
    const VectorXd direction = hessian.ldlt().solve(gradient);
    if (!direction.allFinite()) return std::nullopt;

    // Far from the minimum a whole step may overshoot; near it rounding may hide that the value falls.
    double length = 1;
    const double slack = 1e-12 * (1 + std::abs(value));
    for (int halving = 0; halving < 40; ++halving, length /= 2) {
      const VectorXd candidate = beta - length * direction;
      const VectorXd candidate_z = problem.x * candidate;
      const double candidate_value = problem.objective(candidate, candidate_z);
      if (!(candidate_value <= value + slack)) continue;
      beta = candidate;
      z = candidate_z;
      value = candidate_value;
      break;
    }
  }
  return std::nullopt;
}

struct Scale {
  double mean = 0;
  double deviation = 1;
};

/// As StandardScaler: a feature whose spread is a rounding residue of its mean counts as constant.
Scale scale_of(std::span<const double> values, std::span<const std::size_t> rows) {
  const auto n = static_cast<double>(rows.size());
  double mean = 0;
  for (const std::size_t row : rows) mean += values[row] / n;
  double variance = 0;
  for (const std::size_t row : rows) variance += (values[row] - mean) * (values[row] - mean) / n;
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  const double residue = n * kEpsilon * variance + (n * mean * kEpsilon) * (n * mean * kEpsilon);
  if (variance <= residue) return {mean, 1};
  return {mean, std::sqrt(variance)};
}

}  // namespace

double LogisticModel::decision(const FeatureSpans& features, std::size_t row) const {
  double z = intercept;
  for (std::size_t i = 0; i < weights.size(); ++i) z += weights[i] * ((features[i][row] - means[i]) / scales[i]);
  return z;
}

std::optional<LogisticModel> fit_logistic(const FeatureSpans& features, std::span<const std::uint8_t> labels,
                                          std::span<const std::size_t> rows, double C) {
  const auto n = static_cast<Index>(rows.size());
  const auto d = static_cast<Index>(features.size());
  VectorXd y(n);
  for (Index i = 0; i < n; ++i) y[i] = labels[rows[static_cast<std::size_t>(i)]] != 0 ? 1 : 0;
  if (n == 0 || y.minCoeff() == y.maxCoeff()) return std::nullopt;

  LogisticModel model;
  MatrixXd x(n, d + 1);
  for (Index column = 0; column < d; ++column) {
    const auto values = features[static_cast<std::size_t>(column)];
    const Scale scale = scale_of(values, rows);
    model.means.push_back(scale.mean);
    model.scales.push_back(scale.deviation);
    for (Index i = 0; i < n; ++i)
      x(i, column) = (values[rows[static_cast<std::size_t>(i)]] - scale.mean) / scale.deviation;
  }
  x.col(d).setOnes();
  const auto beta = minimise({x, y, C});
  if (!beta) return std::nullopt;
  model.weights.assign(beta->begin(), beta->end() - 1);
  model.intercept = (*beta)[d];
  return model;
}

std::optional<CrossValidation> cross_validate(const FeatureSpans& features, std::span<const std::uint8_t> labels,
                                              std::span<const int> folds, double C) {
  CrossValidation result;
  result.decisions.resize(labels.size());
  const int n_folds = folds.empty() ? 0 : *std::max_element(folds.begin(), folds.end()) + 1;
  for (int fold = 0; fold < n_folds; ++fold) {
    std::vector<std::size_t> train;
    std::vector<std::size_t> test;
    for (std::size_t row = 0; row < labels.size(); ++row) (folds[row] == fold ? test : train).push_back(row);
    const auto model = fit_logistic(features, labels, train, C);
    if (!model || test.empty()) return std::nullopt;
    std::size_t right = 0;
    for (const std::size_t row : test) {
      result.decisions[row] = model->decision(features, row);
      if ((result.decisions[row] > 0) == (labels[row] != 0)) ++right;
    }
    result.fold_accuracy.push_back(static_cast<double>(right) / static_cast<double>(test.size()));
    result.accuracy += result.fold_accuracy.back() / n_folds;
  }
  if (n_folds < 2) return std::nullopt;
  return result;
}

}  // namespace phasewatt::analysis
