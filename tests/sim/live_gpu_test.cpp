// The simulated card in real time, driven here by made-up instants: no test waits.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "phasewatt/sim/live/gpu.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::sim::live::test {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kStart = 1000 * 1000 * kMs + 123'456;

GpuConfig h200_config(const std::string& more = "") {
  const auto config = parse_live_config("schema = \"nvml-sim/1\"\n[[gpu]]\n" + more, "test");
  EXPECT_TRUE(config) << (config ? "" : to_string(config.error()));
  return config->gpus.at(0);
}

/// A card and its state, and time that the test moves.
struct Card {
  explicit Card(const std::string& more = "", bool noise = false) : gpu(h200_config(more), 1, noise) {
    gpu.start(*state, now);
  }
  void pass(double ms) {
    now += static_cast<std::int64_t>(ms * static_cast<double>(kMs));
    gpu.advance(*state, now);
  }
  void draw(double watts, double ms, std::int32_t pid = 0) {
    ASSERT_NE(gpu.add_load(*state, {.watts = watts}, now, ms * 1e-3, pid), nullptr);
  }
  double clock() const { return gpu.doing(*state).mhz; }
  bool reason(std::uint64_t bit) const { return (gpu.doing(*state).throttle_mask & bit) != 0; }

  std::int64_t now = kStart;
  LiveGpu gpu;
  std::unique_ptr<GpuState> state = std::make_unique<GpuState>();
};

RC_GTEST_PROP(LiveGpu, EnergyIsTheIntegralWhoeverLooksAndWhen, ()) {
  Card polled;
  Card alone;
  double joules = 0;
  const double idle_w = polled.gpu.doing(*polled.state).watts;
  const int loads = *rc::gen::inRange(1, 8);
  for (int i = 0; i < loads; ++i) {
    const double watts = *rc::gen::inRange(100, 600);
    const double ms = *rc::gen::inRange(1, 40'000) * 0.01;
    const double gap_ms = *rc::gen::inRange(0, 5'000) * 0.01;
    polled.draw(watts, ms);
    alone.draw(watts, ms);
    joules += watts * ms * 1e-3 + idle_w * gap_ms * 1e-3;
    for (double left = ms + gap_ms; left > 0;) {
      const double part = std::min(left, *rc::gen::inRange(1, 3'000) * 0.01);
      polled.pass(part);
      left -= part;
    }
    alone.pass(ms + gap_ms);
    // The end of the last load and the readings lie on the grid: both are less than a step behind.
    alone.now = polled.now = std::max(alone.now, polled.now);
  }
  alone.pass(1);
  polled.pass(1);
  RC_ASSERT(std::abs(polled.state->joules - alone.state->joules) < 1e-6 * polled.state->joules);
  RC_ASSERT(std::abs(polled.state->joules - joules) < 600 * 4e-3 * loads);
}

TEST(LiveGpu, EnergyCounterIsLatchedAndNeverFalls) {
  Card card("", true);
  double last = 0;
  int changes = 0;
  for (int i = 0; i < 2000; ++i) {
    if (i % 50 == 0) card.draw(i % 100 == 0 ? 600 : 150, 37.7);
    card.pass(0.77);
    const double joules = card.gpu.energy_j(*card.state);
    ASSERT_GE(joules, last);
    changes += joules != last ? 1 : 0;
    last = joules;
  }
  // 1.54 s at a refresh each 100 ms, and the first look.
  EXPECT_GE(changes, 15);
  EXPECT_LE(changes, 17);
}

TEST(LiveGpu, InstantPowerFollowsAStepAtOnceAndTheAverageLags) {
  Card card;
  card.pass(2000);
  const double before = card.gpu.power_average_w(*card.state);
  card.draw(600, 3000);
  card.pass(300);
  EXPECT_NEAR(card.gpu.power_instant_w(*card.state), 600, 1);
  const double early = card.gpu.power_average_w(*card.state);
  EXPECT_GT(early, before + 50);
  EXPECT_LT(early, before + 0.4 * (600 - before));
  card.pass(1200);
  EXPECT_NEAR(card.gpu.power_average_w(*card.state), 600, 1);
}

TEST(LiveGpu, ReadsTheSameTwiceWithinATick) {
  Card card("", true);
  card.draw(500, 1000);
  card.pass(500);
  const double instant = card.gpu.power_instant_w(*card.state);
  const double average = card.gpu.power_average_w(*card.state);
  EXPECT_EQ(card.gpu.power_instant_w(*card.state), instant);
  EXPECT_EQ(card.gpu.power_average_w(*card.state), average);
}

TEST(LiveGpu, LockIsSnappedAndComesIntoForceLate) {
  Card card("context = true", true);
  card.pass(10);
  EXPECT_EQ(card.clock(), 1980);
  const ClockRange range = card.gpu.lock(*card.state, {907, 907}, 42, card.now);
  EXPECT_EQ(range.least, 900);
  EXPECT_EQ(range.most, 900);
  const auto& delay = card.gpu.spec().clock_switch;
  card.pass((delay.call_s + delay.min_s) * 1e3 - 1);
  EXPECT_EQ(card.clock(), 1980);
  card.pass(delay.max_s * 1e3);
  EXPECT_EQ(card.clock(), 900);
  EXPECT_TRUE(card.reason(throttle_locked_clocks));
  ASSERT_EQ(card.state->lock_changes, 2u);
  EXPECT_EQ(card.state->lock_log[0].change, LockChange::set);
  EXPECT_EQ(card.state->lock_log[0].pid, 42);
  EXPECT_EQ(card.state->lock_log[1].change, LockChange::in_force);
  card.gpu.reset_lock(*card.state, 43, card.now);
  card.pass(1000);
  EXPECT_EQ(card.clock(), 1980);
  EXPECT_FALSE(card.reason(throttle_locked_clocks));
}

TEST(LiveGpu, ClampsALockToTheCardsRange) {
  Card card;
  const ClockRange range = card.gpu.lock(*card.state, {1, 99'999}, 1, card.now);
  EXPECT_EQ(range.least, 345);
  EXPECT_EQ(range.most, 1980);
}

TEST(LiveGpu, IdlesAsTheCardThatWasRead) {
  Card bare;
  EXPECT_EQ(bare.clock(), 345);
  EXPECT_NEAR(bare.gpu.doing(*bare.state).watts, 84, 8.4);
  Card held("context = true");
  EXPECT_EQ(held.clock(), 1980);
  EXPECT_NEAR(held.gpu.doing(*held.state).watts, 132, 13.2);
  EXPECT_TRUE(held.reason(throttle_idle));
}

TEST(LiveGpu, PowerCapThrottlesAGemmAndSaysSo) {
  Card card("[[gpu.load]]\nat_s = 0\nfor_s = 100\nkind = \"gemm\"");
  card.pass(6000);
  EXPECT_TRUE(card.reason(throttle_sw_power_cap));
  EXPECT_LT(card.clock(), 1700);
  EXPECT_LE(card.gpu.power_average_w(*card.state), 700 * 1.01);
  EXPECT_NEAR(card.gpu.utilization(*card.state).gpu, 1, 0.01);
}

TEST(LiveGpu, RepeatsATrace) {
  Card card("repeat_s = 1\n[[gpu.load]]\nat_s = 0.2\nfor_s = 0.3\nkind = \"watts\"\nwatts = 500");
  for (int i = 0; i < 3; ++i) {
    card.pass(100);
    EXPECT_NEAR(card.gpu.doing(*card.state).watts, 84, 1) << i;
    card.pass(200);
    EXPECT_EQ(card.gpu.doing(*card.state).watts, 500) << i;
    card.pass(700);
  }
  EXPECT_NEAR(card.state->joules, 3 * (0.3 * 500 + 0.7 * 84), 2);
}

TEST(LiveGpu, PassOfALoadTakesLongerAtALowerClock) {
  const Load work{.flops = 1e13, .kernels = 1};
  Card stock;
  Card low;
  low.gpu.lock(*low.state, {600, 600}, 1, low.now);
  low.pass(1000);
  stock.pass(1000);
  const auto* fast = stock.gpu.add_load(*stock.state, {.load = work}, stock.now, 0, 0);
  const auto* slow = low.gpu.add_load(*low.state, {.load = work}, low.now, 0, 0);
  ASSERT_TRUE(fast != nullptr && slow != nullptr);
  EXPECT_NEAR(static_cast<double>(slow->end - slow->begin) / static_cast<double>(fast->end - fast->begin),
              fast->mhz / 600, 0.02);
  EXPECT_LT(slow->watts, fast->watts);
}

TEST(LiveGpu, TwoLoadsAddWhatTheyDrawAboveIdle) {
  Card card;
  card.draw(200, 100);
  card.draw(300, 100);
  card.pass(1);
  EXPECT_NEAR(card.gpu.doing(*card.state).watts, 200 + 300 - 84, 1);
}

TEST(LiveGpu, LoadsEndWithTheirDeadOwner) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  Card card;
  card.draw(500, 10'000, child);
  card.draw(300, 10'000, getpid());
  card.pass(10);
  card.gpu.bury_dead(*card.state);
  EXPECT_NEAR(card.gpu.doing(*card.state).watts, 300, 1e-9);
}

TEST(LiveGpu, RefusesMoreLoadsThanFit) {
  Card card;
  for (std::size_t i = 0; i < kMaxLoads; ++i) card.draw(100, 10);
  EXPECT_EQ(card.gpu.add_load(*card.state, {.watts = 100}, card.now, 1, 0), nullptr);
  card.pass(20);
  EXPECT_NE(card.gpu.add_load(*card.state, {.watts = 100}, card.now, 1, 0), nullptr);
}

TEST(LiveGpu, ScriptedEventsComeAndGo) {
  Card card(
      "context = true\n"
      "[[gpu.event]]\nkind = \"foreign_lock\"\nat_s = 0.1\nvalue = 1200\npid = 77\n"
      "[[gpu.event]]\nkind = \"gpu_lost\"\nat_s = 0.3\nfor_s = 0.1\n");
  card.pass(50);
  EXPECT_EQ(card.clock(), 1980);
  card.pass(100);
  EXPECT_EQ(card.clock(), 1200);
  EXPECT_EQ(card.state->asked_by, 77);
  EXPECT_EQ(card.state->lock_log[0].change, LockChange::foreign_set);
  EXPECT_EQ(card.gpu.active(*card.state, EventKind::gpu_lost), nullptr);
  card.pass(200);
  EXPECT_NE(card.gpu.active(*card.state, EventKind::gpu_lost), nullptr);
  card.pass(100);
  EXPECT_EQ(card.gpu.active(*card.state, EventKind::gpu_lost), nullptr);
}

TEST(LiveGpu, AClockThatIsNotAttainedStaysWhereItIs) {
  Card card("context = true\n[[gpu.event]]\nkind = \"clock_not_attained\"\nat_s = 0\nfor_s = 2\nvalue = 1500");
  card.gpu.lock(*card.state, {600, 600}, 1, card.now);
  card.pass(1000);
  EXPECT_EQ(card.state->lock.most, 600);
  EXPECT_EQ(card.clock(), 1500);
  card.pass(1100);
  EXPECT_EQ(card.clock(), 600);
}

TEST(LiveGpu, AStuckSensorSticksAndComesFree) {
  Card card("[[gpu.event]]\nkind = \"stuck_sensor\"\nat_s = 1\nfor_s = 1");
  card.pass(1100);
  const double watts = card.gpu.power_instant_w(*card.state);
  const double joules = card.gpu.energy_j(*card.state);
  card.draw(600, 3000);
  card.pass(500);
  EXPECT_EQ(card.gpu.power_instant_w(*card.state), watts);
  EXPECT_EQ(card.gpu.energy_j(*card.state), joules);
  card.pass(500);
  EXPECT_NEAR(card.gpu.power_instant_w(*card.state), 600, 1);
  EXPECT_GT(card.gpu.energy_j(*card.state), joules + 400);
}

TEST(LiveGpu, WarmsUpToTheTemperatureOfItsPower) {
  Card card("[[gpu.load]]\nat_s = 0\nfor_s = 2000\nkind = \"watts\"\nwatts = 600");
  card.pass(600'000);
  EXPECT_NEAR(card.gpu.temperature_c(*card.state), 30 + 0.060 * 600, 1);
  EXPECT_NEAR(card.state->joules, 600.0 * 600, 1);
}

}  // namespace
}  // namespace phasewatt::sim::live::test
