#include "tests/device/device_conformance.h"

#include "phasewatt/device/rapl/rapl_device.h"
#include "phasewatt/device/rocm/rocm_device.h"
#include "tests/other_devices/fake_powercap.h"
#include "tests/other_devices/rocm_world.h"

namespace phasewatt::device::test {
namespace {

struct RocmHolder final : DeviceHolder {
  RocmHolder(const char* library, void (rocm::RocmWorld::*add)()) : world(library) {
    (world.*add)();
    gpu = std::move(rocm::open_rocm_devices(library).value().front());
  }
  Device& device() override { return *gpu; }

  rocm::RocmWorld world;
  std::unique_ptr<rocm::RocmDevice> gpu;
};

/// A host one counter of which has wrapped since the opening.
struct RaplHolder final : DeviceHolder {
  explicit RaplHolder(rapl::RaplScope scope) {
    tree.two_sockets();
    host = rapl::open_rapl(scope, tree.root()).value();
    tree.energy("intel-rapl:0", 999);
    tree.energy("intel-rapl:0:0", 49);
  }
  Device& device() override { return *host; }

  rapl::FakePowercap tree;
  std::unique_ptr<rapl::RaplDevice> host;
};

DeviceCase gpu(const std::string& name, const char* library, void (rocm::RocmWorld::*add)()) {
  return {name, [=] { return std::make_unique<RocmHolder>(library, add); }};
}

DeviceCase host(const std::string& name, rapl::RaplScope scope) {
  return {name, [=] { return std::make_unique<RaplHolder>(scope); }};
}

INSTANTIATE_TEST_SUITE_P(Others, DeviceConformance,
                         ::testing::Values(gpu("Mi100", PHASEWATT_TEST_ROCM_SIM, &rocm::RocmWorld::add_mi100),
                                           gpu("Mi300x", PHASEWATT_TEST_ROCM_SIM, &rocm::RocmWorld::add_mi300x),
                                           gpu("OldRocm", PHASEWATT_TEST_ROCM_SIM_OLD, &rocm::RocmWorld::add_mi100),
                                           host("Packages", rapl::RaplScope::packages),
                                           host("Memory", rapl::RaplScope::memory),
                                           host("System", rapl::RaplScope::system)),
                         case_name);

}  // namespace
}  // namespace phasewatt::device::test
