// Speed of the paper profile on text like the real prompts: the shipped samples. Bytes per second on one core.
#include <benchmark/benchmark.h>

#include <string>

#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/features.h"
#include "phasewatt/workload/readers.h"

namespace {

using namespace phasewatt::workload;

void paper_features_of(benchmark::State& state, const char* name) {
  const auto dataset = load_dataset({name, {}, {}}, {});
  if (!dataset) return state.SkipWithError("the shipped samples cannot be read");
  std::int64_t bytes = 0;
  for (auto _ : state) {
    for (const auto& query : dataset->queries) {
      benchmark::DoNotOptimize(paper_features(query));
      bytes += static_cast<std::int64_t>(query.prompt.size());
    }
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK_CAPTURE(paper_features_of, boolq, "boolq");
BENCHMARK_CAPTURE(paper_features_of, hellaswag, "hellaswag");
BENCHMARK_CAPTURE(paper_features_of, truthfulqa, "truthfulqa");
BENCHMARK_CAPTURE(paper_features_of, narrativeqa, "narrativeqa");

void read_jsonl(benchmark::State& state) {
  const auto* file = phasewatt::find_embedded(shipped_samples(), "hellaswag/hellaswag_val.jsonl");
  if (file == nullptr) return state.SkipWithError("no shipped sample");
  for (auto _ : state) benchmark::DoNotOptimize(read_hellaswag(file->content, "bench"));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(file->content.size()));
}
BENCHMARK(read_jsonl);

}  // namespace
