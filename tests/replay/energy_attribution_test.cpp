#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "phasewatt/replay/energy/attribution.h"

namespace phasewatt::replay {
namespace {

double total(const BatchEnergy& e) {
  double sum = 0;
  for (const double phase : e.phases) sum += phase;
  return sum + e.idle;
}

double in_order(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

TEST(EnergyAttribution, ByTokensOfEachPhase) {
  const BatchEnergy energy{.phases = {30, 100, 0}, .idle = 4};
  const std::vector<RequestTokens> requests{{.prompt = 100, .output = 10}, {.prompt = 200, .output = 40}};
  const auto out = attribute(energy, requests);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_DOUBLE_EQ(out[0], 10 + 20 + 2);
  EXPECT_DOUBLE_EQ(out[1], 20 + 80 + 2);
}

TEST(EnergyAttribution, ScoringByOptionTokens) {
  const BatchEnergy energy{.phases = {30, 0, 12}, .idle = 0};
  const auto out =
      attribute(energy, std::vector<RequestTokens>{{.prompt = 1, .options = 3}, {.prompt = 2, .options = 1}});
  EXPECT_DOUBLE_EQ(out[0], 10 + 9);
  EXPECT_DOUBLE_EQ(out[1], 20 + 3);
}

TEST(EnergyAttribution, EqualPartsWhereNobodyHasTokens) {
  const auto out = attribute({.phases = {0, 9, 0}, .idle = 0}, std::vector<RequestTokens>(3));
  for (const double joules : out) EXPECT_DOUBLE_EQ(joules, 3);
}

TEST(EnergyAttribution, NobodyPaysForNobody) { EXPECT_TRUE(attribute({.phases = {1, 1, 1}, .idle = 1}, {}).empty()); }

RC_GTEST_PROP(EnergyAttribution, ConservesAndChargesNobodyLessThanNothing, ()) {
  const auto number = [] { return *rc::gen::inRange(0, 1000000) / 997.0; };
  BatchEnergy energy;
  for (auto& phase : energy.phases) phase = number();
  energy.idle = number();
  std::vector<RequestTokens> requests(*rc::gen::inRange<std::size_t>(1, 40));
  for (auto& r : requests)
    r = {static_cast<double>(*rc::gen::inRange(1, 4000)), static_cast<double>(*rc::gen::inRange(0, 300)),
         static_cast<double>(*rc::gen::inRange(0, 100))};
  const auto out = attribute(energy, requests);
  RC_ASSERT(std::abs(in_order(out) - total(energy)) <= 4e-16 * total(energy));
  for (const double joules : out) RC_ASSERT(joules >= 0);
}

}  // namespace
}  // namespace phasewatt::replay
