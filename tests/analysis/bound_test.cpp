#include "phasewatt/analysis/bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace phasewatt::analysis {
namespace {

Ceilings known() {
  Ceilings ceilings;
  ceilings.copy_bytes_per_s = 4e12;
  ceilings.stream_bytes_per_s = 3.8e12;
  ceilings.gemm_flops_per_s = 600e12;
  ceilings.gemm_clock = Mhz(1500);
  ceilings.source = "a test";
  return ceilings;
}

/// One second that moves 3.2 TB and computes 60 TFLOP, busy all the time.
BoundInput busy() {
  BoundInput phase;
  phase.seconds = 1;
  phase.bytes = 3.2e12;
  phase.flops = 60e12;
  phase.gpu_busy_s = 1;
  phase.launch_s = 0.05;
  phase.clock = Mhz(1500);
  return phase;
}

TEST(Bound, TheEvidenceIsAgainstTheBetterOfCopyAndStreamAndTheClockSeen) {
  BoundInput phase = busy();
  phase.clock = Mhz(750);
  const Diagnosis found = diagnose(phase, known());
  EXPECT_DOUBLE_EQ(*found.memory_share, 0.8);
  EXPECT_DOUBLE_EQ(*found.compute_share, 0.2);  // half the clock, half the ceiling
  EXPECT_DOUBLE_EQ(*found.busy_share, 1);
  EXPECT_DOUBLE_EQ(*found.launch_share, 0.05);
  EXPECT_EQ(found.bound, Bound::memory);
}

TEST(Bound, AClockAboveTheGemmsGivesArithmeticNoMoreThanTheGemmReached) {
  BoundInput phase = busy();
  phase.clock = Mhz(1980);  // of a point that is mostly decode, while its prefill runs at the cap as the GEMM did
  EXPECT_DOUBLE_EQ(*diagnose(phase, known()).compute_share, 0.1);
}

TEST(Bound, WaitingForTheHostComesBeforeAllElse) {
  BoundInput phase = busy();
  phase.power_capped = true;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::power);
  phase.gpu_busy_s = 0.79;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::host);
  phase.gpu_busy_s = 0.81;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::power);
}

TEST(Bound, StartingKernelsIsTheHostsBoundToo) {
  BoundInput phase = busy();
  phase.launch_s = 0.6;
  const Diagnosis found = diagnose(phase, known());
  EXPECT_EQ(found.bound, Bound::host);
  EXPECT_THAT(found.why, ::testing::HasSubstr("starting kernels takes 60 %"));
}

TEST(Bound, ArithmeticWhenItIsNearerItsCeiling) {
  BoundInput phase = busy();
  phase.bytes = 0.4e12;
  phase.flops = 400e12;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::compute);
}

TEST(Bound, FarFromBothCeilingsItIsUnknown) {
  BoundInput phase = busy();
  phase.bytes = 0.4e12;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::unknown);
}

TEST(Bound, WithoutTheBusyTimeOnlyTheExtremesAreSaid) {
  BoundInput phase = busy();
  phase.gpu_busy_s.reset();
  phase.launch_s.reset();
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::memory);
  phase.bytes = 1.6e12;  // 40 %: kernels that are half idle, or a GPU that waits half of the time
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::unknown);
  phase.bytes = 0.3e12;
  phase.flops = 6e12;
  EXPECT_EQ(diagnose(phase, known()).bound, Bound::host);
}

TEST(Bound, WithoutCeilingsTheBusyTimeStillSpeaks) {
  BoundInput phase = busy();
  EXPECT_EQ(diagnose(phase, std::nullopt).bound, Bound::unknown);
  EXPECT_DOUBLE_EQ(*diagnose(phase, std::nullopt).bytes_per_s, 3.2e12);
  phase.gpu_busy_s = 0.3;
  EXPECT_EQ(diagnose(phase, std::nullopt).bound, Bound::host);
}

TEST(Bound, OfNoTimeNothingIsSaid) {
  const Diagnosis found = diagnose(BoundInput{}, known());
  EXPECT_EQ(found.bound, Bound::unknown);
  EXPECT_FALSE(found.bytes_per_s);
}

TEST(Bound, ThePowerCapIsLaidToThePhasesThatDrewTheMost) {
  std::array<PhaseTotals, kPhaseCount> phases{};
  phases[0].seconds = 1;
  phases[0].energy = Joules(690);
  phases[1].seconds = 10;
  phases[1].energy = Joules(3000);
  EXPECT_THAT(capped_phases(phases), ::testing::ElementsAre(true, false, false));
  phases[1].energy = Joules(6700);
  EXPECT_THAT(capped_phases(phases), ::testing::ElementsAre(true, true, false));
  phases[0].energy.reset();  // not known by phase: decode took 91 % of the time
  EXPECT_THAT(capped_phases(phases), ::testing::ElementsAre(false, true, false));
  phases[1].seconds = 5;
  EXPECT_THAT(capped_phases(phases), ::testing::ElementsAre(false, false, false));
}

}  // namespace
}  // namespace phasewatt::analysis
