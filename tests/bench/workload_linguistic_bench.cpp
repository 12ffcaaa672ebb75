// The whole linguistic profile, named entities included, and with a tokenizer's BPE where PHASEWATT_BENCH_TOKENIZER
// names its folder. PHASEWATT_BENCH_DATA names a folder with the real datasets; without it the shipped samples are
// used.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/features.h"
#include "phasewatt/workload/linguistic.h"

namespace {

using namespace phasewatt;
using namespace phasewatt::workload;

std::optional<std::filesystem::path> data_dir() {
  const char* folder = std::getenv("PHASEWATT_BENCH_DATA");
  return folder == nullptr ? std::nullopt : std::optional<std::filesystem::path>(folder);
}

const std::vector<Query>& boolq() {
  static const std::vector<Query> queries = [] {
    auto dataset = load_dataset({"boolq", {}, {}}, data_dir());
    return dataset ? std::move(dataset->queries) : std::vector<Query>();
  }();
  return queries;
}

LinguisticAnalyser::Options options(benchmark::State& state) {
  LinguisticAnalyser::Options how;
  const char* folder = std::getenv("PHASEWATT_BENCH_TOKENIZER");
  state.SetLabel(folder == nullptr ? "tokens: ICU words" : "tokens: BPE");
  if (folder == nullptr) return how;
  auto tokenizer = Tokenizer::open(folder);
  if (!tokenizer) {
    state.SkipWithError(tokenizer.error().what.c_str());
    return how;
  }
  how.tokenizer = *tokenizer;
  return how;
}

/// Queries and words per second of one core.
void linguistic_features(benchmark::State& state) {
  const auto& queries = boolq();
  if (queries.empty()) return state.SkipWithError("no queries");
  LinguisticAnalyser analyser(options(state));
  double words = 0;
  std::int64_t done = 0;
  for (auto _ : state) {
    for (const auto& query : queries) words += analyser.analyse(query).together.words;
    done += static_cast<std::int64_t>(queries.size());
  }
  state.SetItemsProcessed(done);
  state.counters["words/s"] = benchmark::Counter(words, benchmark::Counter::kIsRate);
}
BENCHMARK(linguistic_features);

/// Processor time of this thread: what a busy machine does to the others does not count.
double cpu_micros() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

/// Processor time of one query of 1 KB, each timed alone: 50th and 99th percentile in microseconds.
void one_query_of_1_kb(benchmark::State& state) {
  const auto& queries = boolq();
  if (queries.empty()) return state.SkipWithError("no queries");
  std::vector<Query> long_ones;
  for (const auto& query : queries) {
    Query one = query;
    for (std::size_t i = 0; one.context.size() < 1024; ++i) one.context += " " + queries[i % queries.size()].context;
    one.context.resize(1024 - one.question.size());
    while (!one.context.empty() && (one.context.back() & 0x80) != 0) one.context.pop_back();
    one.prompt = one.context + "\nQuestion: " + one.question + "?\nAnswer:";
    long_ones.push_back(std::move(one));
  }
  LinguisticAnalyser analyser(options(state));
  std::vector<double> micros;
  for (auto _ : state) {
    for (const auto& query : long_ones) {
      const double begin = cpu_micros();
      benchmark::DoNotOptimize(analyser.analyse(query));
      micros.push_back(cpu_micros() - begin);
    }
  }
  std::sort(micros.begin(), micros.end());
  if (micros.empty()) return;
  state.counters["p50_us"] = micros[micros.size() / 2];
  state.counters["p99_us"] = micros[micros.size() * 99 / 100];
}
BENCHMARK(one_query_of_1_kb);

/// Bytes of the heap that a million queries take beyond what ten thousand took.
void heap_growth_over_a_million(benchmark::State& state) {
  const auto& queries = boolq();
  if (queries.empty()) return state.SkipWithError("no queries");
  LinguisticAnalyser analyser(options(state));
  constexpr std::size_t kWarm = 10'000;
  constexpr std::size_t kAll = 1'000'000;
  std::size_t after_warm = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kAll; ++i) {
      benchmark::DoNotOptimize(analyser.analyse(queries[i % queries.size()]));
      if (i + 1 == kWarm) after_warm = ::mallinfo2().uordblks;
    }
  }
  state.counters["growth_bytes"] = static_cast<double>(::mallinfo2().uordblks) - static_cast<double>(after_warm);
  state.SetItemsProcessed(static_cast<std::int64_t>(kAll));
}
BENCHMARK(heap_growth_over_a_million)->Iterations(1);

/// The paper's features with one thread and with two, each on all queries.
void paper_features_threads(benchmark::State& state) {
  const auto& queries = boolq();
  if (queries.empty()) return state.SkipWithError("no queries");
  std::int64_t bytes = 0;
  for (auto _ : state) {
    for (const auto& query : queries) {
      benchmark::DoNotOptimize(paper_features(query));
      bytes += static_cast<std::int64_t>(query.prompt.size());
    }
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(paper_features_threads)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
