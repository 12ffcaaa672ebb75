#pragma once

#include <optional>
#include <string>

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"
#include "phasewatt/device/calibration.h"

namespace phasewatt::device {

struct LoadCeilings {
  Ceilings ceilings;
  /// While it reached the GEMM's rate (monotonic clock), if the load says so and `ceilings` has no clock yet.
  std::optional<Stretch> gemm;
};

/// Something that keeps the card busy on request and says when. Destruction ends it, whatever it was doing. Not
/// thread-safe.
class StepLoad {
 public:
  virtual ~StepLoad() = default;
  /// Opens its context; returns when it is there. Before this the card is as it was found.
  virtual Status start() = 0;
  /// The card is busy from the instant that is returned (monotonic clock), until off().
  virtual Result<Nanos> on() = 0;
  /// The card is idle from the instant that is returned.
  virtual Result<Nanos> off() = 0;
  /// What the card reaches at best; what the load cannot tell is absent. Called while it is off.
  virtual Result<LoadCeilings> measure() = 0;
  /// Ends it in good order.
  virtual Status quit() = 0;
};

}  // namespace phasewatt::device
