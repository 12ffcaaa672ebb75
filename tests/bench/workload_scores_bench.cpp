// Scores of answers of the lengths that occur: a short answer, a generated one of 100 words, and a text of 1000.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "phasewatt/workload/porter_stemmer.h"
#include "phasewatt/workload/python_random.h"
#include "phasewatt/workload/scores.h"

namespace {

using namespace phasewatt::workload;

/// Words of which common ones are common, as in a language.
std::string text_of(std::uint64_t seed, std::int64_t words) {
  static const std::vector<std::string> common{"the", "of", "and", "measures", "energy", "is", "a", "in"};
  static const std::vector<std::string> roots{"relat", "oper", "condition", "hope", "measur", "theolog", "sky", "flie"};
  static const std::vector<std::string> suffixes{"ational", "ing", "s", "ed", "fulness", "ly", "able", ""};
  PythonRandom random(seed);
  std::string text;
  for (std::int64_t i = 0; i < words; ++i) {
    if (random.random() < 0.5)
      text += common[random.below(common.size())];
    else
      text += roots[random.below(roots.size())] + suffixes[random.below(suffixes.size())];
    text += random.random() < 0.1 ? ". " : " ";
  }
  return text;
}

void all_rouge(benchmark::State& state) {
  const std::string reference = text_of(1, state.range(0));
  const std::string prediction = text_of(2, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(rouge(reference, prediction));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(all_rouge)->Arg(5)->Arg(100)->Arg(1000)->Arg(10000);

void longest_common_subsequence(benchmark::State& state) {
  PythonRandom random(3);
  std::vector<std::uint32_t> a(static_cast<std::size_t>(state.range(0)));
  std::vector<std::uint32_t> b(a.size());
  for (auto* sequence : {&a, &b})
    for (auto& element : *sequence) element = static_cast<std::uint32_t>(random.below(200));
  for (auto _ : state) benchmark::DoNotOptimize(common_subsequence(a, b));
}
BENCHMARK(longest_common_subsequence)->Arg(100)->Arg(1000)->Arg(10000);

void squad_match(benchmark::State& state) {
  const std::string reference = text_of(1, state.range(0));
  const std::string prediction = text_of(2, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(match_answer(reference, prediction));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(squad_match)->Arg(5)->Arg(100);

void stem(benchmark::State& state) {
  const auto words = answer_words(text_of(4, 1000));
  std::int64_t bytes = 0;
  for (auto _ : state) {
    for (const auto& word : words) {
      benchmark::DoNotOptimize(porter_stem(word));
      bytes += static_cast<std::int64_t>(word.size());
    }
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(stem);

}  // namespace
