#include "phasewatt/analysis/folds.h"

#include <algorithm>
#include <array>
#include <bit>
#include <random>

namespace phasewatt::analysis {
namespace {

/// A draw from 0..most by masked rejection, as NumPy's legacy generator makes it.
std::uint32_t draw(std::mt19937& generator, std::uint32_t most) {
  const std::uint32_t mask = std::bit_ceil(most + 1) - 1;
  while (true) {
    const auto value = static_cast<std::uint32_t>(generator()) & mask;
    if (value <= most) return value;
  }
}

void shuffle(std::vector<int>& values, std::mt19937& generator) {
  for (std::size_t i = values.size(); i-- > 1;)
    std::swap(values[i], values[draw(generator, static_cast<std::uint32_t>(i))]);
}

}  // namespace

std::optional<std::vector<int>> stratified_folds(std::span<const std::uint8_t> labels, int folds,
                                                 std::optional<std::uint32_t> seed) {
  if (folds < 2 || labels.empty()) return std::nullopt;
  const auto ones =
      static_cast<std::size_t>(std::count_if(labels.begin(), labels.end(), [](auto l) { return l != 0; }));
  const std::uint8_t first = labels.front() != 0 ? 1 : 0;
  const std::array count{first == 1 ? ones : labels.size() - ones, first == 1 ? labels.size() - ones : ones};
  const auto parts = static_cast<std::size_t>(folds);
  if (std::min(count[0], count[1]) < parts) return std::nullopt;

  // Sorted by class, every k-th row goes to the k-th fold; that fixes how many rows of each class a fold tests.
  std::array<std::vector<int>, 2> folds_of_class;
  for (std::size_t fold = 0; fold < parts; ++fold) {
    for (std::size_t row = fold; row < labels.size(); row += parts)
      folds_of_class.at(row < count[0] ? 0 : 1).push_back(static_cast<int>(fold));
  }
  if (seed) {
    std::mt19937 generator(*seed);
    for (auto& of_class : folds_of_class) shuffle(of_class, generator);
  }
  std::vector<int> assigned;
  assigned.reserve(labels.size());
  std::array<std::size_t, 2> next{};
  for (const std::uint8_t label : labels) {
    const std::size_t index = (label != 0 ? 1 : 0) == first ? 0 : 1;
    assigned.push_back(folds_of_class.at(index)[next.at(index)++]);
  }
  return assigned;
}

}  // namespace phasewatt::analysis
