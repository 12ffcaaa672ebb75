// Speed of the byte-level BPE tokenizers on one core, bytes of text per second. A vocabulary does not ship with the
// program, so a folder has to be given:
//   PHASEWATT_BENCH_TOKENIZER=DIR [PHASEWATT_BENCH_TEXT=FILE] workload_bpe_bench
// Without a text: the prompts of the shipped samples.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/base/files.h"
#include "phasewatt/workload/datasets.h"
#include "phasewatt/workload/tokenizer.h"

namespace {

using namespace phasewatt::workload;

constexpr const char* kNoTokenizer = "PHASEWATT_BENCH_TOKENIZER names no tokenizer folder that can be read";

std::optional<Tokenizer> tokenizer() {
  const char* folder = std::getenv("PHASEWATT_BENCH_TOKENIZER");
  if (folder == nullptr) return std::nullopt;
  auto opened = Tokenizer::open(folder);
  if (!opened) return std::nullopt;
  return std::move(opened).value();
}

/// A text each, or the lines of the file.
std::vector<std::string> texts() {
  std::vector<std::string> all;
  if (const char* file = std::getenv("PHASEWATT_BENCH_TEXT"); file != nullptr) {
    const auto text = phasewatt::read_file(file);
    for (std::size_t at = 0; text && at < text->size();) {
      const std::size_t end = std::min(text->find('\n', at), text->size());
      all.push_back(text->substr(at, end - at));
      at = end + 1;
    }
    return all;
  }
  for (const auto name : kDatasets)
    if (const auto dataset = load_dataset({std::string(name), {}, {}}, {}))
      for (const auto& query : dataset->queries) all.push_back(query.prompt);
  return all;
}

template <class Work>
void each_text(benchmark::State& state, const Work& work) {
  const auto opened = tokenizer();
  const auto all = texts();
  if (!opened) return state.SkipWithError(kNoTokenizer);
  if (all.empty()) return state.SkipWithError("no text to encode");
  TokenEncoder encoder(*opened);
  std::int64_t bytes = 0;
  for (auto _ : state) {
    for (const auto& text : all) {
      work(encoder, text);
      bytes += static_cast<std::int64_t>(text.size());
    }
  }
  state.SetBytesProcessed(bytes);
}

void encode(benchmark::State& state) {
  std::vector<std::uint32_t> ids;
  each_text(state, [&](TokenEncoder& encoder, const std::string& text) {
    ids.clear();
    encoder.encode(text, ids);
    benchmark::DoNotOptimize(ids.data());
  });
}
BENCHMARK(encode);

void count(benchmark::State& state) {
  each_text(state,
            [](TokenEncoder& encoder, const std::string& text) { benchmark::DoNotOptimize(encoder.count(text)); });
}
BENCHMARK(count);

/// No piece is in the cache: what the merges themselves cost.
void encode_one_piece(benchmark::State& state) {
  const auto opened = tokenizer();
  if (!opened) return state.SkipWithError(kNoTokenizer);
  TokenEncoder encoder(*opened);
  std::string piece;
  for (std::uint64_t i = 1; static_cast<std::int64_t>(piece.size()) < state.range(0); i = i * 6364136223846793005U + 1)
    piece.push_back(static_cast<char>('a' + (i >> 33U) % 26));
  std::vector<std::uint32_t> ids;
  for (auto _ : state) {
    ids.clear();
    encoder.encode(piece, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_one_piece)->Arg(32)->Arg(64)->Arg(96)->Arg(128)->Arg(256)->Arg(1 << 20);

void open_tokenizer(benchmark::State& state) {
  if (!tokenizer()) return state.SkipWithError(kNoTokenizer);
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer());
}
BENCHMARK(open_tokenizer)->Unit(benchmark::kMillisecond);

}  // namespace
