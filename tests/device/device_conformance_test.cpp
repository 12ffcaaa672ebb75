#include "tests/device/device_conformance.h"

#include "phasewatt/device/sim/sim_device.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::device::test {
namespace {

struct SimHolder final : DeviceHolder {
  explicit SimHolder(const std::string& spec) : gpu(sim::find_gpu(spec).value()) {}
  Device& device() override { return sim; }
  Nanos now() override { return gpu.now(); }
  std::unique_ptr<Recorder> recorder(const Recorder::Rates& rates) override {
    return record_in_virtual_time(gpu, rates);
  }
  sim::SimGpu gpu;
  SimDevice sim{gpu};
};

DeviceCase simulated(const std::string& name, const std::string& spec) {
  return {name, [spec] { return std::make_unique<SimHolder>(spec); }};
}

INSTANTIATE_TEST_SUITE_P(Sim, DeviceConformance,
                         ::testing::Values(simulated("H200", "h200-sxm"),
                                           simulated("Blackwell", "rtx-pro-6000-blackwell-ws")),
                         case_name);

}  // namespace
}  // namespace phasewatt::device::test
