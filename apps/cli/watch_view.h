#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/console.h"
#include "phasewatt/device/nvml/nvml_device.h"
#include "phasewatt/device/signal_sampler.h"

/// The two faces of `phasewatt devices watch`. `take` is called by the sampling thread, everything else by the main
/// thread; both are thread-safe against each other.
namespace phasewatt::cli {

/// One watched GPU. `device` is null when it could not be opened; `trouble` then says why.
struct WatchedGpu {
  device::nvml::NvmlGpu gpu;
  std::unique_ptr<device::nvml::NvmlDevice> device;
  std::optional<Error> trouble;
};

class WatchView {
 public:
  virtual ~WatchView() = default;
  /// A read of `gpus[read.device]`.
  virtual void take(const device::SampleRead& read) = 0;
  /// Once per refresh; `asked` as the clock helper holds it, per GPU.
  virtual void refresh(const std::vector<std::optional<Mhz>>& asked) = 0;
  /// The last word, after the sampling thread has ended.
  virtual void finish(std::uint64_t missed) = 0;
  /// What is wrong with a GPU now; absent when all can be read.
  virtual std::optional<Error> trouble() = 0;
};

/// What stands above the readings.
struct WatchHead {
  std::string library;
  std::string driver;
  bool simulated = false;
  Nanos interval{};
  Nanos energy_interval{};
};

/// A table, drawn anew in place on a terminal, else one below the other.
std::unique_ptr<WatchView> make_watch_table(const WatchHead& head, const std::vector<WatchedGpu>& gpus,
                                            const Console& console);
/// A JSON object per line: a head, then every reading with the begin and end of its read.
std::unique_ptr<WatchView> make_watch_lines(const WatchHead& head, const std::vector<WatchedGpu>& gpus,
                                            const Console& console);

}  // namespace phasewatt::cli
