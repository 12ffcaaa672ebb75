#include "phasewatt/analysis/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "phasewatt/analysis/optima.h"
#include "phasewatt/analysis/quality.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

/// "0.0" and not "-0.0".
std::string pct(double value) { return fmt::format("{:.1f}", std::abs(value) < 0.05 ? 0.0 : value); }
std::string signed_pct(double value) { return fmt::format("{:+.1f}", std::abs(value) < 0.05 ? 0.0 : value); }

std::string plural(std::size_t count, const std::string& noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

/// "clock_not_attained 12, throttled 1" over the records of one validity.
std::string reasons_text(const std::vector<const RunRecord*>& records, Validity validity) {
  std::vector<std::string> parts;
  for (const Reason reason : kReasons) {
    const auto points = std::count_if(records.begin(), records.end(), [&](const RunRecord* record) {
      return record->validity == validity &&
             std::find(record->reasons.begin(), record->reasons.end(), reason) != record->reasons.end();
    });
    if (points > 0) parts.push_back(fmt::format("{} {}", to_string(reason), points));
  }
  return join(parts, ", ");
}

/// "at 960 MHz", or "at 180 to 960 MHz, most often 487 MHz" for the clocks of several rows.
std::string clocks_words(const Grid& grid, const std::vector<std::size_t>& clocks) {
  std::map<std::size_t, int> times;
  for (const std::size_t clock : clocks) ++times[clock];
  const auto most =
      std::max_element(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (times.size() == 1) return clock_words(grid, most->first);
  return fmt::format("{} to {}, most often {}", grid.clock_text(times.begin()->first),
                     clock_words(grid, times.rbegin()->first), grid.clock_text(most->first));
}

std::string quality_words(const Grid& grid) {
  std::vector<double> values;
  for (const auto& model : grid.models()) {
    if (const auto one = mean_quality(grid.data(), model, grid.datasets())) values.push_back(*one);
  }
  const auto all = mean(values);
  if (!all) return "";
  if (grid.data().plan.environment.engine_simulated) return fmt::format("; quality is {:.3f} at every clock", *all);
  return fmt::format("; mean quality over all clocks is {:.3f}", *all);
}

struct Optima {
  std::vector<std::size_t> clocks;
  std::vector<double> savings;
  std::vector<double> latencies;
  std::size_t degraded = 0;
};

Optima edp_optima(const Grid& grid) {
  Optima all;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      const auto best = find_optimum(grid, model, batch, Objective::edp);
      if (!best) continue;
      const auto at = compare(grid, model, batch, best->clock, best->datasets);
      if (!at || !at->change.energy_saving_pct || !at->change.latency_pct) continue;
      all.clocks.push_back(best->clock);
      all.savings.push_back(*at->change.energy_saving_pct);
      all.latencies.push_back(*at->change.latency_pct);
      if (at->degraded()) ++all.degraded;
    }
  }
  return all;
}

std::string range_words(const std::vector<double>& values, std::string (*format)(double)) {
  if (values.size() < 2) return "";
  return fmt::format(" ({} to {} %)", format(*minimum(values)), format(*maximum(values)));
}

}  // namespace

std::string no_comparison(const Context& context) {
  const Grid& grid = context.grid;
  const auto& records = grid.records();
  if (records.empty()) return "No point of this study is finished, so there is nothing to compare.";
  if (grid.used_records() == 0) {
    const std::string reasons = reasons_text(records, Validity::void_);
    return fmt::format("None of the {} finished points may enter a conclusion{}.", records.size(),
                       reasons.empty() ? "" : ": " + reasons);
  }
  if (!grid.baseline()) {
    return fmt::format("The study has no points at its baseline of {} MHz, so no saving can be stated.",
                       mhz_text(grid.data().plan.baseline.value_or(Mhz(0)).value()));
  }
  if (grid.clocks().size() == 1) {
    return fmt::format("The study ran at one clock, {}, so it cannot say what another would save; give it more clocks.",
                       context.baseline_text());
  }
  std::size_t at_baseline = 0;
  bool energy = false;
  for (const Comparison& one : compare_all(grid, *grid.baseline())) {
    ++at_baseline;
    energy = energy || one.now.energy_j.has_value();
  }
  if (at_baseline == 0) {
    return fmt::format("No point at the baseline, {}, is valid, so no saving can be stated.", context.baseline_text());
  }
  if (!energy) return "No point at the baseline has an energy, so no saving can be stated; times can be compared.";
  return "";
}

std::string verdict(const Context& context) {
  const Grid& grid = context.grid;
  const std::string prefix = context.simulated ? "SIMULATED: " : "";
  if (const std::string why = no_comparison(context); !why.empty()) return prefix + why;
  const Optima optima = edp_optima(grid);
  if (optima.clocks.empty()) return prefix + "No model has valid energies at the baseline and another clock.";
  const double latency = *mean(optima.latencies);
  const std::string over = optima.clocks.size() == 1
                               ? ""
                               : fmt::format(", mean of {} combinations of model and batch size", optima.clocks.size());
  const std::string degraded =
      optima.degraded == 0 ? ""
                           : fmt::format("; {} of {} rest on degraded points", optima.degraded, optima.clocks.size());
  return fmt::format("{}least energy × delay is reached at {}: {} % less energy{} for {} % latency{} than at {}{}{}{}.",
                     prefix, clocks_words(grid, optima.clocks), pct(*mean(optima.savings)),
                     range_words(optima.savings, pct), signed_pct(latency), range_words(optima.latencies, signed_pct),
                     context.baseline_text(), over, quality_words(grid), degraded);
}

std::vector<std::string> remarks(const Context& context) {
  const Grid& grid = context.grid;
  const auto& records = grid.records();
  std::vector<std::string> sentences;
  if (!no_comparison(context).empty()) sentences.emplace_back("Tables of savings are left out.");
  const std::size_t planned = grid.planned();
  const std::size_t spared = grid.data().spared;
  if (planned > records.size() + spared)
    sentences.push_back(
        fmt::format("{} of {} planned points are not finished.", planned - records.size() - spared, planned));
  if (spared > 0)
    sentences.push_back(fmt::format("{} of {} planned points were not needed by the stop rule.", spared, planned));
  for (const Validity validity : {Validity::void_, Validity::degraded}) {
    const auto points = static_cast<std::size_t>(
        std::count_if(records.begin(), records.end(), [&](const RunRecord* r) { return r->validity == validity; }));
    if (points == 0) continue;
    const std::string reasons = reasons_text(records, validity);
    sentences.push_back(fmt::format("{} of {} {} {}{}{}.", points, plural(records.size(), "finished point"),
                                    points == 1 ? "is" : "are", to_string(validity),
                                    reasons.empty() ? "" : ": " + reasons,
                                    validity == Validity::void_ ? " (left out of every conclusion)" : ""));
  }
  if (grid.orphan_records() > 0) {
    sentences.push_back(plural(grid.orphan_records(), "point") +
                        " left out, because the plan has no query of the dataset.");
  }
  if (grid.repeats() == 1) {
    sentences.push_back(
        "One repeat per point: no interval can be given, and clocks that are equally good cannot be seen as ties.");
  }
  if (!grid.data().plan.baseline && grid.baseline() && grid.clocks()[*grid.baseline()]) {
    sentences.push_back("The study names no baseline and has no stock points; its highest clock, " +
                        context.baseline_text() + ", is taken.");
  }
  sentences.insert(sentences.end(), grid.data().plan.notes.begin(), grid.data().plan.notes.end());
  return sentences;
}

}  // namespace phasewatt::analysis
