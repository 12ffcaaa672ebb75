#include "phasewatt/analysis/figures.h"

#include <fmt/format.h>

namespace phasewatt::analysis {
namespace {

constexpr const char* kOurs = "ours";
constexpr const char* kPaper = "paper";

Cell text(const char* words) { return cell(std::string(words)); }

/// The figures hold the paper's points as rows, so their notes say why these are there or not.
void finish(const Context& context, Figure& figure) {
  figure.published = "source";
  figure.data.note += " " + context.paper_note();
}

std::string at_first_batch(const Grid& grid) {
  return grid.batches().empty() ? "" : fmt::format(" at batch {}", grid.batches()[grid.first_batch()]);
}

/// The paper's name of a model whose curve may stand beside ours: the study compares the paper's clocks at batch 1.
std::optional<std::string> paper_curve(const Context& context, std::size_t model) {
  const Grid& grid = context.grid;
  if (!grid.lowest() || grid.batches().front() != 1) return std::nullopt;
  const auto lowest = compare(grid, model, grid.first_batch(), *grid.lowest());
  return lowest ? context.paper_row(*lowest) : std::nullopt;
}

}  // namespace

Figure energy_per_token_figure(const Context& context) {
  const Grid& grid = context.grid;
  Figure figure;
  figure.data = context.table("figure_3_energy_per_token",
                              "Figure 3: energy per generated token against the SM clock" + at_first_batch(grid),
                              "Generating datasets only. All energy: prefill, decode and idle / generated tokens. "
                              "Decode: the decode phase's energy / "
                              "generated tokens. Paper: the joules of Table XVI, whose denominator it does not state; "
                              "they fit per generated token.",
                              {column("model", "Model"), column("energy", "Energy"), column("source", "Source"),
                               column("clock_mhz", "SM clock MHz", context.clock_digits),
                               column("joules_per_output_token", "J per output token", 4)});
  figure.mark = Figure::Mark::line;
  figure.x = "clock_mhz";
  figure.y = "joules_per_output_token";
  figure.color = "model";
  figure.facet = "energy";
  finish(context, figure);
  auto& rows = figure.data.rows;
  const auto generating = grid.generating();
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
      const auto mhz = grid.axis_mhz(clock);
      const auto datasets = grid.present(model, grid.first_batch(), clock, generating);
      const auto cost = grid.cost(model, grid.first_batch(), clock, datasets);
      if (!mhz || !cost || datasets.size() != generating.size()) continue;
      const auto add = [&](const char* energy, std::optional<double> joules) {
        if (joules) rows.push_back({cell(context.model(model)), text(energy), text(kOurs), cell(mhz), cell(joules)});
      };
      add("all energy", joules_per_output_token(*cost));
      Cost decode = *cost;
      decode.energy_j = cost->joules(Phase::decode);
      add("decode", joules_per_output_token(decode));
    }
    const auto name = paper_curve(context, model);
    if (!name) continue;
    for (const auto& [mhz, key] :
         {std::pair(kPaperLowestMhz, "low_freq_J"), std::pair(kPaperBaselineMhz, "baseline_J")}) {
      rows.push_back(
          {cell(context.model(model)), text("all energy"), text(kPaper), mhz, cell(published("XVI", {*name}, key))});
    }
  }
  return figure;
}

Figure savings_curve_figure(const Context& context) {
  const Grid& grid = context.grid;
  Figure figure;
  figure.data = context.table(
      "figure_4_savings_curve", "Figure 4: energy saving against the SM clock" + at_first_batch(grid),
      "Saving against " + context.baseline_text() +
          ", over all datasets. Paper: the points of Tables XI and XII at batch 1.",
      {column("model", "Model"), column("source", "Source"), column("clock_mhz", "SM clock MHz", context.clock_digits),
       column("energy_saving_pct", "Energy saving %"), column("latency_delta_pct", "Latency change %")});
  figure.mark = Figure::Mark::line;
  figure.x = "clock_mhz";
  figure.y = "energy_saving_pct";
  figure.color = "model";
  finish(context, figure);
  auto& rows = figure.data.rows;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t clock = 0; clock < grid.clocks().size(); ++clock) {
      const auto mhz = grid.axis_mhz(clock);
      const auto one = compare(grid, model, grid.first_batch(), clock);
      if (!mhz || !one || one->datasets.size() != grid.datasets().size() || !one->change.energy_saving_pct) continue;
      rows.push_back({cell(context.model(model)), text(kOurs), cell(mhz), cell(one->change.energy_saving_pct),
                      cell(one->change.latency_pct)});
    }
    const auto name = paper_curve(context, model);
    if (!name) continue;
    const auto add = [&](const char* table, std::optional<double> mhz) {
      rows.push_back({cell(context.model(model)), text(kPaper), cell(mhz),
                      cell(published(table, {*name, 1.0}, "energy_saving_pct")),
                      cell(published(table, {*name, 1.0}, "latency_delta_pct"))});
    };
    add("XI", kPaperLowestMhz);
    add("XII", published("XII", {*name, 1.0}, "freq_mhz"));
    rows.push_back({cell(context.model(model)), text(kPaper), kPaperBaselineMhz, 0.0, 0.0});
  }
  return figure;
}

Figure batch_figure(const Context& context) {
  const Grid& grid = context.grid;
  Figure figure;
  figure.data = context.table(
      "figure_5_batch", "Figure 5: " + context.lowest_text() + " against " + context.baseline_text() + " by batch size",
      "Unweighted mean over the models. Paper: the averages of Table XI.",
      {column("batch", "Batch", 0), column("quantity", "Quantity"), column("source", "Source"),
       column("change_pct", "%")});
  figure.mark = Figure::Mark::bar;
  figure.x = "batch";
  figure.y = "change_pct";
  figure.color = "source";
  figure.facet = "quantity";
  finish(context, figure);
  if (!grid.lowest()) return figure;
  const auto all = compare_all(grid, *grid.lowest());
  for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
    std::vector<Change> changes;
    std::size_t paper_rows = 0;
    for (const Comparison& one : all) {
      if (one.batch != batch) continue;
      changes.push_back(one.change);
      if (context.paper_row(one)) ++paper_rows;
    }
    const Change mean_change = average(changes);
    const bool same = paper_rows == kPaperModels && changes.size() == kPaperModels;
    const auto add = [&](const char* quantity, std::optional<double> value, const char* key) {
      if (value) figure.data.rows.push_back({context.batch(batch), text(quantity), text(kOurs), cell(value)});
      const auto theirs = published("XI", {"Avg", context.batch(batch)}, key);
      if (same && theirs)
        figure.data.rows.push_back({context.batch(batch), text(quantity), text(kPaper), cell(theirs)});
    };
    add("Energy saving %", mean_change.energy_saving_pct, "energy_saving_pct");
    add("Latency change %", mean_change.latency_pct, "latency_delta_pct");
  }
  return figure;
}

}  // namespace phasewatt::analysis
