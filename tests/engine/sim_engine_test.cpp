#include "phasewatt/engine/sim/sim_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "phasewatt/sim/estimate.h"
#include "phasewatt/sim/spec_files.h"

namespace phasewatt::engine {
namespace {

using ::testing::HasSubstr;

struct Collector final : PhaseListener {
  std::vector<PhaseSpan> spans;
  void on_span(const PhaseSpan& span) override { spans.push_back(span); }
};

/// Requests with queries that live as long as they do.
struct Batch {
  std::deque<Query> queries;
  Features features;
  std::vector<Request> requests;

  explicit Batch(const std::vector<int>& prompts, const std::vector<std::vector<int>>& options = {}) {
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      Query query;
      query.id = "boolq/" + std::to_string(i);
      query.dataset = "boolq";
      query.task = options.empty() ? Task::generation : Task::classification;
      if (!options.empty()) query.choices.resize(options[i].size());
      queries.push_back(query);
      Request request;
      request.index = static_cast<std::uint32_t>(i);
      request.query = &queries.back();
      request.features = &features;
      request.prompt_tokens = prompts[i];
      if (!options.empty()) request.option_tokens = options[i];
      requests.push_back(request);
    }
  }
};

RunPoint point(std::optional<Mhz> clock = Mhz(960), int batch = 2, int repeat = 0) {
  RunPoint p;
  p.model = "llama-3.2-1b";
  p.dataset = "boolq";
  p.batch = batch;
  p.clock = clock;
  p.repeat = repeat;
  return p;
}

class SimEngineTest : public ::testing::Test {
 protected:
  explicit SimEngineTest(bool noise = true)
      : gpu(sim::find_gpu("rtx-pro-6000-blackwell-ws").value(), {.noise = noise, .device_id = {}}),
        runtime(sim::find_runtime("rtx-pro-6000-host", "eager").value()),
        engine(gpu, runtime, {.seed = 1, .workload_hash = "w", .quality = nullptr}) {}

  void start(const RunPoint& p = point()) {
    ASSERT_TRUE(engine.load(p.model));
    ASSERT_TRUE(engine.begin_point(p));
  }

  sim::SimGpu gpu;
  sim::RuntimeSpec runtime;
  SimEngine engine;
  Collector seen;
};

class QuietSimEngineTest : public SimEngineTest {
 protected:
  QuietSimEngineTest() : SimEngineTest(false) {}
};

TEST_F(SimEngineTest, LoadsTheShippedModelsAndNamesTheNearest) {
  EXPECT_TRUE(engine.info().simulated);
  EXPECT_EQ(engine.info().runtime, "eager");
  for (const auto& id : engine.info().models) EXPECT_EQ(engine.load(id).value().id, id);
  EXPECT_EQ(engine.load("llama-3.2-1b").value().parameters, 1235814400);
  const auto unknown = engine.load("llama-3.2-2b");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_THAT(unknown.error().hint, HasSubstr("llama-3.2-"));
}

TEST_F(SimEngineTest, GenerationIsOnePrefillAndOneSpanPerStep) {
  start();
  const Batch batch({100, 300});
  const Nanos begin = gpu.now();
  const auto out = engine.generate(batch.requests, {.max_new_tokens = 5}, seen).value();
  ASSERT_EQ(seen.spans.size(), 6U);
  EXPECT_EQ(seen.spans[0].phase, Phase::prefill);
  EXPECT_EQ(seen.spans[0].begin, begin);
  EXPECT_EQ(seen.spans[0].tokens, 400);
  double joules = 0;
  for (std::size_t i = 0; i < seen.spans.size(); ++i) {
    const auto& span = seen.spans[i];
    EXPECT_EQ(span.batch, 2);
    EXPECT_EQ(span.clock_truth, Mhz(960));
    EXPECT_FALSE(span.extrapolated);
    EXPECT_LT(span.begin, span.end);
    joules += span.energy_truth->value();
    if (i == 0) continue;
    EXPECT_EQ(span.phase, Phase::decode);
    EXPECT_EQ(span.tokens, 2);
    EXPECT_EQ(span.begin, seen.spans[i - 1].end);
  }
  EXPECT_EQ(seen.spans.back().end, gpu.now());
  EXPECT_NEAR(gpu.true_joules(), joules, 1e-9 * joules);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].output_tokens, 5);
  EXPECT_FALSE(out[0].text);
  EXPECT_FALSE(out[0].simulated_quality);
}

TEST_F(SimEngineTest, ScoringIsOneContextPassAndOnePassPerOption) {
  start();
  const Batch batch({100, 200}, {{1, 3, 0}, {5, 4}});
  const auto out = engine.score(batch.requests, seen).value();
  ASSERT_EQ(seen.spans.size(), 4U);
  EXPECT_EQ(seen.spans[0].phase, Phase::prefill);
  EXPECT_EQ(seen.spans[1].phase, Phase::score);
  EXPECT_EQ(seen.spans[1].tokens, 6);
  EXPECT_EQ(seen.spans[2].tokens, 7);
  EXPECT_EQ(seen.spans[3].tokens, 1) << "an empty option counts as one token";
  EXPECT_EQ(seen.spans[3].batch, 1) << "the second query has two options";
  EXPECT_EQ(out[0].output_tokens, 0);
  EXPECT_TRUE(out[0].option_logprobs.empty());

  const Batch none({100}, {{}});
  EXPECT_EQ(engine.score(none.requests, seen).error().code, ErrorCode::bad_input);
}

TEST_F(SimEngineTest, SequencesThatEndLeaveTheBatch) {
  start(point(Mhz(960), 8));
  const Batch batch(std::vector<int>(8, 100));
  const Decoding eos{.max_new_tokens = 100, .stop = StopRule::eos};
  const auto out = engine.generate(batch.requests, eos, seen).value();
  int longest = 0;
  double tokens = 0;
  for (const auto& outcome : out) {
    EXPECT_GE(outcome.output_tokens, 1);
    EXPECT_LE(outcome.output_tokens, 100);
    longest = std::max(longest, outcome.output_tokens);
    tokens += outcome.output_tokens;
  }
  EXPECT_EQ(seen.spans.size(), 1U + static_cast<std::size_t>(longest));
  double decoded = 0;
  for (std::size_t i = 1; i < seen.spans.size(); ++i) {
    decoded += seen.spans[i].tokens;
    if (i > 1) {
      EXPECT_LE(seen.spans[i].batch, seen.spans[i - 1].batch);
    }
  }
  EXPECT_EQ(decoded, tokens);
  EXPECT_LT(seen.spans.back().batch, 8);

  // The lengths belong to the questions: another clock, batch and repeat does the same work.
  start(point(Mhz(2842), 1, 2));
  Collector other;
  const auto alone = engine.generate(std::span(batch.requests).subspan(3, 1), eos, other).value();
  EXPECT_EQ(alone[0].output_tokens, out[3].output_tokens);
}

TEST_F(SimEngineTest, APointDependsOnItsKeyAlone) {
  const Batch batch({120, 80});
  const auto joules = [&](const RunPoint& p) {
    start(p);
    Collector collector;
    (void)engine.generate(batch.requests, {.max_new_tokens = 20}, collector).value();
    (void)engine.score(Batch({50}, {{2}}).requests, collector).value();
    return gpu.true_joules();
  };
  const double first = joules(point());
  const double other = joules(point(Mhz(2842)));
  EXPECT_EQ(joules(point()), first);
  EXPECT_EQ(joules(point(Mhz(2842))), other);
  EXPECT_NE(joules(point(Mhz(960), 2, 1)), first) << "repeats differ";

  SimEngine seeded(gpu, runtime, {.seed = 2, .workload_hash = "w", .quality = nullptr});
  ASSERT_TRUE(seeded.load("llama-3.2-1b"));
  ASSERT_TRUE(seeded.begin_point(point()));
  Collector collector;
  (void)seeded.generate(batch.requests, {.max_new_tokens = 20}, collector).value();
  const double elsewhere = collector.spans[0].energy_truth->value();
  start();
  Collector again;
  (void)engine.generate(batch.requests, {.max_new_tokens = 20}, again).value();
  EXPECT_NE(again.spans[0].energy_truth->value(), elsewhere) << "seeds differ";
}

TEST_F(SimEngineTest, WhatDoesNotFitIsOutOfMemory) {
  RunPoint p = point(std::nullopt, 64);
  p.model = "qwen2.5-32b";
  start(p);
  const Batch batch(std::vector<int>(64, 8192));
  const auto out = engine.generate(batch.requests, {.max_new_tokens = 10}, seen);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ErrorCode::out_of_memory);
  EXPECT_TRUE(seen.spans.empty());

  sim::GpuSpec small = gpu.spec();
  small.silicon.mem_bytes = 32e9;
  sim::SimGpu little(small);
  SimEngine cramped(little, runtime, {});
  EXPECT_EQ(cramped.load("qwen2.5-32b").error().code, ErrorCode::out_of_memory);
}

TEST_F(SimEngineTest, SaysWhereTheModelIsExtrapolated) {
  start(point(Mhz(180)));
  const Batch batch({100});
  (void)engine.generate(batch.requests, {.max_new_tokens = 1}, seen).value();
  EXPECT_TRUE(seen.spans[0].extrapolated);
}

TEST_F(SimEngineTest, OrderOfCallsIsChecked) {
  const Batch batch({100});
  EXPECT_EQ(engine.begin_point(point()).error().code, ErrorCode::internal);
  EXPECT_EQ(engine.generate(batch.requests, {}, seen).error().code, ErrorCode::internal);
  start();
  EXPECT_EQ(engine.generate({}, {}, seen).error().code, ErrorCode::internal);
}

TEST_F(SimEngineTest, QualityComesFromTheItemResponseModel) {
  const auto quality = QualityModel::shipped();
  ASSERT_TRUE(quality) << to_string(quality.error());
  SimEngine graded(gpu, runtime, {.seed = 1, .workload_hash = "w", .quality = &*quality});
  ASSERT_TRUE(graded.load("llama-3.2-1b"));
  ASSERT_TRUE(graded.begin_point(point()));
  const Batch batch({100, 100}, {{1, 1}, {1, 1}});
  const auto out = graded.score(batch.requests, seen).value();
  for (std::size_t i = 0; i < out.size(); ++i)
    EXPECT_EQ(out[i].simulated_quality, quality->quality("llama-3.2-1b", batch.queries[i], batch.features, 1));
  EXPECT_TRUE(out[0].simulated_quality);
}

TEST_F(QuietSimEngineTest, ABatchCostsWhatTheEstimateSays) {
  const auto arch = sim::find_arch("llama-3.2-1b").value();
  for (const double mhz : {960.0, 2842.0}) {
    start(point(Mhz(mhz)));
    const Batch batch({100, 300});
    (void)engine.generate(batch.requests, {.max_new_tokens = 100}, seen).value();
    const auto cost = sim::estimate(gpu.spec(), runtime, arch, {2, 200, 100, {}}, Mhz(mhz));
    EXPECT_NEAR(to_seconds(seen.spans.back().end - seen.spans.front().begin), cost.seconds, 0.001 * cost.seconds);
    EXPECT_NEAR(gpu.true_joules(), cost.energy.value(), 0.05 * cost.energy.value());  // a cool die leaks less
    seen.spans.clear();
  }
  EXPECT_EQ(expected_output_tokens({.max_new_tokens = 100}), 100);
  EXPECT_EQ(expected_output_tokens({.max_new_tokens = 100, .stop = StopRule::eos}), 50.5);
}

}  // namespace
}  // namespace phasewatt::engine
