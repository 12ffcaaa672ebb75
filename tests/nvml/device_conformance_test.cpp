#include "tests/device/device_conformance.h"

#include "tests/nvml/support.h"

namespace phasewatt::device::test {
namespace {

/// A card of the simulated NVML with a state of its own.
struct NvmlHolder final : DeviceHolder {
  explicit NvmlHolder(const std::string& config) {
    std::string name = ::testing::TempDir() + "phasewatt-conformance-XXXXXX";
    folder = mkdtemp(name.data());
    std::ofstream(folder / "rig.toml") << "schema = \"nvml-sim/1\"\n" << config;
    setenv("PHASEWATT_NVML_SIM_STATE", (folder / "state").c_str(), 1);
    setenv("PHASEWATT_NVML_SIM_CONFIG", (folder / "rig.toml").c_str(), 1);
    const auto nvml = nvml::Nvml::open(PHASEWATT_NVML_SIM_LIBRARY).value();
    gpu = nvml::NvmlDevice::open(nvml, nvml::list_gpus(*nvml).value().at(0)).value();
  }
  ~NvmlHolder() override {
    gpu.reset();
    std::filesystem::remove_all(folder);
  }
  Device& device() override { return *gpu; }

  std::filesystem::path folder;
  std::unique_ptr<nvml::NvmlDevice> gpu;
};

DeviceCase card(const std::string& name, const std::string& config) {
  return {name, [config] { return std::make_unique<NvmlHolder>(config); }};
}

INSTANTIATE_TEST_SUITE_P(Nvml, DeviceConformance,
                         ::testing::Values(card("H200", "[[gpu]]\n"),
                                           card("Blackwell", "[[gpu]]\nspec = \"rtx-pro-6000-blackwell-ws\"\n"),
                                           card("Mig", "[[gpu]]\nmig = true\n"),
                                           card("WithoutSensors",
                                                "[[gpu]]\nunsupported = [\"power_instant\", \"power_average\", "
                                                "\"energy\", \"supported_clocks\", \"processes\"]\n")),
                         case_name);

}  // namespace
}  // namespace phasewatt::device::test
