#include "phasewatt/analysis/auc.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace phasewatt::analysis {
namespace {

/// Ranks from 1; equal values share their mean rank.
std::vector<double> midranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (; begin < end; ++begin) ranks[order[begin]] = rank;
  }
  return ranks;
}

/// For each row of one class, the share of the other class's rows that it is on the right side of.
std::vector<double> placements(const std::vector<double>& ranks_among_all, std::span<const double> own,
                               std::size_t others) {
  std::vector<double> result = midranks(own);
  for (std::size_t i = 0; i < result.size(); ++i)
    result[i] = (ranks_among_all[i] - result[i]) / static_cast<double>(others);
  return result;
}

}  // namespace

std::optional<Auc> auc(std::span<const double> scores, std::span<const std::uint8_t> labels) {
  if (scores.size() != labels.size() || scores.empty() || *minimum(scores) == *maximum(scores)) return std::nullopt;
  const std::vector<double> ranks = midranks(scores);
  std::vector<double> scores_of[2];
  std::vector<double> ranks_of[2];
  for (std::size_t row = 0; row < labels.size(); ++row) {
    const std::size_t label = labels[row] != 0 ? 1 : 0;
    scores_of[label].push_back(scores[row]);
    ranks_of[label].push_back(ranks[row]);
  }
  Auc result;
  result.zeros = scores_of[0].size();
  result.ones = scores_of[1].size();
  if (result.zeros == 0 || result.ones == 0) return std::nullopt;
  const std::vector<double> of_ones = placements(ranks_of[1], scores_of[1], result.zeros);
  const std::vector<double> of_zeros = placements(ranks_of[0], scores_of[0], result.ones);
  result.value = *mean(of_ones);
  const auto spread_ones = standard_deviation(of_ones);
  const auto spread_zeros = standard_deviation(of_zeros);
  if (!spread_ones || !spread_zeros) return result;
  const double variance = *spread_ones * *spread_ones / static_cast<double>(result.ones) +
                          *spread_zeros * *spread_zeros / static_cast<double>(result.zeros);
  // Where the classes do not overlap the estimate is 0, which is no statement about the spread.
  if (!(variance > 1e-20)) return result;
  const double error = std::sqrt(variance);
  result.standard_error = error;
  result.interval =
      Interval{std::max(0.0, result.value - kNormal975 * error), std::min(1.0, result.value + kNormal975 * error)};
  result.p = std::erfc(std::abs(result.value - 0.5) / error / std::sqrt(2.0));
  return result;
}

std::vector<std::optional<double>> holm(const std::vector<std::optional<double>>& p) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i)
    if (p[i]) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return *p[a] < *p[b]; });
  std::vector<std::optional<double>> adjusted(p.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, *p[order[i]] * static_cast<double>(order.size() - i)));
    adjusted[order[i]] = largest;
  }
  return adjusted;
}

}  // namespace phasewatt::analysis
