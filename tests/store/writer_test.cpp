#include "phasewatt/store/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "phasewatt/base/files.h"
#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "tests/store/studies.h"

namespace phasewatt::store {
namespace {

using ::testing::ElementsAre;
using testing::Folder;
using ::testing::HasSubstr;
using ::testing::Key;
using testing::make_plan;
using testing::make_record;

/// Writes the whole study; the writer is gone afterwards.
void write_all(const std::filesystem::path& path, const StudyPlan& plan, bool force = false) {
  auto writer = Writer::create(path, force);
  ASSERT_TRUE(writer.ok()) << to_string(writer.error());
  ASSERT_TRUE((*writer)->begin(plan).ok());
  for (const RunPoint& point : plan.points) ASSERT_TRUE((*writer)->add(make_record(plan, point.index)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
}

std::vector<std::string> files_in(const Folder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) names.push_back(entry.path().filename());
  return names;
}

TEST(StoreWriter, ThePlanComesBackAsItWas) {
  const Folder folder;
  const StudyPlan plan = make_plan(2, 4, 3);
  write_all(folder / "a.db", plan);
  const auto read = read_plan(folder / "a.db");
  ASSERT_TRUE(read.ok()) << to_string(read.error());
  EXPECT_EQ(read->name, plan.name);
  EXPECT_EQ(read->study_toml, plan.study_toml);
  EXPECT_EQ(read->fingerprint, plan.fingerprint);
  EXPECT_EQ(read->token_kind, plan.token_kind);
  EXPECT_TRUE(read->store_prompts);
  EXPECT_EQ(read->baseline, plan.baseline);
  EXPECT_EQ(read->samples, plan.samples);
  EXPECT_EQ(read->notes, plan.notes);
  EXPECT_EQ(read->invocation, plan.invocation);
  EXPECT_EQ(read->calibrations, plan.calibrations);
  ASSERT_TRUE(read->ceilings.has_value());
  EXPECT_EQ(std::tie(read->ceilings->copy_bytes_per_s, read->ceilings->launch_s, read->ceilings->source),
            std::tie(plan.ceilings->copy_bytes_per_s, plan.ceilings->launch_s, plan.ceilings->source));
  EXPECT_EQ(read->ceilings->gemm_clock, plan.ceilings->gemm_clock);
  EXPECT_EQ(read->ceilings->gemm_flops_per_s, std::nullopt);
  const Environment& a = read->environment;
  const Environment& b = plan.environment;
  EXPECT_EQ(
      std::tie(a.program_version, a.host, a.device_id, a.device_name, a.driver, a.engine, a.runtime, a.spec_hash),
      std::tie(b.program_version, b.host, b.device_id, b.device_name, b.driver, b.engine, b.runtime, b.spec_hash));
  EXPECT_EQ(std::tie(a.seed, a.device_simulated, a.engine_simulated),
            std::tie(b.seed, b.device_simulated, b.engine_simulated));
  ASSERT_EQ(read->points.size(), plan.points.size());
  for (std::size_t i = 0; i < plan.points.size(); ++i) {
    const RunPoint& p = read->points[i];
    const RunPoint& q = plan.points[i];
    EXPECT_EQ(std::tie(p.index, p.model, p.dataset, p.batch, p.clock, p.clock_asked, p.repeat, p.reference),
              std::tie(q.index, q.model, q.dataset, q.batch, q.clock, q.clock_asked, q.repeat, q.reference));
  }
}

TEST(StoreWriter, QueriesComeBackWithTextsAndFeatures) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 1, 3);
  write_all(folder / "a.db", plan);
  const auto read = read_plan(folder / "a.db");
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->queries.size(), plan.queries.size());
  for (std::size_t i = 0; i < plan.queries.size(); ++i) {
    const Query& p = read->queries[i].query;
    const Query& q = plan.queries[i].query;
    EXPECT_EQ(
        std::tie(p.id, p.dataset, p.row, p.task, p.question, p.context, p.prompt, p.choices, p.answer, p.references),
        std::tie(q.id, q.dataset, q.row, q.task, q.question, q.context, q.prompt, q.choices, q.answer, q.references));
    EXPECT_EQ(read->queries[i].prompt_tokens, plan.queries[i].prompt_tokens);
    const Features& f = read->queries[i].features;
    const Features& g = plan.queries[i].features;
    static_assert(sizeof(Features) == 9 * sizeof(double), "a new feature needs a column, a version and a line here");
    EXPECT_EQ(std::tie(f.words, f.characters, f.token_entropy_bits, f.unique_ratio, f.entity_density),
              std::tie(g.words, g.characters, g.token_entropy_bits, g.unique_ratio, g.entity_density));
    EXPECT_EQ(std::tie(f.causal_question, f.reasoning_complexity, f.words_per_sentence, f.complexity_score),
              std::tie(g.causal_question, g.reasoning_complexity, g.words_per_sentence, g.complexity_score));
  }
}

TEST(StoreWriter, RecordsComeBackExactlyWithMissingValuesMissing) {
  const Folder folder;
  const StudyPlan plan = make_plan(2, 9, 2);
  write_all(folder / "a.db", plan);
  const auto read = read_study(folder / "a.db");
  ASSERT_TRUE(read.ok()) << to_string(read.error());
  ASSERT_EQ(read->records.size(), plan.points.size());
  for (const RunRecord& r : read->records) {
    const RunRecord w = make_record(plan, r.point.index);
    EXPECT_EQ(std::tie(r.point.model, r.point.clock, r.clock.asked, r.clock.snapped, r.clock.seen, r.throttle_mask),
              std::tie(w.point.model, w.point.clock, w.clock.asked, w.clock.snapped, w.clock.seen, w.throttle_mask));
    for (std::size_t i = 0; i < kPhaseCount; ++i) {
      const PhaseTotals& p = r.phases[i];
      const PhaseTotals& q = w.phases[i];
      EXPECT_EQ(std::tie(p.seconds, p.tokens, p.spans, p.energy), std::tie(q.seconds, q.tokens, q.spans, q.energy));
      EXPECT_EQ(std::tie(p.method, p.energy_rel_error, p.stacked_energy, p.stacked_rel_error, p.energy_truth),
                std::tie(q.method, q.energy_rel_error, q.stacked_energy, q.stacked_rel_error, q.energy_truth));
      EXPECT_EQ(std::tie(p.bytes, p.flops, p.gpu_busy_s, p.launch_s),
                std::tie(q.bytes, q.flops, q.gpu_busy_s, q.launch_s));
    }
    EXPECT_EQ(std::tie(r.wall_s, r.idle_s, r.energy, r.idle_energy, r.method, r.energy_rel_error),
              std::tie(w.wall_s, w.idle_s, w.energy, w.idle_energy, w.method, w.energy_rel_error));
    EXPECT_EQ(std::tie(r.cross_energy, r.cross_rel_error, r.passes, r.tail_s),
              std::tie(w.cross_energy, w.cross_rel_error, w.passes, w.tail_s));
    ASSERT_EQ(r.sampling.has_value(), w.sampling.has_value());
    if (!r.sampling) continue;
    EXPECT_EQ(std::tie(r.sampling->reads, r.sampling->lost, r.sampling->cpu_share, r.sampling->driver_share),
              std::tie(w.sampling->reads, w.sampling->lost, w.sampling->cpu_share, w.sampling->driver_share));
    EXPECT_EQ(std::tie(r.temperature_begin, r.temperature_end, r.validity, r.reasons, r.detail),
              std::tie(w.temperature_begin, w.temperature_end, w.validity, w.reasons, w.detail));
    EXPECT_TRUE(r.requests.empty());
  }
}

TEST(StoreWriter, RequestsAreStreamedInOrder) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 8, 5);
  write_all(folder / "a.db", plan);
  std::uint32_t seen = 0;
  const Status status = for_each_request(folder / "a.db", [&](std::uint32_t point, const RequestRecord& r) {
    EXPECT_EQ(point, seen / 5);
    const RequestRecord w = make_record(plan, point).requests.at(seen % 5);
    EXPECT_EQ(std::tie(r.index, r.query, r.prompt_tokens, r.output_tokens, r.ttft_s, r.latency_s, r.energy, r.quality),
              std::tie(w.index, w.query, w.prompt_tokens, w.output_tokens, w.ttft_s, w.latency_s, w.energy, w.quality));
    ++seen;
    return ok();
  });
  ASSERT_TRUE(status.ok()) << to_string(status.error());
  EXPECT_EQ(seen, 40U);
  const Status stopped = for_each_request(folder / "a.db", [](std::uint32_t, const RequestRecord&) -> Status {
    return Error{ErrorCode::interrupted, "enough", {}};
  });
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().what, "enough");
}

TEST(StoreWriter, QualityIsTheMeanPerModelAndQuery) {
  const Folder folder;
  const StudyPlan plan = make_plan(2, 5, 4);
  write_all(folder / "a.db", plan);
  const auto read = read_study(folder / "a.db");
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->qualities.size(), 4U);  // 2 models × the 2 queries with a quality
  for (const QualityRow& row : read->qualities) {
    double sum = 0;
    for (const RunPoint& point : plan.points)
      if (point.model == row.model) sum += make_record(plan, point.index).requests[row.query].quality.value();
    EXPECT_DOUBLE_EQ(row.quality, sum / 5);
  }
  EXPECT_EQ(read->qualities[0].model, "model-0");
  EXPECT_EQ(read->qualities[1].query, 2U);
}

RC_GTEST_PROP(StoreWriter, AnyTextAndNumberSurvives, (const std::string& text, double number, std::uint64_t mask)) {
  RC_PRE(!std::isnan(number));
  const Folder folder;
  StudyPlan plan = make_plan(1, 1, 1);
  plan.study_toml = text;
  auto writer = Writer::create(folder / "a.db", false);
  RC_ASSERT(writer.ok() && (*writer)->begin(plan).ok());
  RunRecord record = make_record(plan, 0);
  record.detail = text;
  record.wall_s = number;
  record.throttle_mask = mask;
  RC_ASSERT((*writer)->add(record).ok() && (*writer)->end(true).ok());
  const auto read = read_study(folder / "a.db");
  RC_ASSERT(read.ok());
  RC_ASSERT(read->plan.study_toml == text);
  RC_ASSERT(read->records[0].detail == text);
  RC_ASSERT(read->records[0].wall_s == number);
  RC_ASSERT(read->records[0].throttle_mask == mask);
}

TEST(StoreWriter, WithoutStorePromptsNoTextIsAnywhereInTheFile) {
  const Folder folder;
  StudyPlan plan = make_plan(1, 2, 5);
  plan.store_prompts = false;
  write_all(folder / "a.db", plan);
  const auto bytes = read_file(folder / "a.db");
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->find("SECRET"), std::string::npos);
  const auto read = read_plan(folder / "a.db");
  ASSERT_TRUE(read.ok());
  EXPECT_FALSE(read->store_prompts);
  EXPECT_EQ(read->queries[2].query.id, "made/2");
  EXPECT_EQ(read->queries[2].query.answer, 1);
  EXPECT_EQ(read->queries[2].features.words, plan.queries[2].features.words);
  EXPECT_TRUE(read->queries[2].query.prompt.empty());
}

TEST(StoreWriter, ACleanEndLeavesOneFile) {
  const Folder folder;
  write_all(folder / "a.db", make_plan(1, 2, 2));
  EXPECT_THAT(files_in(folder), ElementsAre("a.db"));
}

TEST(StoreWriter, AnInterruptedStudyGoesOnWhereItStopped) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 4, 2);
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
    ASSERT_TRUE((*writer)->add(make_record(plan, 2)).ok());
    ASSERT_TRUE((*writer)->end(false).ok());
  }
  {
    auto writer = Writer::open(folder / "a.db");
    ASSERT_TRUE(writer.ok()) << to_string(writer.error());
    const auto done = (*writer)->begin(plan);
    ASSERT_TRUE(done.ok());
    EXPECT_THAT(*done, ElementsAre(Key(2U)));
    for (const std::uint32_t i : {3U, 0U, 1U}) ASSERT_TRUE((*writer)->add(make_record(plan, i)).ok());
    ASSERT_TRUE((*writer)->end(true).ok());
  }
  write_all(folder / "b.db", plan);
  EXPECT_EQ(content_digest(folder / "a.db").value(), content_digest(folder / "b.db").value());
  const auto status = read_status(folder / "a.db");
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->sessions.size(), 2U);
  EXPECT_EQ(status->sessions[0].complete, false);
  EXPECT_EQ(status->sessions[1].complete, true);
}

TEST(StoreWriter, StatusTellsWhatIsWrongWithEachPoint) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 9, 2);
  auto writer = Writer::create(folder / "a.db", false);
  ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
  for (std::uint32_t i = 0; i < 8; ++i) ASSERT_TRUE((*writer)->add(make_record(plan, i)).ok());
  auto status = read_status(folder / "a.db");  // while the study runs
  ASSERT_TRUE(status.ok()) << to_string(status.error());
  EXPECT_TRUE(status->running);
  EXPECT_FALSE(status->complete);
  EXPECT_EQ(status->points_total, 9);
  EXPECT_EQ(status->points_done, 8);
  EXPECT_EQ(status->points_valid, 5);
  EXPECT_EQ(status->points_degraded, 1);
  EXPECT_EQ(status->points_void, 2);
  EXPECT_EQ(status->requests, 16);
  ASSERT_EQ(status->troubles.size(), 3U);
  EXPECT_EQ(status->troubles[0].point.index, 1U);
  EXPECT_THAT(status->troubles[0].reasons, ElementsAre(Reason::throttled, Reason::clock_not_attained));
  EXPECT_EQ(status->troubles[0].detail, "180 MHz asked, 2000 MHz seen");
  EXPECT_EQ(status->sessions[0].end_utc, std::nullopt);
  ASSERT_TRUE((*writer)->add(make_record(plan, 8)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
  status = read_status(folder / "a.db");
  ASSERT_TRUE(status.ok());
  EXPECT_FALSE(status->running);
  EXPECT_TRUE(status->complete);
}

TEST(StoreWriter, AnExistingFileIsKeptWithoutForce) {
  const Folder folder;
  ASSERT_TRUE(write_file(folder / "a.db", "precious").ok());
  const auto writer = Writer::create(folder / "a.db", false);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::exists);
  EXPECT_THAT(writer.error().hint, HasSubstr("--force"));
  EXPECT_THAT(writer.error().hint, HasSubstr("study resume"));
  EXPECT_EQ(read_file(folder / "a.db").value(), "precious");
  EXPECT_THAT(files_in(folder), ElementsAre("a.db"));
}

TEST(StoreWriter, WithForceTheOldFileStaysUntilTheNewStudyHasBegun) {
  const Folder folder;
  const StudyPlan old_plan = make_plan(1, 2, 2);
  StudyPlan new_plan = make_plan(1, 3, 2);
  new_plan.fingerprint = "f2";
  write_all(folder / "a.db", old_plan);
  {
    auto writer = Writer::create(folder / "a.db", true);
    ASSERT_TRUE(writer.ok());
    EXPECT_EQ(read_plan(folder / "a.db")->fingerprint, "f1");
    (*writer)->limit_pages(4);
    EXPECT_EQ((*writer)->begin(new_plan).error().code, ErrorCode::io);
  }
  EXPECT_EQ(read_plan(folder / "a.db")->fingerprint, "f1");
  EXPECT_THAT(files_in(folder), ElementsAre("a.db"));
  write_all(folder / "a.db", new_plan, true);
  EXPECT_EQ(read_study(folder / "a.db")->records.size(), 3U);
  EXPECT_THAT(files_in(folder), ElementsAre("a.db"));
}

TEST(StoreWriter, ForceDoesNotPlayAKilledStudysLogIntoTheNewFile) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 3, 20);
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
    ASSERT_TRUE((*writer)->add(make_record(plan, 0)).ok());
    for (const char* suffix : {"", "-wal"})  // what a kill would leave
      std::filesystem::copy_file(folder.path() / ("a.db" + std::string(suffix)),
                                 folder.path() / ("b.db" + std::string(suffix)));
  }
  write_all(folder / "b.db", plan, true);
  write_all(folder / "c.db", plan);
  EXPECT_EQ(content_digest(folder / "b.db").value(), content_digest(folder / "c.db").value());
}

TEST(StoreWriter, AnotherStudyIsNotMixedIn) {
  const Folder folder;
  StudyPlan plan = make_plan(1, 2, 2);
  write_all(folder / "a.db", plan);
  plan.fingerprint = "other";
  auto writer = Writer::open(folder / "a.db");
  ASSERT_TRUE(writer.ok());
  const auto begun = (*writer)->begin(plan);
  ASSERT_FALSE(begun.ok());
  EXPECT_EQ(begun.error().code, ErrorCode::exists);
  EXPECT_THAT(begun.error().what, HasSubstr("another study"));
}

TEST(StoreWriter, TwoWritersAreToldApartAndReadersAreNot) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 2, 2);
  auto first = Writer::create(folder / "a.db", false);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(Writer::create(folder / "a.db", false).error().code, ErrorCode::io);
  ASSERT_TRUE((*first)->begin(plan).ok());
  for (const auto& second : {Writer::open(folder / "a.db"), Writer::create(folder / "a.db", true)}) {
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::io);
    EXPECT_THAT(second.error().what, HasSubstr("locked by another running study"));
  }
  EXPECT_TRUE(read_plan(folder / "a.db").ok());
  ASSERT_TRUE((*first)->add(make_record(plan, 0)).ok());
}

TEST(StoreWriter, AFullDiskLosesOnlyThePointInFlight) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 40, 150);
  std::uint32_t kept = 0;
  {
    auto writer = Writer::create(folder / "a.db", false);
    ASSERT_TRUE(writer.ok());
    (*writer)->limit_pages(60);
    ASSERT_TRUE((*writer)->begin(plan).ok());
    Status added = ok();
    while (kept < plan.points.size() && (added = (*writer)->add(make_record(plan, kept))).ok()) ++kept;
    ASSERT_FALSE(added.ok());
    EXPECT_EQ(added.error().code, ErrorCode::io);
    EXPECT_THAT(added.error().what, HasSubstr("disk full"));
    EXPECT_THAT(added.error().hint, HasSubstr("study resume"));
  }
  ASSERT_GT(kept, 1U);
  auto writer = Writer::open(folder / "a.db");
  ASSERT_TRUE(writer.ok()) << to_string(writer.error());
  const auto done = (*writer)->begin(plan);
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->size(), kept);
  for (std::uint32_t i = kept; i < plan.points.size(); ++i) ASSERT_TRUE((*writer)->add(make_record(plan, i)).ok());
  ASSERT_TRUE((*writer)->end(true).ok());
  write_all(folder / "b.db", plan);
  EXPECT_EQ(content_digest(folder / "a.db").value(), content_digest(folder / "b.db").value());
}

TEST(StoreWriter, WhatIsNotInThePlanOrAlreadyThereIsRefusedWhole) {
  const Folder folder;
  const StudyPlan plan = make_plan(1, 2, 2);
  auto writer = Writer::create(folder / "a.db", false);
  ASSERT_TRUE(writer.ok() && (*writer)->begin(plan).ok());
  ASSERT_TRUE((*writer)->add(make_record(plan, 0)).ok());
  EXPECT_EQ((*writer)->add(make_record(plan, 0)).error().code, ErrorCode::internal);
  RunRecord stranger = make_record(plan, 1);
  stranger.point.index = 7;
  EXPECT_EQ((*writer)->add(stranger).error().code, ErrorCode::internal);
  RunRecord wrong_query = make_record(plan, 1);
  wrong_query.requests.back().query = 9;
  EXPECT_EQ((*writer)->add(wrong_query).error().code, ErrorCode::internal);
  ASSERT_TRUE((*writer)->add(make_record(plan, 1)).ok()) << "a refused record must leave nothing behind";
  ASSERT_TRUE((*writer)->end(true).ok());
  EXPECT_FALSE((*writer)->add(make_record(plan, 1)).ok());
  EXPECT_FALSE((*writer)->end(true).ok());
}

}  // namespace
}  // namespace phasewatt::store
