#pragma once

#include <string>

namespace phasewatt {

/// How well one model answered one query, as a file of scores says it.
struct QualityScore {
  std::string id;      ///< Query::id
  std::string model;   ///< model id
  double quality = 0;  ///< 0..1
};

}  // namespace phasewatt
