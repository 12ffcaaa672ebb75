#include "phasewatt/analysis/context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

bool has_paper_datasets(const Grid& grid) {
  for (const auto& dataset : grid.datasets()) {
    if (!paper_dataset(dataset)) return false;
  }
  return grid.datasets().size() == kPaperDatasets;
}

bool has_paper_clocks(const Grid& grid) {
  return grid.baseline() && grid.lowest() && same_clock(grid.axis_mhz(*grid.baseline()), kPaperBaselineMhz) &&
         same_clock(grid.axis_mhz(*grid.lowest()), kPaperLowestMhz);
}

int digits_for(const Grid& grid) {
  for (const auto& clock : grid.clocks()) {
    if (clock && clock->value() != std::floor(clock->value())) return 1;
  }
  return 0;
}

}  // namespace

Cell cell(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return std::monostate{};
  return *value;
}
Cell cell(std::string text) { return Cell(std::move(text)); }
Cell cell(std::size_t count) { return static_cast<double>(count); }

std::string sentences(const std::vector<std::string>& parts) {
  std::string text;
  for (const auto& part : parts) text += " " + part + (part.ends_with('.') ? "" : ".");
  return text;
}

Column column(std::string key, std::string title, int digits) {
  return {std::move(key), std::move(title), digits, false};
}
Column paper_column(const std::string& key, int digits) { return {key + "_published", "paper", digits, true}; }

Context::Context(const Grid& study)
    : grid(study),
      simulated(study.data().plan.environment.simulated()),
      paper_datasets(has_paper_datasets(study)),
      paper_clocks(has_paper_clocks(study)),
      clock_digits(digits_for(study)) {}

bool Context::comparable(const std::vector<std::size_t>& datasets) const {
  return paper_datasets && paper_clocks && datasets.size() == kPaperDatasets;
}

std::optional<std::string> Context::paper_row(const Comparison& comparison) const {
  if (!comparable(comparison.datasets)) return std::nullopt;
  return paper_model(model(comparison.model));
}

Cell Context::clock(std::size_t index) const {
  if (!grid.clocks()[index]) return cell(std::string("stock"));
  return cell(std::optional(grid.clocks()[index]->value()));
}

Cell Context::validity(const Comparison& comparison) const {
  return cell(std::string(to_string(comparison.degraded() ? Validity::degraded : Validity::valid)));
}

std::string clock_words(const Grid& grid, std::size_t clock) {
  return grid.clocks()[clock] ? grid.clock_text(clock) + " MHz" : "the stock clock";
}

std::string Context::baseline_text() const {
  return grid.baseline() ? clock_words(grid, *grid.baseline()) : "no baseline";
}
std::string Context::lowest_text() const {
  return grid.lowest() ? clock_words(grid, *grid.lowest()) : "no lower clock";
}

std::string Context::source_note() const {
  const Environment& environment = grid.data().plan.environment;
  // The simulator's device names say themselves what they are.
  const bool said = environment.device_name.find("SIMULATED") != std::string::npos;
  std::string note =
      fmt::format("{}{}, engine {}{}. {} points used{}, {} void left out.",
                  environment.device_simulated && !said ? "Simulated " : "",
                  environment.device_name.empty() ? "GPU" : environment.device_name,
                  environment.engine.empty() ? "unknown" : environment.engine,
                  environment.runtime.empty() ? "" : " (" + environment.runtime + ")", grid.used_records(),
                  grid.degraded_records() == 0 ? "" : fmt::format(" ({} of them degraded)", grid.degraded_records()),
                  grid.void_records());
  if (grid.orphan_records() > 0) {
    note += fmt::format(" {} points left out because the plan has no query of their dataset.", grid.orphan_records());
  }
  return note;
}

std::string Context::weight_note() const {
  return fmt::format(
      "Means over {} repeat{}; datasets ({}) count the same: the mean per request of each, then their unweighted mean.",
      grid.repeats(), grid.repeats() == 1 ? "" : "s", join(grid.datasets(), ", "));
}

std::string Context::paper_note() const {
  if (!paper_clocks) {
    return fmt::format(
        "No published value stands beside: the paper compares {} MHz with {} MHz, this study {} with {}.",
        kPaperLowestMhz, kPaperBaselineMhz, lowest_text(), baseline_text());
  }
  if (!paper_datasets) return "No published value stands beside: the study's datasets are not the paper's four.";
  return "Published values: RTX PRO 6000 Blackwell; how the paper weights its datasets is not known.";
}

Table Context::table(std::string id, std::string title, std::string_view note, std::vector<Column> columns) const {
  Table result;
  result.id = std::move(id);
  result.title = std::move(title);
  result.note = fmt::format("{}{}{} {}", note, note.empty() ? "" : " ", source_note(), weight_note());
  result.columns = std::move(columns);
  if (std::any_of(result.columns.begin(), result.columns.end(), [](const Column& c) { return c.published; })) {
    result.note += " " + paper_note();
  }
  result.simulated = simulated;
  return result;
}

}  // namespace phasewatt::analysis
