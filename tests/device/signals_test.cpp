#include "phasewatt/device/signals.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "phasewatt/base/files.h"

namespace phasewatt::device {
namespace {

TEST(Signals, EachHasItsOwnNameAndMetric) {
  std::set<std::string_view> names;
  for (const auto& signal : signals()) {
    EXPECT_TRUE(names.insert(signal.name).second) << signal.name;
    EXPECT_TRUE(names.insert(signal.metric).second) << signal.metric;
    EXPECT_EQ(find_signal(signal.name), &signal);
    EXPECT_TRUE(signal.description.ends_with('.')) << signal.name;
  }
  EXPECT_EQ(find_signal("powr"), nullptr);
}

TEST(Signals, MetricsFollowTheNamingRules) {
  const std::regex name("[a-z_][a-z0-9_]*");
  for (const auto& signal : signals()) {
    EXPECT_TRUE(std::regex_match(std::string(signal.metric), name)) << signal.metric;
    EXPECT_EQ(signal.behaviour == Behaviour::counter, signal.metric.ends_with("_total")) << signal.metric;
    EXPECT_EQ(signal.description.find('\n'), std::string_view::npos);
  }
  EXPECT_EQ(metric_header(*find_signal("energy")),
            "# HELP phasewatt_gpu_energy_joules_total Energy drawn since the driver was loaded.\n"
            "# TYPE phasewatt_gpu_energy_joules_total counter\n");
}

TEST(Signals, EveryReadingHasARow) {
  Readings all;
  all.power_instant = Watts(1);
  all.power_average = Watts(2);
  all.energy = Joules(3);
  all.sm_clock = Mhz(4);
  all.memory_clock = Mhz(5);
  all.throttle_mask = 6;
  all.temperature = Celsius(7);
  all.gpu_utilization = 0.5;
  all.memory_utilization = 0.25;
  all.other_processes = {1, 2, 3};
  const std::vector<double> expected{1, 2, 3, 4, 5, 6, 7, 0.5, 0.25, 3};
  ASSERT_EQ(signals().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(signals()[i].value(all), expected[i]) << signals()[i].name;
    EXPECT_FALSE(signals()[i].value(Readings{})) << signals()[i].name;
  }
}

TEST(Signals, ReadsAreSplitOnePerCall) {
  const auto reads = single_reads({.power_instant = true, .clocks = true, .utilization = true});
  ASSERT_EQ(reads.size(), 3U) << "SM and memory clock, and both utilisations, come from one read each";
  EXPECT_EQ(reads[0], ReadMask{.power_instant = true});
  EXPECT_EQ(reads[1], ReadMask{.clocks = true});
  EXPECT_EQ(reads[2], ReadMask{.utilization = true});
  EXPECT_TRUE(single_reads({}).empty());
}

TEST(Signals, ThePageIsTheTable) {
  const auto page = read_file(PHASEWATT_SOURCE_DIR "/docs/signals.md");
  ASSERT_TRUE(page) << to_string(page.error());
  EXPECT_EQ(*page, signals_page()) << "write it anew: phasewatt_signals_page docs/signals.md";
}

}  // namespace
}  // namespace phasewatt::device
