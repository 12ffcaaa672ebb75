#pragma once

#include <string>
#include <vector>

namespace phasewatt::cli {

/// One thing a study may need.
struct Finding {
  std::string area;
  std::string name;
  bool present = false;
  std::string detail;
  std::string next;  ///< what to do when it is missing; may be empty
};

/// NVML, each GPU with its state, readings and neighbours, CUDA_VISIBLE_DEVICES, RAPL.
std::vector<Finding> examine_devices();
/// Who may change clocks here.
std::vector<Finding> examine_clocks();

}  // namespace phasewatt::cli
