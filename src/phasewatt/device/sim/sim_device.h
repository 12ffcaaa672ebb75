#pragma once

#include "phasewatt/device/clock_control.h"
#include "phasewatt/device/device.h"
#include "phasewatt/sim/sim_gpu.h"

namespace phasewatt::device {

/// The simulated GPU as a device. Every reading but the utilisation is there; each sensor's call moves virtual time by
/// what it costs. The throttle mask is that of all passes since the last read of it. The GPU is borrowed. Not
/// thread-safe.
class SimDevice final : public Device {
 public:
  explicit SimDevice(sim::SimGpu& gpu);

  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& what) override;
  void wait(Nanos span) override { gpu_.idle(span); }

 private:
  sim::SimGpu& gpu_;
  DeviceInfo info_;
};

/// Its clock. Resets on destruction; the GPU is borrowed and must outlive it. Not thread-safe.
class SimClockControl final : public ClockControl {
 public:
  explicit SimClockControl(sim::SimGpu& gpu) : gpu_(gpu) {}
  ~SimClockControl() override { gpu_.unlock(); }
  SimClockControl(const SimClockControl&) = delete;
  SimClockControl& operator=(const SimClockControl&) = delete;

  Result<Mhz> lock(Mhz clock) override { return gpu_.lock(clock); }
  Status reset() override {
    gpu_.unlock();
    return ok();
  }
  Status held() override { return ok(); }

 private:
  sim::SimGpu& gpu_;
};

}  // namespace phasewatt::device
