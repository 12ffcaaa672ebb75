// Speed of the entity tagger on the shipped samples' prompts: items per second are words (parts between white space) on
// one core.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/entities.h"
#include "phasewatt/workload/entity_tokens.h"
#include "phasewatt/workload/unicode.h"

namespace {

using namespace phasewatt::workload;

void tag(benchmark::State& state, const char* name) {
  const auto dataset = load_dataset({name, {}, {}}, {});
  if (!dataset) return state.SkipWithError("the shipped samples cannot be read");
  std::size_t words = 0;
  for (const auto& query : dataset->queries) words += count_words(query.prompt);
  EntityWorker worker(EntityTagger::shipped());
  std::vector<phasewatt::EntitySpan> spans;
  for (auto _ : state) {
    for (const auto& query : dataset->queries) worker.tag(query.prompt, spans);
    benchmark::DoNotOptimize(spans);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(words));
}
BENCHMARK_CAPTURE(tag, boolq, "boolq");
BENCHMARK_CAPTURE(tag, hellaswag, "hellaswag");
BENCHMARK_CAPTURE(tag, truthfulqa, "truthfulqa");
BENCHMARK_CAPTURE(tag, narrativeqa, "narrativeqa");

/// Every text by a worker that has seen none: what an unlucky cache costs at most.
void tag_cold(benchmark::State& state) {
  const auto dataset = load_dataset({"boolq", {}, {}}, {});
  if (!dataset) return state.SkipWithError("the shipped samples cannot be read");
  std::size_t words = 0;
  for (const auto& query : dataset->queries) words += count_words(query.prompt);
  std::vector<phasewatt::EntitySpan> spans;
  for (auto _ : state) {
    state.PauseTiming();
    EntityWorker worker(EntityTagger::shipped());
    state.ResumeTiming();
    for (const auto& query : dataset->queries) worker.tag(query.prompt, spans);
    benchmark::DoNotOptimize(spans);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(words));
}
BENCHMARK(tag_cold);

void tokens_only(benchmark::State& state) {
  const auto dataset = load_dataset({"boolq", {}, {}}, {});
  if (!dataset) return state.SkipWithError("the shipped samples cannot be read");
  std::size_t words = 0;
  for (const auto& query : dataset->queries) words += count_words(query.prompt);
  std::vector<TokenSpan> tokens;
  for (auto _ : state) {
    for (const auto& query : dataset->queries) {
      for (std::size_t at = 0; at < query.prompt.size();) at = next_sentence(query.prompt, at, tokens);
    }
    benchmark::DoNotOptimize(tokens);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(words));
}
BENCHMARK(tokens_only);

}  // namespace
