#pragma once

#include "phasewatt/base/result.h"
#include "phasewatt/base/units.h"

namespace phasewatt::device {

/// The port through which a clock is asked for. Success means that the request was installed, not that the clock is
/// attained: read it back under load. Whoever locks must reset; implementations give the clock back on destruction.
class ClockControl {
 public:
  virtual ~ClockControl() = default;

  /// Locks the SM clock to the supported clock nearest to `clock`; returns that one.
  virtual Result<Mhz> lock(Mhz clock) = 0;

  /// Back to stock behaviour. Idempotent.
  virtual Status reset() = 0;

  /// Does what was asked for last still stand? An error when the lock was lost since (the helper was stopped, or did
  /// not hear us in time): what was measured meanwhile is void.
  virtual Status held() = 0;
};

}  // namespace phasewatt::device
