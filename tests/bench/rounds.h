#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "phasewatt/base/result.h"

/// How much slower something gets with something else beside it: rounds of three blocks in random order, with it,
/// without, without again.
namespace phasewatt::bench {

struct Median {
  double low;
  double middle;
  double high;
};

/// Median with its distribution-free 95 % interval: ranks n/2 ± 0.98 √n.
inline Median median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const auto at = [&](double rank) {
    return values[static_cast<std::size_t>(std::clamp(std::floor(rank), 0.0, n - 1))];
  };
  return {at(n / 2 - 0.98 * std::sqrt(n)), at(n / 2), at(n / 2 + 0.98 * std::sqrt(n))};
}

struct Cost {
  Median change;   ///< with / without − 1, in per cent
  Median control;  ///< without again / without − 1, which would be 0 on a quiet machine
};

/// `with` and `without` give a throughput, as a Result; `done(round)` hears of each round. Errors are theirs.
template <class With, class Without, class Done>
Result<Cost> cost(int rounds, With with, Without without, Done done) {
  std::mt19937 random(1);
  std::vector<double> change;
  std::vector<double> control;
  for (int round = 0; round < rounds; ++round) {
    std::array<std::size_t, 3> order{0, 1, 2};
    std::shuffle(order.begin(), order.end(), random);
    std::array<double, 3> rate{};
    for (const std::size_t which : order) {
      PHASEWATT_ASSIGN(rate[which], which == 0 ? with() : without());
    }
    change.push_back(100 * (rate[0] / rate[1] - 1));
    control.push_back(100 * (rate[2] / rate[1] - 1));
    done(round + 1);
  }
  return Cost{median(std::move(change)), median(std::move(control))};
}

/// What the recorder costs (device/recorder.h) that is on during `block`.
template <class Recorder, class Block, class Done>
Result<Cost> recorder_cost(Recorder& recorder, int rounds, Block block, Done done) {
  const auto with = [&]() -> Result<double> {
    recorder.start();
    PHASEWATT_ASSIGN(const double rate, block());
    PHASEWATT_TRY(recorder.stop());
    return rate;
  };
  return cost(rounds, with, block, done);
}

}  // namespace phasewatt::bench
