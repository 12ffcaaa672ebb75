#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "phasewatt/device/rocm/frequencies.h"

namespace phasewatt::device::rocm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kMhz = 1'000'000;

template <class Layout>
rsmi_frequencies_room_t room_with(const Layout& layout, bool whole = true) {
  rsmi_frequencies_room_t room;
  poison(room);
  // A library may write the whole structure, or its used members alone.
  std::memcpy(room.bytes, &layout,
              whole ? sizeof layout : offsetof(Layout, frequency) + layout.num_supported * sizeof(std::uint64_t));
  return room;
}

TEST(Frequencies, ReadsBothLayouts) {
  const rsmi_frequencies_v5_t five{3, 1, {300 * kMhz, 800 * kMhz, 1700 * kMhz}};
  const rsmi_frequencies_v6_t six{false, 3, 1, {300 * kMhz, 800 * kMhz, 1700 * kMhz}};
  for (const auto& room : {room_with(five), room_with(five, false), room_with(six), room_with(six, false)}) {
    const auto read = read_frequencies(room).value();
    EXPECT_THAT(read.levels, ElementsAre(Mhz(300), Mhz(800), Mhz(1700)));
    EXPECT_EQ(read.current, Mhz(800));
  }
}

TEST(Frequencies, KnowsDeepSleep) {
  const rsmi_frequencies_v6_t six{true, 3, 0, {31 * kMhz, 500 * kMhz, 2100 * kMhz}};
  const auto read = read_frequencies(room_with(six)).value();
  EXPECT_THAT(read.levels, ElementsAre(Mhz(500), Mhz(2100)));
  EXPECT_EQ(read.current, Mhz(31)) << "asleep";
}

TEST(Frequencies, LeavesACurrentLevelThatIsNotMarkedAbsent) {
  const rsmi_frequencies_v6_t six{false, 2, 34, {500 * kMhz, 2100 * kMhz}};
  const auto read = read_frequencies(room_with(six)).value();
  EXPECT_THAT(read.levels, ElementsAre(Mhz(500), Mhz(2100)));
  EXPECT_FALSE(read.current);
}

TEST(Frequencies, TakesNothingFromARoomThatWasNotFilled) {
  rsmi_frequencies_room_t room;
  poison(room);
  EXPECT_FALSE(read_frequencies(room));
  std::memset(room.bytes, 0, sizeof room.bytes);
  EXPECT_FALSE(read_frequencies(room));
  std::memset(room.bytes, 0xff, sizeof room.bytes);
  EXPECT_FALSE(read_frequencies(room));
}

// Whatever one layout says, it is never read as the other one.
RC_GTEST_PROP(Frequencies, TellsTheLayoutsApart, ()) {
  const auto hz = *rc::gen::container<std::vector<std::uint64_t>>(*rc::gen::inRange<std::size_t>(1, 33),
                                                                  rc::gen::inRange<std::uint64_t>(0, 5000 * kMhz));
  const auto current = *rc::gen::inRange<std::uint32_t>(0, static_cast<std::uint32_t>(hz.size()));
  std::vector<Mhz> levels;
  for (const auto each : hz) levels.emplace_back(static_cast<double>(each) * 1e-6);
  const bool whole = *rc::gen::arbitrary<bool>();
  rsmi_frequencies_room_t room;
  if (*rc::gen::arbitrary<bool>()) {
    rsmi_frequencies_v5_t five{static_cast<std::uint32_t>(hz.size()), current, {}};
    std::copy(hz.begin(), hz.end(), five.frequency);
    room = room_with(five, whole);
  } else {
    rsmi_frequencies_v6_t six{*rc::gen::arbitrary<bool>(), static_cast<std::uint32_t>(hz.size()), current, {}};
    std::copy(hz.begin(), hz.end(), six.frequency);
    room = room_with(six, whole);
    if (six.has_deep_sleep) levels.erase(levels.begin());
  }
  const auto read = read_frequencies(room);
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->levels == levels);
  RC_ASSERT(read->current == Mhz(static_cast<double>(hz[current]) * 1e-6));
}

TEST(Frequencies, OfAFineGrainedClockAreNoList) {
  EXPECT_THAT(supported_clocks({{Mhz(500), Mhz(1234), Mhz(2100)}, Mhz(1234)}), IsEmpty());
  EXPECT_THAT(supported_clocks({{Mhz(1500), Mhz(300), Mhz(600), Mhz(600), Mhz(1000)}, {}}),
              ElementsAre(Mhz(300), Mhz(600), Mhz(1000), Mhz(1500)));
}

}  // namespace
}  // namespace phasewatt::device::rocm
