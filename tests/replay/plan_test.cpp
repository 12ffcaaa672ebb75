#include "phasewatt/replay/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/replay/fakes.h"

namespace phasewatt::replay {
namespace {

using fake::inputs;
using fake::study;
using fake::with;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kClocks = "[400, 1000, \"stock\"]";

StudyPlan plan_with_clocks(const std::string& clocks, bool clock_control = true) {
  auto in = inputs();
  in.clock_control = clock_control;
  auto made = make_plan(study(with(kClocks, clocks)), in);
  EXPECT_TRUE(made.ok()) << (made ? "" : to_string(made.error()));
  return made ? *made : StudyPlan{};
}

std::vector<std::optional<Mhz>> clocks_of(const StudyPlan& plan) {
  std::vector<std::optional<Mhz>> out;
  for (const auto& point : plan.points)
    if (std::find(out.begin(), out.end(), point.clock) == out.end()) out.push_back(point.clock);
  return out;
}

TEST(Plan, PointsStandInCanonicalOrder) {
  const auto plan = fake::plan(study());
  ASSERT_EQ(plan.points.size(), 2U * 2 * 2 * 3 * 2);
  for (std::size_t i = 0; i < plan.points.size(); ++i) EXPECT_EQ(plan.points[i].index, i);
  const auto& p = plan.points;
  EXPECT_EQ(p[1].repeat, 1);
  EXPECT_EQ(p[2].clock, Mhz(1000));
  EXPECT_EQ(p[4].clock, std::nullopt);
  EXPECT_EQ(p[6].batch, 4);
  EXPECT_EQ(p[12].dataset, "truthfulqa");
  EXPECT_EQ(p[24].model, "large");
  EXPECT_EQ(plan.baseline, Mhz(1000));
  EXPECT_EQ(plan.environment.device_id, "fake:0");
  EXPECT_EQ(plan.environment.seed, 1U);
  EXPECT_THAT(plan.notes, IsEmpty());
  EXPECT_THAT(plan.samples, ElementsAre("boolq: all 7 rows", "truthfulqa: all 5 rows"));
}

TEST(Plan, QueriesFollowTheStudyNotTheLoader) {
  auto in = inputs();
  std::reverse(in.datasets.begin(), in.datasets.end());
  const auto plan = make_plan(study(), in);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->queries.front().query.dataset, "boolq");
  const auto range = queries_of(*plan, "truthfulqa");
  EXPECT_EQ(range.begin, 7U);
  EXPECT_EQ(range.end, 12U);
}

TEST(Plan, ClocksAreSnappedAndAskedForIsKept) {
  const auto plan = plan_with_clocks("[410, 1000.5]");
  EXPECT_THAT(clocks_of(plan), ElementsAre(Mhz(400), Mhz(1000)));
  EXPECT_EQ(plan.points[0].clock_asked, Mhz(410));
}

TEST(Plan, TwoRequestsInOneBinAreOnePointAndANote) {
  const auto plan = plan_with_clocks("[410, 390, 800]");
  EXPECT_THAT(clocks_of(plan), ElementsAre(Mhz(400), Mhz(800)));
  EXPECT_THAT(plan.notes, ElementsAre("410 and 390 MHz both snap to 400 MHz: they are one point"));
}

TEST(Plan, AutoSpreadsOverTheRangeWithBothEnds) {
  EXPECT_THAT(clocks_of(plan_with_clocks("'auto:2'")), ElementsAre(Mhz(200), Mhz(1000)));
  EXPECT_THAT(clocks_of(plan_with_clocks("'auto:3'")), ElementsAre(Mhz(200), Mhz(600), Mhz(1000)));
  const auto crowded = plan_with_clocks("'auto:9'");
  EXPECT_EQ(clocks_of(crowded).size(), 5U);
  EXPECT_EQ(crowded.notes.size(), 4U);
}

TEST(Plan, ClockOutOfRangeNamesLineValueAndRange) {
  // The last clock is 1000 MHz and its step 200: 1100 still snaps, more does not.
  EXPECT_THAT(clocks_of(plan_with_clocks("[100, 1100]")), ElementsAre(Mhz(200), Mhz(1000)));
  for (const auto* wrong : {"99", "1101"}) {
    const auto plan = make_plan(study(with(kClocks, std::string("[400, ") + wrong + "]")), inputs());
    ASSERT_FALSE(plan.ok());
    EXPECT_EQ(plan.error().code, ErrorCode::bad_input);
    EXPECT_EQ(plan.error().what, std::string("s.toml:5: ") + wrong + " MHz is outside the supported clocks");
    EXPECT_EQ(plan.error().hint, "this device supports 200 MHz to 1000 MHz");
  }
}

TEST(Plan, BaselineIsResolved) {
  const auto baseline = [](const std::string& line) { return make_plan(study(with("repeats = 2", line)), inputs()); };
  EXPECT_EQ(baseline("baseline = 'highest'")->baseline, Mhz(1000));
  EXPECT_EQ(baseline("baseline = 'stock'")->baseline, std::nullopt);
  EXPECT_EQ(baseline("baseline = 410")->baseline, Mhz(400));
  const auto absent = baseline("baseline = 800");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().what, "s.toml:6: the baseline 800 MHz is not among 'clocks'");
  EXPECT_FALSE(baseline("baseline = 5000").ok());
  const auto no_stock = make_plan(study(with(kClocks, "[400]", with("repeats = 2", "baseline = 'stock'"))), inputs());
  ASSERT_FALSE(no_stock.ok());
  EXPECT_THAT(no_stock.error().what, HasSubstr("s.toml:6"));
  EXPECT_EQ(plan_with_clocks("\"stock\"").baseline, std::nullopt);
}

TEST(Plan, WithoutClockControlOnlyStockIsPlannedAndSaid) {
  const auto plan = plan_with_clocks(kClocks, false);
  EXPECT_THAT(clocks_of(plan), ElementsAre(std::nullopt));
  EXPECT_EQ(plan.baseline, std::nullopt);
  EXPECT_THAT(plan.notes, ElementsAre(HasSubstr("left out: 400, 1000 MHz")));
  EXPECT_THAT(clocks_of(plan_with_clocks("'auto:2'", false)), ElementsAre(std::nullopt));
}

TEST(Plan, ADeviceWithoutAClockListCannotBeLocked) {
  auto in = inputs();
  in.device.supported_clocks.clear();
  const auto locked = make_plan(study(), in);
  ASSERT_FALSE(locked.ok());
  EXPECT_EQ(locked.error().code, ErrorCode::unsupported);
  EXPECT_TRUE(make_plan(study(with(kClocks, "\"stock\"")), in).ok());
  in.clock_control = false;
  EXPECT_TRUE(make_plan(study(), in).ok());
}

TEST(Plan, UnknownModelNamesLineAndNearest) {
  const auto plan = make_plan(study(with("large", "lage")), inputs());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code, ErrorCode::not_found);
  EXPECT_EQ(plan.error().what, "s.toml:3: unknown model 'lage'");
  EXPECT_THAT(plan.error().hint, HasSubstr("did you mean 'large'?"));
}

TEST(Plan, UnusableQueriesAreRefused) {
  const auto error = [](auto damage) {
    auto in = inputs();
    damage(in.datasets[0].queries);
    const auto plan = make_plan(study(), in);
    return plan ? Error{} : plan.error();
  };
  using Queries = std::vector<StudyQuery>;
  EXPECT_THAT(error([](Queries& q) { q.clear(); }).what, HasSubstr("s.toml:8: dataset 'boolq' has no queries"));
  EXPECT_THAT(error([](Queries& q) { q[1].query.id = q[0].query.id; }).what, HasSubstr("occurs twice"));
  EXPECT_THAT(error([](Queries& q) { q[0].prompt_tokens = 0; }).what, HasSubstr("no tokens"));
  EXPECT_THAT(error([](Queries& q) { q[0].option_tokens.pop_back(); }).what, HasSubstr("no token counts"));
  EXPECT_THAT(error([](Queries& q) { q[0].query.choices.clear(); }).what, HasSubstr("no choices"));
  EXPECT_THAT(error([](Queries& q) { q[0].query.dataset = "other"; }).what, HasSubstr("belongs to dataset 'other'"));
}

TEST(Plan, TooManyPointsAreRefused) {
  std::string sizes;
  for (int i = 1; i <= 1024; ++i) sizes += std::to_string(i) + ",";
  const auto plan = make_plan(study(with("[1, 4]", "[" + sizes + "]", with("repeats = 2", "repeats = 100"))), inputs());
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().what, HasSubstr("1228800 points are too many"));
}

TEST(Plan, FingerprintFollowsWhatDeterminesResults) {
  const std::string base = fake::plan(study()).fingerprint;
  EXPECT_EQ(base.size(), 64U);
  EXPECT_EQ(fake::plan(study()).fingerprint, base);

  const auto of_study = [](const std::string& text) { return fake::plan(study(text)).fingerprint; };
  EXPECT_EQ(of_study(with("name = \"test\"", "name = \"other\"  # a remark")), base);
  EXPECT_EQ(of_study(with("repeats = 2", "repeats = 2\nseed = 1")), base) << "a default written out";
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"repeats = 2", "repeats = 3"},
                                                        {"repeats = 2", "repeats = 2\nseed = 2"},
                                                        {"repeats = 2", "repeats = 2\nbaseline = 400"},
                                                        {"repeats = 2", "repeats = 2\nstore_prompts = false"},
                                                        {"[400, 1000, \"stock\"]", "[400, 1000]"},
                                                        {"[400, 1000, \"stock\"]", "[401, 1000, \"stock\"]"},
                                                        {"[1, 4]", "[4, 1]"},
                                                        {"[\"small\", \"large\"]", "[\"large\", \"small\"]"},
                                                        {"max_new_tokens = 3", "max_new_tokens = 4"},
                                                        {"max_new_tokens = 3", "max_new_tokens = 3\nstop = 'eos'"},
                                                        {"[decoding]", "[engine]\nruntime = 'graph'\n[decoding]"},
                                                        {"[decoding]", "[device]\nnoise = false\n[decoding]"},
                                                        {"name = \"boolq\"", "name = \"boolq\"\nsample = 'first:7'"}})
    EXPECT_NE(of_study(with(from, to)), base) << to;

  const auto of_inputs = [](auto change) {
    auto in = inputs();
    change(in);
    return make_plan(study(), in).value().fingerprint;
  };
  EXPECT_EQ(of_inputs([](PlanInputs& in) { in.environment.host = "elsewhere"; }), base);
  EXPECT_EQ(of_inputs([](PlanInputs& in) { in.datasets[0].sample = "from another folder"; }), base);
  const std::vector<std::function<void(PlanInputs&)>> changes{
      [](PlanInputs& in) { in.device.spec_hash = "1"; },
      [](PlanInputs& in) { in.device.id = "fake:1"; },
      [](PlanInputs& in) { in.device.supported_clocks.insert(in.device.supported_clocks.begin(), Mhz(100)); },
      [](PlanInputs& in) { in.token_kind = TokenKind::bpe; },
      [](PlanInputs& in) { in.datasets[0].queries[0].query.prompt += "!"; },
      [](PlanInputs& in) { in.datasets[0].queries[0].query.choices[0] += "!"; },
      [](PlanInputs& in) { in.datasets[0].queries[0].prompt_tokens += 1; },
      [](PlanInputs& in) { in.datasets[0].queries[0].option_tokens[0] += 1; },
      [](PlanInputs& in) { in.datasets[0].queries[0].features.entity_density = 0.5; },
      [](PlanInputs& in) { in.datasets[0].queries[0].query.answer = 0; },
      [](PlanInputs& in) { std::swap(in.datasets[0].queries[0], in.datasets[0].queries[1]); },
      [](PlanInputs& in) { in.datasets[0].queries.pop_back(); }};
  std::set<std::string> seen{base};
  for (const auto& change : changes) EXPECT_TRUE(seen.insert(of_inputs(change)).second) << seen.size();
}

TEST(Plan, BatchesAreConsecutiveAndOfOneTask) {
  StudyPlan plan;
  for (int i = 0; i < 9; ++i)
    plan.queries.push_back(fake::query("x", i, i < 5 ? Task::generation : Task::classification));
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;
  for (const auto& b : batches_of(plan, {0, 9}, 3)) ranges.emplace_back(b.begin, b.end);
  EXPECT_THAT(ranges, ElementsAre(std::pair(0U, 3U), std::pair(3U, 5U), std::pair(5U, 8U), std::pair(8U, 9U)));
}

TEST(Plan, HalfStepIsOfTheLargerGap) {
  const std::vector<Mhz> clocks{Mhz(180), Mhz(187), Mhz(195)};
  EXPECT_EQ(half_step(clocks, Mhz(187)), Mhz(4));
  EXPECT_EQ(half_step(clocks, Mhz(180)), Mhz(3.5));
  EXPECT_EQ(half_step(clocks, Mhz(195)), Mhz(4));
  EXPECT_EQ(half_step({Mhz(180)}, Mhz(180)), Mhz(0));
  EXPECT_EQ(half_step({}, Mhz(180)), Mhz(0));
}

// Models in turn, within them repeats, within those every point once.
RC_GTEST_PROP(ExecutionOrder, IsAPermutationGroupedByModelAndRepeat, ()) {
  Study s = study();
  s.seed = *rc::gen::arbitrary<std::uint32_t>();
  s.repeats = *rc::gen::inRange(1, 6);
  const auto plan = fake::plan(s);
  const auto order = execution_order(plan);
  std::vector<std::pair<std::string, int>> groups;
  for (const auto index : order) {
    const std::pair group{plan.points[index].model, plan.points[index].repeat};
    if (groups.empty() || groups.back() != group) groups.push_back(group);
  }
  RC_ASSERT(groups.size() == 2U * static_cast<std::size_t>(s.repeats));
  RC_ASSERT(groups.front().first == "small");
  RC_ASSERT(std::is_sorted(groups.begin(), groups.begin() + s.repeats));
  RC_ASSERT(std::set<std::uint32_t>(order.begin(), order.end()).size() == plan.points.size());
  RC_ASSERT(execution_order(plan) == order);
}

TEST(ExecutionOrder, IsFixedForASeedAndDiffersBetweenSeedsAndRepeats) {
  Study s = study();
  const auto order = execution_order(fake::plan(s));
  // Written down once: another library or compiler must give the same.
  EXPECT_EQ(std::vector<std::uint32_t>(order.begin(), order.begin() + 12),
            (std::vector<std::uint32_t>{10, 18, 2, 20, 16, 4, 8, 14, 22, 12, 0, 6}));
  EXPECT_NE(std::vector<std::uint32_t>(order.begin(), order.begin() + 12),
            std::vector<std::uint32_t>(order.begin() + 12, order.begin() + 24));
  s.seed = 2;
  EXPECT_NE(execution_order(fake::plan(s)), order);
}

TEST(ExecutionOrder, ReferencePointsLieEvenlyBetweenTheOthersOfTheirModel) {
  const auto plan = fake::plan(study(with("repeats = 2", "repeats = 2") + "\n[measure]\nreference_every = 10\n"));
  // 24 points a model: three stretches of at most ten, so four references.
  ASSERT_EQ(plan.points.size(), 2U * (24 + 4));
  const RunPoint& first = plan.points[48];
  EXPECT_TRUE(first.reference);
  EXPECT_EQ(first.model, "small");
  EXPECT_EQ(first.dataset, "boolq");
  EXPECT_EQ(first.batch, 1);
  EXPECT_EQ(first.clock, std::nullopt);
  const auto order = execution_order(plan);
  std::vector<int> at;
  std::vector<int> repeats;
  for (std::size_t i = 0; i < 28; ++i) {
    const RunPoint& point = plan.points[order[i]];
    EXPECT_EQ(point.model, "small");
    if (!point.reference) continue;
    at.push_back(static_cast<int>(i));
    repeats.push_back(point.repeat);
  }
  EXPECT_EQ(at, (std::vector<int>{0, 9, 18, 27}));
  EXPECT_EQ(repeats, (std::vector<int>{0, 1, 2, 3})) << "they count in the order of the run";
  EXPECT_EQ(std::set<std::uint32_t>(order.begin(), order.end()).size(), plan.points.size());
}

}  // namespace
}  // namespace phasewatt::replay
