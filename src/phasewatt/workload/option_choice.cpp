#include <algorithm>
#include <cmath>
#include <limits>

#include "phasewatt/workload/scores.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {

std::optional<OptionChoice> choose_option(std::span<const double> logprobs) {
  const auto unusable = [](double value) {
    return std::isnan(value) || value == std::numeric_limits<double>::infinity();
  };
  if (logprobs.empty() || std::any_of(logprobs.begin(), logprobs.end(), unusable)) return std::nullopt;
  const auto best = std::max_element(logprobs.begin(), logprobs.end());
  return OptionChoice{static_cast<std::size_t>(best - logprobs.begin()),
                      std::count(logprobs.begin(), logprobs.end(), *best) > 1};
}

std::optional<OptionChoice> choose_option(std::span<const double> logprobs, std::span<const int> lengths) {
  if (logprobs.size() != lengths.size()) return std::nullopt;
  std::vector<double> scores;
  scores.reserve(logprobs.size());
  for (std::size_t i = 0; i < logprobs.size(); ++i) {
    if (lengths[i] <= 0) return std::nullopt;
    scores.push_back(logprobs[i] / lengths[i]);
  }
  return choose_option(scores);
}

std::vector<int> option_characters(std::span<const std::string> options) {
  std::vector<int> lengths;
  for (const auto& option : options) lengths.push_back(static_cast<int>(count_code_points(option)));
  return lengths;
}

std::vector<int> option_bytes(std::span<const std::string> options) {
  std::vector<int> lengths;
  for (const auto& option : options) lengths.push_back(static_cast<int>(option.size()));
  return lengths;
}

}  // namespace phasewatt::workload
