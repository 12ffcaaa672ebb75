#pragma once

#include <thread>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/device.h"

namespace phasewatt::device {

/// Nobody measures: an engine on the CPU, say, whose times and answers count and whose energy is not known. Real, and
/// without any reading.
class NoDevice final : public Device {
 public:
  NoDevice() {
    info_.id = "none";
    info_.name = "no device";
  }
  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& /*what*/) override {
    Readings out;
    out.at = monotonic_now();
    return out;
  }
  void wait(Nanos span) override { std::this_thread::sleep_for(span); }

 private:
  DeviceInfo info_;
};

}  // namespace phasewatt::device
