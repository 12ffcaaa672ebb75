#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace phasewatt::analysis {

/// Which fold of a stratified k-fold cross-validation each row is tested in: the assignment of scikit-learn's
/// StratifiedKFold (1.2; classes by first appearance, rows of a class dealt in order). Without a seed rows are not
/// shuffled, so rows that stand together are tested together; with one the folds of each class are shuffled as
/// NumPy's RandomState(seed) does. Labels are 0 or 1. Absent for fewer than two folds or fewer rows of a class than
/// folds. Pure and thread-safe.
std::optional<std::vector<int>> stratified_folds(std::span<const std::uint8_t> labels, int folds,
                                                 std::optional<std::uint32_t> seed = std::nullopt);

}  // namespace phasewatt::analysis
