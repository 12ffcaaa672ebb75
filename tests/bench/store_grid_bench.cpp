#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "../store/studies.h"
#include "phasewatt/store/export.h"
#include "phasewatt/store/reader.h"
#include "phasewatt/store/writer.h"

/// The paper's grid: 5 models × 252 points × 954 queries, 1.2 million requests, points in shuffled order as replay adds
/// them. Queries carry two KiB of text.
namespace phasewatt::store {
namespace {

const StudyPlan& grid() {
  static const StudyPlan plan = [] {
    StudyPlan made = testing::make_plan(5, 252, 954);
    for (StudyQuery& row : made.queries) row.query.prompt.assign(2048, 'x');
    return made;
  }();
  return plan;
}

void check(const Status& status, benchmark::State& state) {
  if (!status) state.SkipWithError(to_string(status.error()).c_str());
}

void write(const std::filesystem::path& path, benchmark::State& state) {
  std::vector<RunRecord> records;
  records.reserve(grid().points.size());
  std::vector<std::uint32_t> order(grid().points.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  for (const std::uint32_t i : order) records.push_back(testing::make_record(grid(), i));
  for (auto _ : state) {
    auto writer = Writer::create(path, true);
    if (!writer || !(*writer)->begin(grid())) return state.SkipWithError("cannot begin");
    for (const RunRecord& record : records) check((*writer)->add(record), state);
    check((*writer)->end(true), state);
  }
  state.counters["MB"] = static_cast<double>(std::filesystem::file_size(path)) / 1e6;
}

const testing::Folder& folder() {
  static const testing::Folder made;
  return made;
}

void write_grid(benchmark::State& state) { write(folder() / "grid.db", state); }
void open_to_resume(benchmark::State& state) {
  for (auto _ : state)
    if (!Writer::open(folder() / "grid.db")) state.SkipWithError("cannot open");
}
void read_grid(benchmark::State& state) {
  for (auto _ : state)
    if (!read_study(folder() / "grid.db")) state.SkipWithError("cannot read");
}
void read_grid_status(benchmark::State& state) {
  for (auto _ : state)
    if (!read_status(folder() / "grid.db")) state.SkipWithError("cannot read");
}
void stream_requests(benchmark::State& state) {
  for (auto _ : state) {
    double sum = 0;
    check(for_each_request(folder() / "grid.db",
                           [&](std::uint32_t, const RequestRecord& request) {
                             sum += request.latency_s;
                             return ok();
                           }),
          state);
    benchmark::DoNotOptimize(sum);
  }
}
void digest_grid(benchmark::State& state) {
  for (auto _ : state)
    if (!content_digest(folder() / "grid.db")) state.SkipWithError("cannot read");
}

// In this order: the first one makes the file for the others.
BENCHMARK(write_grid)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(open_to_resume)->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK(read_grid)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(read_grid_status)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(stream_requests)->Iterations(3)->Unit(benchmark::kMillisecond);
BENCHMARK(digest_grid)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace phasewatt::store
