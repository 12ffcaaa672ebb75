// Five-fold cross-validated logistic regression on a data set of the paper's size: 800 queries, 8 features; and on its
// whole sample of 3,817 queries.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "phasewatt/analysis/auc.h"
#include "phasewatt/analysis/folds.h"
#include "phasewatt/analysis/logistic.h"

namespace {

using namespace phasewatt::analysis;

struct Sample {
  explicit Sample(std::size_t rows) : columns(8, std::vector<double>(rows)), labels(rows) {
    std::mt19937 generator(1);
    const auto uniform = [&] { return static_cast<double>(generator()) / 4294967296.0; };
    for (std::size_t row = 0; row < rows; ++row) {
      for (auto& column : columns) column[row] = uniform();
      labels[row] = columns[0][row] + columns[1][row] + uniform() > 1.5 ? 1 : 0;
    }
    for (const auto& column : columns) spans.emplace_back(column);
  }
  std::vector<std::vector<double>> columns;
  std::vector<std::uint8_t> labels;
  FeatureSpans spans;
};

void cross_validated_logistic(benchmark::State& state) {
  const Sample sample(static_cast<std::size_t>(state.range(0)));
  const auto folds = stratified_folds(sample.labels, 5, 42);
  if (!folds) return state.SkipWithError("no folds");
  for (auto _ : state) benchmark::DoNotOptimize(cross_validate(sample.spans, sample.labels, *folds));
}
BENCHMARK(cross_validated_logistic)->Arg(800)->Arg(3817)->Unit(benchmark::kMillisecond);

void auc_with_interval(benchmark::State& state) {
  const Sample sample(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(auc(sample.columns[0], sample.labels));
}
BENCHMARK(auc_with_interval)->Arg(800)->Arg(3817)->Unit(benchmark::kMicrosecond);

}  // namespace
