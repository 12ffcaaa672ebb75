#pragma once

#include "phasewatt/device/nvml/nvml_device.h"
#include "tests/nvml_sim/support.h"

namespace phasewatt::device::nvml::test {

/// Cards that only the test looks at: no noise, and anybody may lock.
class NvmlOnSim : public NvmlSim {
 protected:
  /// Loads the library as the program does, and lists its GPUs.
  void open(const std::string& config) {
    begin(config);
    auto opened = Nvml::open(PHASEWATT_NVML_SIM_LIBRARY);
    ASSERT_TRUE(opened) << to_string(opened.error());
    nvml_ = *opened;
    list();
  }
  void list() {
    auto listed = list_gpus(*nvml_);
    ASSERT_TRUE(listed) << to_string(listed.error());
    gpus_ = *listed;
  }
  std::unique_ptr<NvmlDevice> device(std::size_t place = 0) { return device(nvml_, place); }
  std::unique_ptr<NvmlDevice> device(const std::shared_ptr<const Nvml>& nvml, std::size_t place = 0) {
    auto opened = NvmlDevice::open(nvml, gpus_.at(place));
    EXPECT_TRUE(opened) << to_string(opened.error());
    return opened ? *std::move(opened) : nullptr;
  }
  /// The simulated functions with some replaced.
  std::shared_ptr<const Nvml> with(const std::function<void(NvmlFunctions&)>& change) {
    NvmlFunctions functions = nvml_->call();
    change(functions);
    return Nvml::open(functions, "changed", true).value();
  }
  void TearDown() override {
    nvml_.reset();
    NvmlSim::TearDown();
  }

  std::shared_ptr<const Nvml> nvml_;
  std::vector<NvmlGpu> gpus_;
};

inline constexpr ReadMask kAll{true, true, true, true, true, true, true, true};

}  // namespace phasewatt::device::nvml::test
