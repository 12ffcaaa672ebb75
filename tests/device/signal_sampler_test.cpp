#include "phasewatt/device/signal_sampler.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace phasewatt::device {
namespace {

using std::chrono::milliseconds;

/// Time stands still but for the reads.
Nanos g_now{};
Nanos fake_clock() { return g_now; }

/// A device whose every read takes `cost`.
class SlowDevice final : public Device {
 public:
  explicit SlowDevice(Nanos cost) : cost_(cost) {}
  [[nodiscard]] const DeviceInfo& info() const override { return info_; }
  Result<Readings> read(const ReadMask& what) override {
    ++reads;
    g_now += what.energy ? energy_cost : cost_;
    if (lost) return Error{ErrorCode::io, "lost", {}};
    Readings out;
    out.at = g_now;
    return out;
  }
  void wait(Nanos span) override { g_now += span; }

  int reads = 0;
  bool lost = false;
  Nanos energy_cost{};

 private:
  Nanos cost_;
  DeviceInfo info_;
};

struct Seen {
  std::size_t device;
  Nanos deadline, begin, end;
  bool energy;
  bool ok;
};

/// Drives the sampler as a worker would: exactly at its deadlines.
void drive(SignalSampler& sampler, Nanos until) {
  while (g_now < until) {
    const Nanos next = sampler.step(g_now);
    g_now = std::max(g_now, std::min(next, until));
  }
}

TEST(SignalSampler, EachSignalAtItsOwnRateFromAbsoluteDeadlines) {
  g_now = milliseconds(1000);
  SlowDevice a(milliseconds(1));
  SlowDevice b(milliseconds(1));
  a.energy_cost = b.energy_cost = milliseconds(4);
  std::vector<Seen> seen;
  const ReadMask power{.power_instant = true};
  const ReadMask energy{.energy = true};
  SignalSampler sampler(
      {&a, &b},
      {{0, power, milliseconds(10), {}},
       {1, power, milliseconds(20), {}},
       {0, energy, milliseconds(1000), milliseconds(500)}},
      [&](const SampleRead& r) {
        seen.push_back({r.device, r.deadline, r.begin, r.end, r.what.energy, r.readings.ok()});
      },
      fake_clock);
  drive(sampler, milliseconds(3000));
  int fast = 0;
  int slow = 0;
  int rare = 0;
  for (const auto& s : seen) {
    EXPECT_GE(s.begin, s.deadline);
    EXPECT_LE(s.begin - s.deadline, milliseconds(5)) << "late by other reads at most";
    EXPECT_EQ(s.end - s.begin, s.energy ? milliseconds(4) : milliseconds(1));
    if (s.energy) {
      ++rare;
      EXPECT_EQ(s.deadline, milliseconds(500 + 1000 * rare));
    } else if (s.device == 0) {
      EXPECT_EQ(s.deadline, milliseconds(1000 + 10 * fast++));
    } else {
      EXPECT_EQ(s.deadline, milliseconds(1000 + 20 * slow++));
    }
  }
  EXPECT_EQ(fast, 200);
  EXPECT_EQ(slow, 100);
  EXPECT_EQ(rare, 2);
  EXPECT_EQ(sampler.missed(), 0U);
}

TEST(SignalSampler, LeavesOutAndCountsWhatItCannotKeepUpWith) {
  g_now = Nanos(0);
  SlowDevice slow(milliseconds(25));
  std::vector<Nanos> deadlines;
  SignalSampler sampler(
      {&slow}, {{0, {.power_instant = true}, milliseconds(10), {}}},
      [&](const SampleRead& r) { deadlines.push_back(r.deadline); }, fake_clock);
  drive(sampler, milliseconds(300));
  EXPECT_EQ(deadlines, (std::vector<Nanos>{milliseconds(0), milliseconds(30), milliseconds(60), milliseconds(90),
                                           milliseconds(120), milliseconds(150), milliseconds(180), milliseconds(210),
                                           milliseconds(240), milliseconds(270)}));
  EXPECT_EQ(sampler.missed(), 2U * deadlines.size());
}

TEST(SignalSampler, GoesOnWithTheOthersWhenADeviceIsLostAndSeesItComeBack) {
  g_now = Nanos(0);
  SlowDevice a(Nanos(10));
  SlowDevice b(Nanos(10));
  std::map<std::size_t, int> good;
  std::map<std::size_t, int> bad;
  SignalSampler sampler(
      {&a, &b}, {{0, {.clocks = true}, milliseconds(10), {}}, {1, {.clocks = true}, milliseconds(10), {}}},
      [&](const SampleRead& r) { ++(r.readings ? good : bad)[r.device]; }, fake_clock);
  drive(sampler, milliseconds(100));
  a.lost = true;
  drive(sampler, milliseconds(200));
  a.lost = false;
  drive(sampler, milliseconds(300));
  EXPECT_EQ(good[0], 20);
  EXPECT_EQ(bad[0], 10);
  EXPECT_EQ(good[1], 30);
}

TEST(SignalSampler, KeepsOnlySoManyDeadlinesThatReadingTakesItsShare) {
  g_now = Nanos(0);
  SlowDevice slow(milliseconds(7));
  std::vector<Nanos> deadlines;
  SignalSampler sampler(
      {&slow},
      {{.device = 0, .what = {.power_instant = true}, .interval = milliseconds(10), .phase = {}, .most_share = 0.25}},
      [&](const SampleRead& r) { deadlines.push_back(r.deadline); }, fake_clock);
  drive(sampler, milliseconds(300));
  // 7 ms are a quarter of 28 ms: every third deadline.
  ASSERT_EQ(deadlines.size(), 10U);
  for (std::size_t i = 0; i < deadlines.size(); ++i) EXPECT_EQ(deadlines[i], static_cast<int>(i) * milliseconds(30));
  EXPECT_EQ(sampler.missed(), 0U) << "left out on purpose";
  EXPECT_EQ(sampler.thinned(), 2U * deadlines.size());
}

TEST(SignalSampler, OneSlowReadDoesNotChangeTheRate) {
  g_now = Nanos(0);
  SlowDevice device(milliseconds(1));
  device.energy_cost = milliseconds(4);
  int reads = 0;
  SignalSampler sampler(
      {&device},
      {{.device = 0, .what = {.energy = true}, .interval = milliseconds(20), .phase = {}, .most_share = 0.25}},
      [&](const SampleRead&) {
        ++reads;
        device.energy_cost = milliseconds(reads == 9 ? 107 : 4);
      },
      fake_clock);
  drive(sampler, milliseconds(1000));
  EXPECT_EQ(sampler.thinned(), 0U);
  EXPECT_EQ(sampler.missed(), 5U) << "those that passed while it lasted";
  EXPECT_EQ(reads, 45);
}

TEST(SignalSampler, ReadsThatAreDueTogetherFollowEachOther) {
  g_now = Nanos(0);
  SlowDevice device(milliseconds(1));
  std::vector<Nanos> times;
  std::vector<std::size_t> plans;
  SignalSampler sampler(
      {&device}, {{0, {.power_instant = true}, milliseconds(10), {}}, {0, {.clocks = true}, milliseconds(10), {}}},
      [&](const SampleRead& r) {
        times.insert(times.end(), {r.begin, r.end});
        plans.push_back(r.plan);
      },
      {[](const void* now) { return *static_cast<const Nanos*>(now); }, &g_now});
  EXPECT_EQ(sampler.step(g_now), milliseconds(10));
  EXPECT_EQ(times, (std::vector<Nanos>{milliseconds(0), milliseconds(1), milliseconds(1), milliseconds(2)}));
  EXPECT_EQ(plans, (std::vector<std::size_t>{0, 1}));
}

TEST(SignalSampler, NothingToDoIsNotBusy) {
  SignalSampler sampler(
      {}, {}, [](const SampleRead&) {}, fake_clock);
  EXPECT_GT(sampler.step(Nanos(5)), std::chrono::hours(1));
}

RC_GTEST_PROP(SignalSampler, ReadsPlusMissedAreTheDeadlinesThatPassed, ()) {
  g_now = Nanos(*rc::gen::inRange<std::int64_t>(0, 1'000'000'000));
  const Nanos begin = g_now;
  const Nanos cost(*rc::gen::inRange<std::int64_t>(0, 30'000'000));
  const Nanos interval(*rc::gen::inRange<std::int64_t>(1'000'000, 20'000'000));
  const Nanos phase(*rc::gen::inRange<std::int64_t>(0, 20'000'000));
  SlowDevice device(cost);
  Nanos last = begin - Nanos(1);
  SignalSampler sampler(
      {&device}, {{0, {.clocks = true}, interval, phase}},
      [&](const SampleRead& r) {
        RC_ASSERT(r.deadline > last);
        RC_ASSERT((r.deadline - begin - phase) % interval == Nanos(0));
        last = r.deadline;
      },
      fake_clock);
  Nanos next{};
  while (g_now < begin + milliseconds(500)) {
    next = sampler.step(g_now);
    RC_ASSERT(next > g_now);
    g_now = next;
  }
  const auto passed = (next - begin - phase) / interval;
  RC_ASSERT(static_cast<std::int64_t>(sampler.missed()) + device.reads == passed);
}

}  // namespace
}  // namespace phasewatt::device
