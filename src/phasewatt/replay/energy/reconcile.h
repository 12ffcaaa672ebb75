#pragma once

#include <span>

namespace phasewatt::replay {

/// A part of a window's energy and the half width of its 95 % interval, J; what all sensors of a card share left out.
struct Part {
  double value = 0;
  double half_width = 0;
};

/// Makes the parts sum to `total`, which is known to ± `total_half_width`: the difference goes to each part in
/// proportion to its variance (least squares under the constraint), none falls below 0, and the half widths become
/// those of the parts so corrected. Nothing changes where no part has an error. Pure and thread-safe.
void reconcile(std::span<Part> parts, double total, double total_half_width);

}  // namespace phasewatt::replay
