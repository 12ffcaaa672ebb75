#include "phasewatt/device/recorder.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "phasewatt/base/periodic_worker.h"

namespace phasewatt::device {
namespace {

using std::chrono::milliseconds;

/// A device in real time whose values count the reads, so that none can be mistaken for another.
class CountingDevice final : public Device {
 public:
  CountingDevice() {
    info_.id = "counting";
    info_.readable = {true, true, true, true, true, true, true, true};
  }
  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& what) override {
    if (what.energy && energy_takes > Nanos(0)) std::this_thread::sleep_for(energy_takes);
    const std::scoped_lock lock(mutex_);
    threads_.insert(std::this_thread::get_id());
    if (what.energy) energy_threads_.insert(std::this_thread::get_id());
    if (lost) return Error{ErrorCode::io, "the card fell off the bus", {}};
    ++reads_;
    Readings out;
    out.at = monotonic_now();
    if (what.power_instant) out.power_instant = Watts(static_cast<double>(++powers_));
    if (what.power_average) out.power_average = Watts(1000.0 + static_cast<double>(powers_));
    if (what.energy) out.energy = Joules(static_cast<double>(++energies_));
    if (what.clocks) out.sm_clock = Mhz(static_cast<double>(++clocks_));
    if (what.throttle) out.throttle_mask = clocks_;
    if (what.temperature) out.temperature = Celsius(50);
    if (what.utilization) out.gpu_utilization = 0.5;
    if (what.processes) out.other_processes = {7, 9};
    changed_.notify_all();
    return out;
  }
  void wait(Nanos span) override { std::this_thread::sleep_for(span); }

  /// Returns when there were so many reads of power and of the counter.
  void await(std::uint64_t powers, std::uint64_t energies) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return powers_ >= powers && energies_ >= energies; });
  }
  [[nodiscard]] std::uint64_t reads() const { return reads_; }
  [[nodiscard]] std::size_t threads() const { return threads_.size(); }
  [[nodiscard]] std::size_t energy_threads() const { return energy_threads_.size(); }

  Nanos energy_takes{};
  std::atomic<bool> lost = false;

 private:
  DeviceInfo info_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::thread::id> threads_;
  std::set<std::thread::id> energy_threads_;
  std::uint64_t reads_ = 0;
  std::uint64_t powers_ = 0;
  std::uint64_t energies_ = 0;
  std::uint64_t clocks_ = 0;
};

const Recorder::Rates kQuick{.power = milliseconds(1),
                             .energy = milliseconds(2),
                             .clocks = milliseconds(2),
                             .temperature = milliseconds(5),
                             .utilization = milliseconds(5),
                             .processes = milliseconds(5)};

TEST(Recorder, KeepsEveryReadInOrderAndCountsIt) {
  CountingDevice device;
  const auto recorder = record_in_real_time(device, kQuick);
  const auto before = device.reads();
  recorder->start();
  device.await(40, 20);
  const auto trace = recorder->stop().value();
  EXPECT_EQ(trace.reads, device.reads() - before);
  EXPECT_EQ(trace.dropped + trace.failed + trace.bad, 0U);
  ASSERT_GE(trace.power_instant.size(), 40U);
  for (std::size_t i = 0; i < trace.power_instant.size(); ++i) {
    EXPECT_EQ(trace.power_instant[i].value, static_cast<double>(i + 1));
    EXPECT_EQ(trace.power_average[i].value, 1001 + static_cast<double>(i));
    EXPECT_LE(trace.power_instant[i].begin, trace.power_instant[i].end);
    if (i > 0) {
      EXPECT_LE(trace.power_instant[i - 1].end, trace.power_instant[i].begin);
    }
  }
  for (std::size_t i = 0; i < trace.clocks.size(); ++i) {
    EXPECT_EQ(trace.clocks[i].sm_clock, Mhz(static_cast<double>(i + 1)));
    EXPECT_EQ(trace.clocks[i].throttle_mask, i + 1);
  }
  EXPECT_FALSE(trace.temperature.empty());
  EXPECT_FALSE(trace.utilization.empty());
  EXPECT_EQ(trace.other_processes, (std::vector<std::uint32_t>{7, 9}));
  EXPECT_GT(trace.cpu_s, 0);
  EXPECT_GT(trace.driver_s, 0);
}

TEST(Recorder, ASlowCounterHasAThreadOfItsOwn) {
  CountingDevice quick;
  const auto one = record_in_real_time(quick, kQuick);
  one->start();
  quick.await(5, 5);
  ASSERT_TRUE(one->stop());
  EXPECT_EQ(quick.threads(), 2U) << "the recorder's and this one, which tried the counter";

  CountingDevice slow;
  slow.energy_takes = milliseconds(3);
  const auto two = record_in_real_time(slow, kQuick);
  two->start();
  slow.await(20, 5);
  ASSERT_TRUE(two->stop());
  EXPECT_EQ(slow.threads(), 3U);
  EXPECT_EQ(slow.energy_threads(), 2U);
}

TEST(Recorder, TellsThatTheDeviceWasLost) {
  CountingDevice device;
  const auto recorder = record_in_real_time(device, kQuick);
  recorder->start();
  device.await(3, 6);
  device.lost = true;
  std::this_thread::sleep_for(milliseconds(30));
  const auto trace = recorder->stop();
  if (trace) GTEST_SKIP() << "the sampling thread did not run for 30 ms";
  EXPECT_EQ(trace.error().what, "the card fell off the bus");
  device.lost = false;
  recorder->start();
  device.await(10, 10);
  EXPECT_TRUE(recorder->stop()) << "it came back";
}

TEST(Recorder, StopsWithoutStartAndEndsWithoutStop) {
  CountingDevice device;
  {
    const auto recorder = record_in_real_time(device, kQuick);
    EXPECT_FALSE(recorder->stop());
    recorder->start();
    recorder->start();
    device.await(3, 3);
  }
  const auto after = device.reads();
  std::this_thread::sleep_for(milliseconds(10));
  EXPECT_EQ(device.reads(), after);
}

}  // namespace
}  // namespace phasewatt::device
