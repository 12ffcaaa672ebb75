#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/grid.h"

/// Which clock is best, and which others cannot be told from it.
namespace phasewatt::analysis {

/// What "best" means. The value of the first three is energy × latency^k with k = 0, 1, 2 (per request).
enum class Objective { energy, edp, ed2p, bounded_latency };
inline constexpr std::array kObjectives{Objective::energy, Objective::edp, Objective::ed2p, Objective::bounded_latency};
std::string_view to_string(Objective objective);  ///< "energy", "EDP", "ED²P", "least energy within 5 % latency"

/// Latency that `bounded_latency` may cost over the baseline.
inline constexpr double kMaxSlowdown = 0.05;

/// energy × latency^k; absent without an energy.
std::optional<double> objective_value(const Cost& cost, Objective objective);

/// The set of the best and its ties holds the true optimum at least this often.
inline constexpr double kTieConfidence = 0.95;

struct Optimum {
  std::size_t clock = 0;              ///< least mean value
  std::vector<std::size_t> tied;      ///< the other clocks that cannot be told from it, ascending
  bool ties_known = false;            ///< false when some clock has fewer than two repeats: then a tie cannot be seen
  std::vector<std::size_t> datasets;  ///< what the values are over: the datasets with a sample at the baseline
  std::size_t left_out = 0;           ///< clocks without a valid point for each of these datasets, or without energy
};

/// The best clock of a model and batch size. A clock ties when the one-sided interval of log(its value / the best's)
/// reaches 0, at kTieConfidence for all clocks together (Bonferroni); LogRatios says how repeats are compared. Absent
/// without energies or without valid points at the baseline.
std::optional<Optimum> find_optimum(const Grid& grid, std::size_t model, std::size_t batch, Objective objective);

}  // namespace phasewatt::analysis
