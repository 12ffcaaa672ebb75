#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

/// Logistic regression with an L2 penalty on standardised features, as scikit-learn's
/// make_pipeline(StandardScaler(), LogisticRegression(C=1)): minimises ½ wᵀw + C Σ log(1 + exp(−y(xᵀw + b))), y = ±1,
/// by Newton steps; the intercept b is not penalised. Pure and thread-safe; values must be finite.
namespace phasewatt::analysis {

/// One span per feature, all as long as the labels.
using FeatureSpans = std::vector<std::span<const double>>;

struct LogisticModel {
  double intercept = 0;
  std::vector<double> weights;  ///< of the standardised features
  std::vector<double> means;    ///< of the rows it was fitted on
  std::vector<double> scales;   ///< their standard deviation (divided by n); 1 for a feature that does not vary

  /// Log-odds that the label is 1.
  [[nodiscard]] double decision(const FeatureSpans& features, std::size_t row) const;
};

/// Fitted on `rows`. Absent when they hold one class only, or when the steps do not settle.
std::optional<LogisticModel> fit_logistic(const FeatureSpans& features, std::span<const std::uint8_t> labels,
                                          std::span<const std::size_t> rows, double C = 1);

struct CrossValidation {
  std::vector<double> fold_accuracy;  ///< share of right labels in each test fold; a decision of 0 means label 0
  double accuracy = 0;                ///< their unweighted mean
  std::vector<double> decisions;      ///< by row, from the model that did not see it
};

/// Each row is decided by a model (scaler included) fitted on the other folds. Absent when a fit is, or a fold is
/// empty.
std::optional<CrossValidation> cross_validate(const FeatureSpans& features, std::span<const std::uint8_t> labels,
                                              std::span<const int> folds, double C = 1);

}  // namespace phasewatt::analysis
