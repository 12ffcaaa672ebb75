// How well phase energy is recovered on the simulated GPU, where the truth is known: error of prefill and decode energy
// and coverage of their 95 % intervals under each sensor condition, beside the usual slicing of polled power. What the
// figures mean: docs/energy.md.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>

#include "phasewatt/replay/energy/phases.h"
#include "tests/replay/energy_runs.h"

namespace phasewatt::replay::accuracy {
namespace {

constexpr double kPollS = 0.01;
constexpr std::array kShown{Phase::prefill, Phase::decode};

struct Options {
  int seeds = 200;
  int coverage_seeds = 2000;
  bool json = false;
};

/// Errors of one phase under one condition.
struct Tally {
  std::vector<double> errors;  ///< |relative error|, of the first seeds
  std::vector<double> sliced;
  double bias = 0;
  double half_width = 0;
  int covered = 0;
  int intervals = 0;
};

struct Row {
  std::array<Tally, kPhaseCount> phases;
  int absent = 0;
};

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? NAN : sum / static_cast<double>(values.size());
}

double percentile95(std::vector<double> values) {
  if (values.empty()) return NAN;
  std::ranges::sort(values);
  const auto place = static_cast<std::size_t>(std::ceil(0.95 * static_cast<double>(values.size()))) - 1;
  return values[place];
}

void tally(const Condition& condition, const Workload& workload, const Run& run, bool errors_too, Row& row) {
  const auto trace = condition.only(run);
  const auto calibration = calibration_of(workload, condition.sensors(workload.gpu));
  const auto found = phases_in_place(trace, run.window, run.stretches, calibration);
  if (!found) ++row.absent;
  const auto sliced = phases_by_slicing(trace, run.stretches, kPollS);
  const bool has_power = condition.instant || condition.average;
  for (const Phase phase : kShown) {
    const auto p = static_cast<std::size_t>(phase);
    auto& t = row.phases[p];
    if (errors_too && has_power) t.sliced.push_back(std::abs(sliced[p] / run.truth_j[p] - 1));
    if (!found || !found->phases[p]) continue;
    const double error = found->phases[p]->value / run.truth_j[p] - 1;
    const double half_width = found->phases[p]->half_width / run.truth_j[p];
    if (errors_too) t.errors.push_back(std::abs(error));
    t.bias += error;
    t.half_width += half_width;
    t.covered += std::abs(error) <= half_width ? 1 : 0;
    ++t.intervals;
  }
}

std::vector<Row> run_all(const Options& options) {
  const auto list = conditions();
  std::vector<Row> rows(list.size());
  const int most = std::max(options.seeds, options.coverage_seeds);
  for (int seed = 0; seed < most; ++seed) {
    const auto workload = workload_of(static_cast<std::uint64_t>(seed));
    std::map<decltype(list[0].run_key()), Run> runs;
    for (std::size_t i = 0; i < list.size(); ++i) {
      auto at = runs.find(list[i].run_key());
      if (at == runs.end())
        at = runs.emplace(list[i].run_key(), simulate(static_cast<std::uint64_t>(seed), workload, list[i])).first;
      tally(list[i], workload, at->second, seed < options.seeds, rows[i]);
    }
  }
  return rows;
}

void print_text(const Options& options, const std::vector<Row>& rows) {
  fmt::print("SIMULATED. Errors over {} seeds, coverage of the 95 % intervals over {}; % of the true energy.\n\n",
             options.seeds, std::max(options.seeds, options.coverage_seeds));
  fmt::print("{:<40} {:<8} {:>7} {:>7} {:>7} {:>9} {:>7} {:>11} {:>7} {:>7}\n", "condition", "phase", "mean", "p95",
             "bias", "coverage", "± 95 %", "sliced mean", "p95", "absent");
  const auto list = conditions();
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const Phase phase : kShown) {
      const auto& t = rows[i].phases[static_cast<std::size_t>(phase)];
      const double n = std::max(1, t.intervals);
      const auto percent = [](double value, int digits) {
        return std::isfinite(value) ? fmt::format("{:.{}f}", 100 * value, digits) : std::string("-");
      };
      fmt::print("{:<40} {:<8} {:>7} {:>7} {:>7} {:>9} {:>7} {:>11} {:>7} {:>7}\n", list[i].name, to_string(phase),
                 percent(mean(t.errors), 2), percent(percentile95(t.errors), 2), percent(t.bias / n, 2),
                 percent(t.covered / n, 1), percent(t.half_width / n, 2), percent(mean(t.sliced), 1),
                 percent(percentile95(t.sliced), 1), rows[i].absent);
    }
  }
}

void print_json(const Options& options, const std::vector<Row>& rows) {
  const auto list = conditions();
  const auto number = [](double value) {
    return std::isfinite(value) ? fmt::format("{:.6g}", value) : std::string("null");
  };
  fmt::print("{{\"simulated\": true, \"seeds\": {}, \"coverage_seeds\": {}, \"rows\": [", options.seeds,
             std::max(options.seeds, options.coverage_seeds));
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (const Phase phase : kShown) {
      const auto& t = rows[i].phases[static_cast<std::size_t>(phase)];
      const double n = std::max(1, t.intervals);
      fmt::print(
          "{}\n {{\"condition\": \"{}\", \"phase\": \"{}\", \"mean_error\": {}, \"p95_error\": {}, \"bias\": {}, "
          "\"coverage\": {}, \"half_width\": {}, \"sliced_mean_error\": {}, \"sliced_p95_error\": {}, \"absent\": {}}}",
          i == 0 && phase == kShown[0] ? "" : ",", list[i].name, to_string(phase), number(mean(t.errors)),
          number(percentile95(t.errors)), number(t.bias / n), number(t.covered / n), number(t.half_width / n),
          number(mean(t.sliced)), number(percentile95(t.sliced)), rows[i].absent);
    }
  }
  fmt::print("\n]}}\n");
}

std::optional<Options> parse(int count, char** arguments) {
  Options out;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = arguments[i];
    if (name == "--json") {
      out.json = true;
      continue;
    }
    if (i + 1 >= count) return std::nullopt;
    char* end = nullptr;
    const long value = std::strtol(arguments[++i], &end, 10);
    if (*end != '\0' || value < 1 || value > 1000000) return std::nullopt;
    if (name == "--seeds")
      out.seeds = static_cast<int>(value);
    else if (name == "--coverage-seeds")
      out.coverage_seeds = static_cast<int>(value);
    else
      return std::nullopt;
  }
  return out;
}

}  // namespace
}  // namespace phasewatt::replay::accuracy

int main(int argc, char** argv) {
  using namespace phasewatt::replay::accuracy;
  const auto options = parse(argc, argv);
  if (!options) {
    fmt::print(stderr, "usage: measurement_accuracy [--seeds N] [--coverage-seeds N] [--json]\n");
    return 2;
  }
  const auto rows = run_all(*options);
  if (options->json)
    print_json(*options, rows);
  else
    print_text(*options, rows);
  return 0;
}
