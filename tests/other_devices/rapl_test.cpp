#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "phasewatt/device/rapl/rapl_device.h"
#include "tests/other_devices/fake_powercap.h"

namespace phasewatt::device::rapl {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

double joules(RaplDevice& device) { return device.read({.energy = true}).value().energy.value().value(); }

TEST(Powercap, FindsTheZonesThatCount) {
  const FakePowercap tree;
  tree.two_sockets();
  tree.write("intel-rapl:3", "name", "limits-only\n");
  const auto zones = find_zones(tree.root()).value();
  std::vector<std::string> names;
  for (const auto& zone : zones) names.push_back(zone.name);
  EXPECT_THAT(names, ElementsAre("package-0", "dram", "package-1", "dram", "psys"));
  EXPECT_EQ(zones[0].range_uj, FakePowercap::kRange);
  EXPECT_EQ(zones[0].power_limit, Watts(350));
  EXPECT_FALSE(zones[1].power_limit);
}

TEST(Powercap, SaysThatThereIsNone) {
  const FakePowercap tree;
  for (const auto& root : {tree.root(), tree.root() / "missing"}) {
    const auto none = find_zones(root);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, ErrorCode::not_found);
    EXPECT_THAT(none.error().what, HasSubstr(root.string()));
    EXPECT_THAT(none.error().hint, HasSubstr("modprobe intel_rapl_msr"));
  }
}

TEST(Powercap, NamesTheFileThatMakesNoSense) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", 0, 5);
  auto bad = find_zones(tree.root());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::bad_input);
  EXPECT_THAT(bad.error().what, HasSubstr("intel-rapl:0/max_energy_range_uj"));
  tree.write("intel-rapl:0", "max_energy_range_uj", "many\n");
  bad = find_zones(tree.root());
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().what, HasSubstr("intel-rapl:0/max_energy_range_uj"));
}

TEST(Powercap, ReadsNumbersAndNothingElse) {
  EXPECT_EQ(parse_number("12\n"), 12U);
  EXPECT_EQ(parse_number(" 18446744073709551615 "), UINT64_MAX);
  for (const char* text : {"", "\n", "-1", "+1", "1.5", "1 2", "0x10", "18446744073709551616"})
    EXPECT_FALSE(parse_number(text)) << text;
}

TEST(Rapl, SumsTheScopeSinceOpening) {
  const FakePowercap tree;
  tree.two_sockets();
  auto packages = open_rapl(RaplScope::packages, tree.root()).value();
  auto memory = open_rapl(RaplScope::memory, tree.root()).value();
  auto system = open_rapl(RaplScope::system, tree.root()).value();
  EXPECT_EQ(joules(*packages), 0);
  tree.energy("intel-rapl:0", 1000 + 2'000'000);
  tree.energy("intel-rapl:1", 5000 + 500'000);
  tree.energy("intel-rapl:0:0", 50 + 250'000);
  tree.energy("intel-rapl:2", 70'000 + 4'000'000);
  tree.energy("intel-rapl-mmio:0", 9'000'000);
  EXPECT_DOUBLE_EQ(joules(*packages), 2.5);
  EXPECT_DOUBLE_EQ(joules(*memory), 0.25);
  EXPECT_DOUBLE_EQ(joules(*system), 4);
}

TEST(Rapl, SaysWhatItIs) {
  const FakePowercap tree;
  tree.two_sockets();
  const auto device = open_rapl(RaplScope::packages, tree.root()).value();
  const auto& info = device->info();
  EXPECT_EQ(info.id, "rapl:packages");
  EXPECT_EQ(info.name, "host packages (package-0, package-1) (SIMULATED)");
  EXPECT_EQ(info.power_cap, Watts(700));
  EXPECT_TRUE(info.simulated) << "a tree in /tmp is not the kernel's";
  EXPECT_EQ(info.readable, ReadMask{.energy = true});
  EXPECT_FALSE(in_sysfs(tree.root() / "missing"));
  EXPECT_EQ(in_sysfs("/sys/kernel"), std::filesystem::exists("/sys/kernel"));
}

TEST(Rapl, HasNoPowerCapWhereOneZoneHasNone) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", 100, 0);  // as on AMD's
  tree.zone("intel-rapl:1", "package-1", 100, 0);
  tree.write("intel-rapl:1", "constraint_0_power_limit_uw", "350000000\n");
  EXPECT_FALSE(open_rapl(RaplScope::packages, tree.root()).value()->info().power_cap);
}

TEST(Rapl, SaysWhichScopeIsMissing) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", 100, 0);
  const auto none = open_rapl(RaplScope::memory, tree.root());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
  EXPECT_THAT(none.error().what, HasSubstr("memory"));
}

TEST(Rapl, CountsAWrapOnce) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", 1'000'000, 900'000);
  auto device = open_rapl(RaplScope::packages, tree.root()).value();
  tree.energy("intel-rapl:0", 100'000);
  EXPECT_DOUBLE_EQ(joules(*device), 0.2);
  EXPECT_DOUBLE_EQ(joules(*device), 0.2);
  tree.energy("intel-rapl:0", 0);
  EXPECT_DOUBLE_EQ(joules(*device), 1.1);
}

TEST(Rapl, TellsHowOftenToRead) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", FakePowercap::kRange, 0);
  tree.zone("intel-rapl:1", "package-1", FakePowercap::kDramRange, 0);
  const auto device = open_rapl(RaplScope::packages, tree.root()).value();
  EXPECT_NEAR(to_seconds(device->longest_safe_interval(Watts(400))), 65712.999613 / 400, 1e-6);
  const FakePowercap wide;
  wide.zone("intel-rapl:0", "package-0", UINT64_MAX, 0);
  EXPECT_GT(open_rapl(RaplScope::packages, wide.root()).value()->longest_safe_interval(Watts(1)),
            std::chrono::hours(24 * 365 * 50));
}

TEST(Rapl, RefusesACounterThatIsNone) {
  const FakePowercap tree;
  tree.zone("intel-rapl:0", "package-0", 100, 50);
  auto device = open_rapl(RaplScope::packages, tree.root()).value();
  for (const char* text : {"101\n", "", "lots\n"}) {
    tree.write("intel-rapl:0", "energy_uj", text);
    const auto bad = device->read({.energy = true});
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code, ErrorCode::bad_input);
    EXPECT_THAT(bad.error().what, HasSubstr("intel-rapl:0/energy_uj"));
    EXPECT_TRUE(device->read({})) << "what was not asked for is not read";
  }
  tree.energy("intel-rapl:0", 60);
  EXPECT_DOUBLE_EQ(joules(*device), 1e-5) << "a bad reading changes nothing";
}

/// Root may read everything, so that a test of permissions steps down while it lasts.
class NotRoot {
 public:
  NotRoot() : before_(::geteuid()) {
    if (before_ == 0) changed_ = ::seteuid(65534) == 0;
  }
  ~NotRoot() {
    if (changed_ && ::seteuid(before_) != 0) std::abort();
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;

 private:
  uid_t before_;
  bool changed_ = false;
};

TEST(Rapl, SaysWhoMayReadAndWhatToDo) {
  const FakePowercap tree;
  tree.two_sockets();
  std::filesystem::permissions(tree.root() / "intel-rapl:1/energy_uj", std::filesystem::perms::none);
  const NotRoot user;
  if (::geteuid() == 0) GTEST_SKIP() << "root here cannot become another user";
  const auto denied = open_rapl(RaplScope::packages, tree.root());
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::permission);
  EXPECT_THAT(denied.error().what, HasSubstr("intel-rapl:1/energy_uj"));
  EXPECT_THAT(denied.error().hint, HasSubstr("chgrp"));
  EXPECT_THAT(denied.error().hint, HasSubstr("CVE-2020-8694"));
}

// A counter of a small range, read at any pace that does not skip a whole range, gives back what was drawn.
RC_GTEST_PROP(WrapCounter, LosesAtMostOneStepAWrap, ()) {
  const auto range = *rc::gen::inRange<std::uint64_t>(1, 5000);
  const auto first = *rc::gen::inRange<std::uint64_t>(0, range + 1);
  const auto steps = *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, range + 1));
  WrapCounter counter(range, first);
  std::uint64_t truth = 0;
  std::uint64_t before = 0;
  for (const auto step : steps) {
    truth += step;
    const auto seen = counter.add((first + truth) % (range + 1));
    RC_ASSERT(seen.has_value());
    RC_ASSERT(*seen >= before);
    const auto wraps = (first + truth) / (range + 1);
    RC_ASSERT(*seen + wraps == truth);  // one step, from the range to 0, is missing at each
    before = *seen;
  }
}

// Whatever is read, in whatever order, the sum never falls and bad readings change nothing.
RC_GTEST_PROP(WrapCounter, NeverFalls, ()) {
  const auto range = *rc::gen::inRange<std::uint64_t>(0, 100);
  WrapCounter counter(range, 0);
  std::uint64_t before = 0;
  for (const auto raw : *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(0, 120))) {
    const auto seen = counter.add(raw);
    RC_ASSERT(seen.has_value() == (raw <= range));
    if (!seen) continue;
    RC_ASSERT(*seen >= before);
    before = *seen;
  }
}

TEST(WrapCounter, HoldsAtTheEdgeOf64Bits) {
  WrapCounter counter(UINT64_MAX, UINT64_MAX - 1);
  EXPECT_EQ(counter.add(UINT64_MAX), 1U);
  EXPECT_EQ(counter.add(4), 5U);
}

}  // namespace
}  // namespace phasewatt::device::rapl
