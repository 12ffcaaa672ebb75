#include "phasewatt/replay/energy/attribution.h"

#include <algorithm>
#include <cstddef>

namespace phasewatt::replay {
namespace {

/// Adds `joules` to the requests in proportion to `weight`.
template <class Weight>
void share_out(double joules, std::span<const RequestTokens> requests, std::vector<double>& out, Weight weight) {
  double sum = 0;
  for (const auto& request : requests) sum += std::max(0.0, weight(request));
  for (std::size_t i = 0; i < requests.size(); ++i)
    out[i] +=
        sum > 0 ? joules * (std::max(0.0, weight(requests[i])) / sum) : joules / static_cast<double>(requests.size());
}

double in_order(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

}  // namespace

std::vector<double> attribute(const BatchEnergy& energy, std::span<const RequestTokens> requests) {
  std::vector<double> out(requests.size(), 0.0);
  if (requests.empty()) return out;
  const auto of = [&](Phase phase) { return energy.phases[static_cast<std::size_t>(phase)]; };
  share_out(of(Phase::prefill), requests, out, [](const RequestTokens& r) { return r.prompt; });
  share_out(of(Phase::decode), requests, out, [](const RequestTokens& r) { return r.output; });
  share_out(of(Phase::score), requests, out, [](const RequestTokens& r) { return r.options; });
  share_out(energy.idle, requests, out, [](const RequestTokens&) { return 1.0; });
  // What rounding lost goes to the largest share, where it is the smallest part. Twice, because the correction rounds.
  const double total = in_order(energy.phases) + energy.idle;
  auto& largest = *std::ranges::max_element(out);
  for (int round = 0; round < 2; ++round) largest += total - in_order(out);
  return out;
}

}  // namespace phasewatt::replay
