#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/replay/fakes.h"

/// What a study does with an engine that computes.
namespace phasewatt::replay {
namespace {

using fake::FakeSink;
using fake::Script;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

const std::atomic<bool> kNeverStop = false;

/// Two models, one dataset, one point each, at the stock clock.
Study study(const std::string& dataset) {
  Study s = fake::study(fake::with(
      "[1, 4]", "[4]", fake::with("repeats = 2", "repeats = 1", fake::with("[400, 1000, \"stock\"]", "\"stock\""))));
  std::erase_if(s.datasets, [&](const auto& d) { return d.name != dataset; });
  return s;
}

StudyPlan plan(const Study& s, PlanInputs inputs = fake::inputs()) {
  for (auto& d : inputs.datasets)
    for (auto& q : d.queries) {
      q.query.answer = 1;
      q.query.references = {"the right answer"};
    }
  return make_plan(s, std::move(inputs)).value();
}

/// Nothing but spans comes from it, unless a test says more.
struct Real : Script {
  Real() { simulated = truth = clock_readable = false; }
};

Result<RunSummary> run(const StudyPlan& plan, const Study& s, const RigFactory& factory, FakeSink& sink) {
  Observer observer;
  return run_study(plan, s, factory, 1, sink, observer, kNeverStop);
}

TEST(RealEngine, AccuracyComesFromTheOptionsThatItScored) {
  const Study s = study("boolq");
  for (const bool right : {false, true}) {
    Real script;
    script.logprobs = right ? std::vector{-5.0, -1.0} : std::vector{-1.0, -5.0};
    FakeSink sink;
    ASSERT_TRUE(run(plan(s), s, fake::factory(script, false), sink));
    for (const auto& request : sink.records.at(0).requests) EXPECT_EQ(request.quality, right ? 1.0 : 0.0);
  }
}

TEST(RealEngine, RougeComesFromItsText) {
  const Study s = study("truthfulqa");
  Real script;
  script.text = "the right answer";
  FakeSink sink;
  ASSERT_TRUE(run(plan(s), s, fake::factory(script, false), sink));
  for (const auto& request : sink.records.at(0).requests) EXPECT_EQ(request.quality, 1.0);
}

TEST(RealEngine, WithoutAnswersThereIsNoQuality) {
  const Study s = study("truthfulqa");
  Real script;
  FakeSink sink;
  ASSERT_TRUE(run(plan(s), s, fake::factory(script, false), sink));
  for (const auto& request : sink.records.at(0).requests) EXPECT_EQ(request.quality, std::nullopt);
}

TEST(RealEngine, UnmeasuredItIsDegradedAndHasItsTimes) {
  const Study s = study("truthfulqa");
  Real script;
  FakeSink sink;
  ASSERT_TRUE(run(plan(s), s, fake::factory(script, false), sink));
  const RunRecord& r = sink.records.at(0);
  EXPECT_THAT(r.reasons, ElementsAre(Reason::no_energy));
  EXPECT_EQ(r.validity, Validity::degraded);
  EXPECT_GT(r.wall_s, 0);
  EXPECT_EQ(r.energy, std::nullopt);
  EXPECT_EQ(script.resets, 0);
}

TEST(RealEngine, EachModelGetsItsOwnTokens) {
  Study s = study("truthfulqa");
  s.engine = "libtorch";
  PlanInputs inputs = fake::inputs();
  for (auto& d : inputs.datasets)
    for (const auto& q : d.queries)
      d.model_tokens["large"].push_back({100, std::vector<int>(q.query.choices.size(), 1)});
  const StudyPlan planned = plan(s, std::move(inputs));
  Real script;
  FakeSink sink;
  ASSERT_TRUE(run(planned, s, fake::factory(script, false), sink));
  for (const auto& request : sink.records.at(0).requests) EXPECT_EQ(request.prompt_tokens, 10 + int(request.index));
  for (const auto& request : sink.records.at(1).requests) {
    EXPECT_EQ(request.prompt_tokens, 100);
    EXPECT_EQ(request.query, request.index);
  }
  EXPECT_EQ(sink.records.at(1).phases[0].tokens, 500);
  EXPECT_NE(planned.fingerprint, plan(s).fingerprint);
}

TEST(RealEngine, WhatItRunsIsPartOfTheFingerprint) {
  Study s = study("truthfulqa");
  s.engine = "libtorch";
  const auto print = [&](const std::string& hash) {
    PlanInputs inputs = fake::inputs();
    inputs.model_hashes = {hash};
    return plan(s, std::move(inputs)).fingerprint;
  };
  const std::string before = print("a");
  EXPECT_EQ(print("a"), before);
  EXPECT_NE(print("b"), before);
  s.dtype = "f16";
  EXPECT_NE(print("a"), before);
}

TEST(RealEngine, WithoutItsGpuTheRunEnds) {
  const Study s = study("truthfulqa");
  FakeSink sink;
  Real script;
  for (const auto code : {ErrorCode::unsupported, ErrorCode::bad_input}) {
    script.load_error = Error{code, "0 GPUs", {}};
    const auto without = run(plan(s), s, fake::factory(script, false), sink);
    ASSERT_FALSE(without);
    EXPECT_EQ(without.error().what, "0 GPUs");
    EXPECT_TRUE(sink.records.empty());
  }
  EXPECT_EQ(script.loads, 2) << "one model was tried each time";

  script.load_error = Error{ErrorCode::out_of_memory, "too big", {}};
  ASSERT_TRUE(run(plan(s), s, fake::factory(script, false), sink)) << "another model may fit";
  EXPECT_EQ(sink.records.size(), 2U);
}

class NoRecorder final : public device::Recorder {
 public:
  void start() override {}
  Result<device::SensorTrace> stop() override { return Error{ErrorCode::internal, "not recorded", {}}; }
};

/// A rig whose device "fake:0" is measured.
RigFactory measured(Script& script) {
  return [&script]() -> Result<Rig> {
    PHASEWATT_ASSIGN(Rig rig, fake::factory(script, false)());
    rig.recorder = std::make_unique<NoRecorder>();
    return rig;
  };
}

TEST(RealEngine, TheGpuItRunsOnMustBeTheOneThatIsMeasured) {
  const Study s = study("truthfulqa");
  FakeSink sink;
  Real script;
  const auto on_cpu = run(plan(s), s, measured(script), sink);
  ASSERT_FALSE(on_cpu);
  EXPECT_EQ(on_cpu.error().code, ErrorCode::bad_input);
  EXPECT_THAT(on_cpu.error().what, AllOf(HasSubstr("on the CPU"), HasSubstr("fake:0")));

  script.gpus = {"GPU-2"};
  const auto elsewhere = run(plan(s), s, measured(script), sink);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().what, "the engine runs on GPU-2, and the study measures fake:0");

  script.gpus = {"fake:0", "GPU-2"};
  const auto on_two = run(plan(s), s, measured(script), sink);
  ASSERT_FALSE(on_two);
  EXPECT_EQ(on_two.error().what, "the engine runs on fake:0, GPU-2, and the study measures fake:0");
  EXPECT_TRUE(sink.records.empty());

  script.gpus = {"fake:0"};
  const auto there = run(plan(s), s, measured(script), sink);
  ASSERT_FALSE(there);
  EXPECT_THAT(there.error().what, HasSubstr("not recorded")) << "the check was passed, and measuring began";
}

}  // namespace
}  // namespace phasewatt::replay
