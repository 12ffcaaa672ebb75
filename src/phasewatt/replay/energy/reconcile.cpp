#include "phasewatt/replay/energy/reconcile.h"

#include <cmath>
#include <vector>

namespace phasewatt::replay {
namespace {

double squared(double x) { return x * x; }

/// One round among the parts that are free; whether one of them fell below 0 and was held there.
bool correct(std::span<Part> parts, std::vector<bool>& held, double total) {
  double sum = 0;
  double variance = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sum += parts[i].value;
    if (!held[i]) variance += squared(parts[i].half_width);
  }
  if (variance == 0) return false;
  const double missing = total - sum;
  bool again = false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (held[i]) continue;
    parts[i].value += missing * squared(parts[i].half_width) / variance;
    if (parts[i].value >= 0) continue;
    parts[i].value = 0;
    held[i] = again = true;
  }
  return again;
}

}  // namespace

void reconcile(std::span<Part> parts, double total, double total_half_width) {
  double variance = 0;
  for (const Part& part : parts) variance += squared(part.half_width);
  if (variance == 0) return;
  std::vector<bool> held(parts.size(), false);
  while (correct(parts, held, total)) {
  }
  for (Part& part : parts) {
    const double share = squared(part.half_width) / variance;
    part.half_width = std::sqrt(squared(part.half_width) * (1 - share) + squared(share * total_half_width));
  }
}

}  // namespace phasewatt::replay
