#include "phasewatt/analysis/model_size.h"

#include <cmath>
#include <cstdlib>

namespace phasewatt::analysis {

std::optional<double> model_billions(const std::string& id) {
  const std::size_t dash = id.rfind('-');
  if (dash == std::string::npos || dash + 2 >= id.size() || (id.back() != 'b' && id.back() != 'B')) return std::nullopt;
  const std::string digits = id.substr(dash + 1, id.size() - dash - 2);
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size() || !(value > 0) || !std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace phasewatt::analysis
