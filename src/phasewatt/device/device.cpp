#include "phasewatt/device/device.h"

#include <algorithm>

namespace phasewatt::device {

Mhz snap(const std::vector<Mhz>& supported, Mhz asked) {
  const auto above = std::lower_bound(supported.begin(), supported.end(), asked);
  if (above == supported.begin()) return supported.front();
  if (above == supported.end()) return supported.back();
  const Mhz below = *(above - 1);
  return asked - below <= *above - asked ? below : *above;
}

}  // namespace phasewatt::device
