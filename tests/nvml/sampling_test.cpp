#include <gmock/gmock.h>

#include <latch>
#include <mutex>

#include "phasewatt/base/periodic_worker.h"
#include "phasewatt/device/signal_sampler.h"
#include "tests/nvml/support.h"

namespace phasewatt::device::nvml::test {
namespace {

using std::chrono::milliseconds;

class Sampling : public NvmlOnSim {};

TEST_F(Sampling, EightCardsInRealTimeWhileAWindowEdgeIsRead) {
  std::string config;
  for (int i = 0; i < 8; ++i) config += "[[gpu]]\n";
  open(config);
  std::vector<std::unique_ptr<NvmlDevice>> owned;
  std::vector<Device*> devices;
  std::vector<SamplePlan> plans;
  for (std::size_t i = 0; i < 8; ++i) {
    owned.push_back(device(i));
    devices.push_back(owned.back().get());
    plans.push_back({i, {.power_instant = true}, milliseconds(20), {}});
  }
  std::latch enough(40);
  std::vector<Nanos> last(8);
  SignalSampler sampler(
      devices, plans,
      [&](const SampleRead& read) {
        EXPECT_TRUE(read.readings && read.readings->power_instant);
        EXPECT_LE(read.deadline, read.begin);
        EXPECT_LE(read.begin, read.readings->at);
        EXPECT_LE(read.readings->at, read.end);
        EXPECT_GT(read.deadline, last[read.device]);
        last[read.device] = read.deadline;
        if (!enough.try_wait()) enough.count_down();
      },
      monotonic_now);
  const PeriodicWorker worker([&](Nanos now) { return sampler.step(now); });
  const auto edge = devices[3]->read({.energy = true});
  EXPECT_TRUE(edge && edge->energy);
  enough.wait();
}

}  // namespace
}  // namespace phasewatt::device::nvml::test
