#include <gtest/gtest.h>

#include "phasewatt/device/device.h"

namespace phasewatt::device {
namespace {

TEST(Snap, TakesTheNearestAndTheLowerOnATie) {
  const std::vector<Mhz> supported{Mhz(180), Mhz(190), Mhz(210)};
  EXPECT_EQ(snap(supported, Mhz(190)), Mhz(190));
  EXPECT_EQ(snap(supported, Mhz(186)), Mhz(190));
  EXPECT_EQ(snap(supported, Mhz(185)), Mhz(180));
  EXPECT_EQ(snap(supported, Mhz(200)), Mhz(190));
  EXPECT_EQ(snap(supported, Mhz(1)), Mhz(180));
  EXPECT_EQ(snap(supported, Mhz(5000)), Mhz(210));
}

}  // namespace
}  // namespace phasewatt::device
