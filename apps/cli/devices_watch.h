#pragma once

#include <string>
#include <vector>

#include "apps/cli/console.h"

namespace phasewatt::cli {

/// As given on the command line.
struct WatchOptions {
  std::vector<std::string> devices;  ///< empty: what CUDA would see
  std::string interval = "1s";
  std::string energy_interval;  ///< empty: the interval, but at least a second
  std::string span;             ///< empty: until interrupted
};

/// Shows the readings of GPUs until the span has passed or SIGINT or SIGTERM comes: a table, or a line per reading with
/// --json.
Status watch_devices(const WatchOptions& options, const Console& console);

}  // namespace phasewatt::cli
