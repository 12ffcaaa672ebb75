#include "phasewatt/replay/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tests/replay/fakes.h"

namespace phasewatt::replay {
namespace {

using fake::digests;
using fake::FakeSink;
using fake::Script;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::atomic<bool> kNeverStop = false;

/// Counts calls, and sets `stop` at the beginning of the n-th point.
struct Watcher final : Observer {
  std::atomic<bool> stop = false;
  int stop_at = -1;
  int begun = 0;
  std::vector<Progress> progress;
  std::vector<std::uint32_t> order;
  void on_point_begin(const RunPoint& /*point*/) override {
    if (++begun == stop_at) stop = true;
  }
  void on_point_done(const RunRecord& record, const Progress& p) override {
    progress.push_back(p);
    order.push_back(record.point.index);
  }
};

struct Ran {
  FakeSink sink;
  Watcher watcher;
  Result<RunSummary> summary = RunSummary{};
  [[nodiscard]] const RunRecord& at(std::uint32_t index) const { return sink.records.at(index); }
};

/// One whole run on fakes that follow `script`.
void run(Ran& ran, Script& script, const Study& study, int jobs = 1) {
  const auto plan = fake::plan(study);
  ran.summary = run_study(plan, study, fake::factory(script), jobs, ran.sink, ran.watcher, ran.watcher.stop);
}

TEST(Run, EveryPointReachesTheSinkOnce) {
  Script script;
  Ran ran;
  const Study study = fake::study();
  run(ran, script, study);
  ASSERT_TRUE(ran.summary.ok()) << to_string(ran.summary.error());
  EXPECT_EQ(ran.summary->total, 48U);
  EXPECT_EQ(ran.summary->done, 48U);
  EXPECT_EQ(ran.summary->valid, 48U);
  EXPECT_EQ(ran.summary->skipped, 0U);
  EXPECT_FALSE(ran.summary->interrupted);
  EXPECT_EQ(ran.sink.records.size(), 48U);
  EXPECT_EQ(ran.sink.order, execution_order(fake::plan(study)));
  EXPECT_EQ(ran.watcher.order, ran.sink.order);
  EXPECT_THAT(ran.sink.ends, ElementsAre(true));
  EXPECT_EQ(script.loads, 2) << "each model is loaded once";
  EXPECT_EQ(script.locked, 0);
  EXPECT_EQ(ran.watcher.progress.back().done, 48U);
  EXPECT_EQ(ran.watcher.progress.back().eta_s, 0.0);
}

TEST(Run, AGeneratedPointAddsUp) {
  Script script;
  const RunRecord r = fake::measure(script, "[400]");
  ASSERT_EQ(r.requests.size(), 5U);
  const auto& prefill = r.phases[static_cast<std::size_t>(Phase::prefill)];
  const auto& decode = r.phases[static_cast<std::size_t>(Phase::decode)];
  const auto& score = r.phases[static_cast<std::size_t>(Phase::score)];
  EXPECT_EQ(prefill.spans, 2);  // 4 + 1 queries
  EXPECT_EQ(prefill.tokens, 10 + 11 + 12 + 13 + 14);
  EXPECT_EQ(decode.spans, 6);
  EXPECT_EQ(decode.tokens, 3 * 5);
  EXPECT_EQ(score.spans, 0);
  EXPECT_EQ(score.energy, std::nullopt);
  EXPECT_EQ(r.method, EnergyMethod::sim_truth);
  EXPECT_EQ(r.energy_rel_error, 0.0);
  EXPECT_EQ(r.idle_s, 0);
  EXPECT_EQ(r.idle_energy, Joules(0));
  EXPECT_DOUBLE_EQ(r.wall_s, prefill.seconds + decode.seconds);
  EXPECT_DOUBLE_EQ(r.energy->value(), prefill.energy->value() + decode.energy->value());
  double shares = 0;
  for (const auto& q : r.requests) shares += q.energy->value();
  EXPECT_DOUBLE_EQ(shares, r.energy->value());
  // The first four share a batch, the last has its own; a batch is one prefill and three decode steps.
  EXPECT_EQ(r.requests[0].latency_s, r.requests[3].latency_s);
  EXPECT_DOUBLE_EQ(r.requests[0].ttft_s * 2, prefill.seconds);
  EXPECT_DOUBLE_EQ(r.requests[0].latency_s + r.requests[4].latency_s, r.wall_s);
  // Both batches cost the same; the first is shared by prompt tokens (10 of 46) and by output tokens (alike).
  EXPECT_DOUBLE_EQ(r.requests[4].energy->value(), r.energy->value() / 2);
  EXPECT_DOUBLE_EQ(r.requests[0].energy->value(),
                   prefill.energy->value() / 2 * 10 / 46 + decode.energy->value() / 2 / 4);
  EXPECT_EQ(r.requests[4].index, 4U);
  EXPECT_EQ(r.requests[4].query, 4U);
  EXPECT_EQ(r.requests[4].prompt_tokens, 14);
  EXPECT_EQ(r.requests[4].output_tokens, 3);
  EXPECT_EQ(r.requests[4].quality, 0.4);
  EXPECT_EQ(r.clock.asked, Mhz(400));
  EXPECT_EQ(r.clock.seen, Mhz(400));
  EXPECT_EQ(r.temperature_begin, Celsius(50));
  EXPECT_EQ(r.temperature_end, Celsius(50));
}

TEST(Run, AScoredPointHasContextAndOptionPasses) {
  Script script;
  Ran ran;
  run(ran, script, fake::study());
  const RunRecord& r = ran.at(0);  // boolq, batch 1, 7 queries of two options
  EXPECT_EQ(r.phases[static_cast<std::size_t>(Phase::prefill)].spans, 7);
  EXPECT_EQ(r.phases[static_cast<std::size_t>(Phase::score)].spans, 14);
  EXPECT_EQ(r.phases[static_cast<std::size_t>(Phase::decode)].spans, 0);
  EXPECT_EQ(r.requests[0].output_tokens, 0);
  // Query numbers count over the study, positions within the dataset.
  const RunRecord& generated = ran.at(12);
  EXPECT_EQ(generated.requests[0].index, 0U);
  EXPECT_EQ(generated.requests[0].query, 7U);
}

TEST(Run, WorkersDoNotChangeTheRecords) {
  Script one_script;
  Script four_script;
  Ran one;
  Ran four;
  run(one, one_script, fake::study(), 1);
  run(four, four_script, fake::study(), 4);
  ASSERT_TRUE(four.summary.ok());
  EXPECT_EQ(four.summary->jobs, 4);
  EXPECT_EQ(four_script.rigs, 4);
  EXPECT_EQ(digests(four.sink), digests(one.sink));
  EXPECT_EQ(four_script.locked, 0);
}

TEST(Run, SeedOrdersPointsWithoutChangingThem) {
  Script script;
  Ran one;
  Ran two;
  run(one, script, fake::study());
  run(two, script, fake::study(fake::with("repeats = 2", "repeats = 2\nseed = 2")));
  EXPECT_NE(one.sink.order, two.sink.order);
  EXPECT_EQ(digests(one.sink), digests(two.sink));
}

TEST(Run, ARealDeviceIsDrivenByOneWorker) {
  Script script;
  script.simulated = false;
  Ran ran;
  run(ran, script, fake::study(), 4);
  ASSERT_TRUE(ran.summary.ok());
  EXPECT_EQ(ran.summary->jobs, 1);
  EXPECT_EQ(script.rigs, 1);
}

TEST(Run, ResumedAfterAStopAtAnyPointItEndsTheSame) {
  Script script;
  Ran whole;
  run(whole, script, fake::study());
  for (int at = 1; at <= 48; ++at) {
    Ran ran;
    ran.watcher.stop_at = at;
    run(ran, script, fake::study());
    ASSERT_TRUE(ran.summary.ok());
    EXPECT_TRUE(ran.summary->interrupted);
    EXPECT_EQ(ran.summary->done, static_cast<std::uint32_t>(at - 1)) << "the point in flight is dropped";
    EXPECT_EQ(script.locked, 0) << "clocks are reset on a stop";
    ran.watcher.stop = false;
    run(ran, script, fake::study());
    ASSERT_TRUE(ran.summary.ok());
    EXPECT_EQ(ran.summary->skipped, static_cast<std::uint32_t>(at - 1));
    EXPECT_EQ(ran.summary->done, static_cast<std::uint32_t>(49 - at));
    EXPECT_EQ(digests(ran.sink), digests(whole.sink));
    EXPECT_THAT(ran.sink.ends, ElementsAre(false, true));
  }
}

TEST(Run, AFinishedStudyNeedsNoRig) {
  Script script;
  Ran ran;
  run(ran, script, fake::study());
  run(ran, script, fake::study());
  ASSERT_TRUE(ran.summary.ok());
  EXPECT_EQ(ran.summary->skipped, 48U);
  EXPECT_EQ(ran.summary->jobs, 0);
  EXPECT_EQ(script.rigs, 1);
  EXPECT_THAT(ran.sink.ends, ElementsAre(true, true));
}

TEST(Run, AFullSinkEndsTheRunAndKeepsWhatItHas) {
  for (const int jobs : {1, 4}) {
    Script script;
    Ran ran;
    ran.sink.full_after = 5;
    run(ran, script, fake::study(), jobs);
    ASSERT_FALSE(ran.summary.ok());
    EXPECT_EQ(ran.summary.error().code, ErrorCode::io);
    EXPECT_EQ(ran.sink.records.size(), 5U);
    EXPECT_THAT(ran.sink.ends, ElementsAre(false));
    EXPECT_EQ(script.locked, 0);
  }
}

TEST(Run, ARefusedLockEndsTheRun) {
  Script script;
  script.lock_error = Error{ErrorCode::permission, "may not change clocks", {}};
  Ran ran;
  run(ran, script, fake::study());
  ASSERT_FALSE(ran.summary.ok());
  EXPECT_EQ(ran.summary.error().code, ErrorCode::permission);
  EXPECT_THAT(ran.sink.ends, ElementsAre(false));
  EXPECT_GE(script.resets, 1);
}

TEST(Run, ALockThatIsLostOnTheWayVoidsThePoint) {
  Script script;
  script.lost_lock = Error{ErrorCode::io, "the helper was stopped", "run again"};
  Ran ran;
  run(ran, script, fake::one_point("[400]"));
  ASSERT_TRUE(ran.summary.ok());
  EXPECT_EQ(ran.at(0).validity, Validity::void_);
  EXPECT_THAT(ran.at(0).reasons, ElementsAre(Reason::lease_lost));
  EXPECT_EQ(ran.at(0).detail, "the helper was stopped (run again)");
}

TEST(Run, ALostDeviceEndsTheRun) {
  Script script;
  script.read_error = Error{ErrorCode::io, "GPU is lost", {}};
  Ran ran;
  run(ran, script, fake::study());
  ASSERT_FALSE(ran.summary.ok());
  EXPECT_EQ(ran.summary.error().what, "GPU is lost");
  EXPECT_THAT(ran.sink.records, IsEmpty());
  EXPECT_EQ(script.locked, 0);
}

TEST(Run, AFailedResetIsNotSilent) {
  Script script;
  Ran ran;
  const Study study = fake::one_point("[400]");
  script.reset_error = Error{ErrorCode::io, "reset failed", {}};
  run(ran, script, study);
  ASSERT_FALSE(ran.summary.ok());
  EXPECT_EQ(ran.summary.error().what, "reset failed");
  EXPECT_EQ(ran.sink.records.size(), 1U);
}

TEST(Run, AnExceptionOfALibraryBecomesAnError) {
  for (const int jobs : {1, 3}) {
    Script script;
    script.throws = true;
    Ran ran;
    run(ran, script, fake::study(), jobs);
    ASSERT_FALSE(ran.summary.ok());
    EXPECT_THAT(ran.summary.error().what, HasSubstr("thrown by a library"));
    EXPECT_EQ(script.locked, 0);
    EXPECT_THAT(ran.sink.ends, ElementsAre(false));
  }
}

TEST(Run, ARigThatCannotBeMadeIsReported) {
  FakeSink sink;
  Observer observer;
  const Study study = fake::study();
  const auto made = run_study(
      fake::plan(study), study,
      []() -> Result<Rig> {
        return Error{ErrorCode::unsupported, "no GPU", {}};
      },
      1, sink, observer, kNeverStop);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().what, "no GPU");
  EXPECT_THAT(sink.ends, ElementsAre(false));
}

TEST(Run, AModelThatDoesNotFitVoidsItsPointsWithoutTryingAgain) {
  Script script;
  script.too_big = {"large"};
  Ran ran;
  run(ran, script, fake::study());
  ASSERT_TRUE(ran.summary.ok());
  EXPECT_EQ(ran.summary->valid, 24U);
  EXPECT_EQ(ran.summary->void_, 24U);
  EXPECT_EQ(script.loads, 2);
  EXPECT_THAT(ran.at(24).reasons, ElementsAre(Reason::out_of_memory));
  EXPECT_EQ(ran.at(24).detail, "large does not fit");
  EXPECT_EQ(ran.at(24).clock.asked, Mhz(400));
  EXPECT_THAT(ran.sink.ends, ElementsAre(true));
}

TEST(Run, AnEngineErrorVoidsThePointAndGoesOn) {
  Script script;
  script.batch_error = [](const RunPoint& point) -> std::optional<Error> {
    if (point.batch == 4 && point.clock == Mhz(400)) return Error{ErrorCode::out_of_memory, "cache does not fit", {}};
    if (point.batch == 4 && !point.clock) return Error{ErrorCode::io, "connection lost", "restart the server"};
    return std::nullopt;
  };
  Ran ran;
  run(ran, script, fake::study());
  ASSERT_TRUE(ran.summary.ok());
  EXPECT_EQ(ran.summary->void_, 16U);
  EXPECT_THAT(ran.at(6).reasons, ElementsAre(Reason::out_of_memory));
  EXPECT_THAT(ran.at(6).requests, IsEmpty());
  EXPECT_EQ(ran.at(6).energy, std::nullopt);
  EXPECT_THAT(ran.at(10).reasons, ElementsAre(Reason::engine_failed));
  EXPECT_EQ(ran.at(10).detail, "connection lost (restart the server)");
}

}  // namespace
}  // namespace phasewatt::replay
