#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/analysis/dvfs_tables.h"
#include "phasewatt/analysis/model_size.h"
#include "phasewatt/analysis/optima.h"
#include "phasewatt/analysis/quality.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

struct SizeGroup {
  const char* name;  ///< as in the paper
  double below;      ///< billions of parameters, exclusive upper bound
  std::size_t paper_models;
};
constexpr std::array kSizeGroups{SizeGroup{"Small (1-3B)", 4, 2}, SizeGroup{"Medium (8B)", 10, 1},
                                 SizeGroup{"Large (14-32B)", 1e9, 2}};

const SizeGroup* size_group(const std::string& model) {
  const auto billions = model_billions(model);
  if (!billions) return nullptr;
  for (const SizeGroup& group : kSizeGroups) {
    if (*billions < group.below) return &group;
  }
  return nullptr;
}

/// Change of the summed costs: the ratio of sums that the paper's group rows follow.
std::optional<Change> change_of_sums(const std::vector<Comparison>& parts) {
  std::vector<Cost> before;
  std::vector<Cost> now;
  for (const Comparison& part : parts) {
    before.push_back(part.baseline);
    now.push_back(part.now);
  }
  const auto sum_before = mean_cost(before);
  const auto sum_now = mean_cost(now);
  if (!sum_before || !sum_now) return std::nullopt;
  return change(*sum_before, *sum_now);
}

std::size_t paper_models_in(const Context& context, const std::vector<Comparison>& parts) {
  return static_cast<std::size_t>(std::count_if(parts.begin(), parts.end(), [&](const Comparison& part) {
    return paper_model(context.model(part.model)).has_value();
  }));
}

std::vector<Cell> group_row(const char* kind, const std::string& name, const std::vector<Comparison>& parts,
                            const std::string& paper_table, const std::optional<std::string>& paper_name) {
  const Change change = change_of_sums(parts).value_or(Change{});
  const auto paper = [&](const char* key) {
    return paper_name ? cell(published(paper_table, {*paper_name}, key)) : Cell();
  };
  return {cell(std::string(kind)),    cell(name),
          cell(parts.size()),         cell(change.energy_saving_pct),
          paper("energy_saving_pct"), cell(change.latency_pct),
          paper("latency_delta_pct")};
}

bool first_batch_is_one(const Context& context) {
  return !context.grid.batches().empty() && context.grid.batches().front() == 1;
}

}  // namespace

Table groups_table(const Context& context) {
  const Grid& grid = context.grid;
  const double batch = grid.batches().empty() ? 1 : context.batch(grid.first_batch());
  Table table = context.table("table_13_groups",
                              fmt::format("Table XIII: {} against {} at batch {:.0f}, by dataset and model size",
                                          context.lowest_text(), context.baseline_text(), batch),
                              "Ratio of sums over the models of a row. Sizes by the number in the model's name: small "
                              "below 4B, medium below 10B.",
                              {column("kind", "Kind"), column("group", "Group"), column("models", "Models", 0),
                               column("energy_saving_pct", "Energy saving %"), paper_column("energy_saving_pct"),
                               column("latency_delta_pct", "Latency change %"), paper_column("latency_delta_pct")});
  if (!grid.lowest()) return table;
  const bool comparable = context.paper_clocks && first_batch_is_one(context);
  for (std::size_t dataset = 0; dataset < grid.datasets().size(); ++dataset) {
    std::vector<Comparison> parts;
    for (std::size_t model = 0; model < grid.models().size(); ++model) {
      const std::array among{dataset};
      if (auto one = compare(grid, model, grid.first_batch(), *grid.lowest(), among)) parts.push_back(*std::move(one));
    }
    if (parts.empty()) continue;
    const bool same = comparable && parts.size() == kPaperModels && paper_models_in(context, parts) == kPaperModels;
    table.rows.push_back(group_row("dataset", grid.datasets()[dataset], parts, "XIII/by_dataset",
                                   same ? paper_dataset_with_output(grid.datasets()[dataset]) : std::nullopt));
  }
  for (const SizeGroup& group : kSizeGroups) {
    std::vector<Comparison> parts;
    bool same_datasets = true;
    for (std::size_t model = 0; model < grid.models().size(); ++model) {
      if (size_group(context.model(model)) != &group) continue;
      auto one = compare(grid, model, grid.first_batch(), *grid.lowest());
      if (!one) continue;
      same_datasets = same_datasets && context.comparable(one->datasets);
      parts.push_back(*std::move(one));
    }
    if (parts.empty()) continue;
    const bool same = comparable && same_datasets && parts.size() == group.paper_models &&
                      paper_models_in(context, parts) == group.paper_models;
    table.rows.push_back(group_row("model size", group.name, parts, "XIII/by_model_size",
                                   same ? std::optional<std::string>(group.name) : std::nullopt));
  }
  return table;
}

Table summary_table(const Context& context) {
  const Grid& grid = context.grid;
  Table table = context.table(
      "table_14_summary", "Table XIV: summary of the effects of the SM clock against " + context.baseline_text(),
      "Range and mean over the rows of Tables XI and XII. The paper states ranges of its batch means in some rows.",
      {column("aspect", "Aspect"),
       column("min", "from"),
       column("mean", "mean"),
       column("max", "to"),
       {"min_published", "paper: from", 1, true},
       {"mean_published", "paper: mean", 1, true},
       {"max_published", "paper: to", 1, true}});
  if (!grid.lowest()) return table;
  const auto all = compare_all(grid, *grid.lowest());
  const bool comparable = context.paper_clocks && context.paper_datasets;
  const auto add = [&](const std::string& aspect, const std::vector<Comparison>& parts,
                       std::optional<double> Change::*field, const std::string& paper_range,
                       const std::string& paper_mean) {
    std::vector<double> values;
    for (const Comparison& part : parts) {
      if (part.change.*field) values.push_back(*(part.change.*field));
    }
    if (values.empty()) return;
    const auto paper = [&](const std::string& path) {
      return comparable && !path.empty() ? cell(published_number(path)) : Cell();
    };
    table.rows.push_back({cell(aspect), cell(minimum(values)), cell(mean(values)), cell(maximum(values)),
                          paper(paper_range.empty() ? "" : paper_range + "/0"), paper(paper_mean),
                          paper(paper_range.empty() ? "" : paper_range + "/1")});
  };
  const std::string at_lowest = " at " + context.lowest_text();
  const std::string paper = "XIV/dvfs_180_vs_2842/";
  add("Energy saving %" + at_lowest, all, &Change::energy_saving_pct, paper + "energy_saving_range_pct",
      paper + "energy_saving_avg_pct");
  add("Latency change %" + at_lowest, all, &Change::latency_pct, paper + "latency_delta_range_pct", "");
  add("Prefill change %" + at_lowest, all, &Change::prefill_pct, paper + "prefill_delta_range_pct", "");
  add("Decode change %" + at_lowest, all, &Change::decode_pct, paper + "decode_delta_range_pct", "");
  add("Decode share of time % at " + context.baseline_text(), all, &Change::decode_share_pct,
      paper + "decode_share_range_pct", "");
  for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
    std::vector<Comparison> parts;
    std::copy_if(all.begin(), all.end(), std::back_inserter(parts),
                 [&](const Comparison& c) { return c.batch == batch; });
    std::string index;
    for (int i = 0; i < 3; ++i) {
      const auto size = published_number(fmt::format("XIV/batch_effect/batch/{}", i));
      if (size == context.batch(batch)) index = fmt::format("/{}", i);
    }
    const auto mean_of = [&](const char* key) {
      return index.empty() ? "" : std::string("XIV/batch_effect/") + key + index;
    };
    add(fmt::format("Energy saving % at batch {}", grid.batches()[batch]), parts, &Change::energy_saving_pct, "",
        mean_of("energy_saving_pct"));
    add(fmt::format("Latency change % at batch {}", grid.batches()[batch]), parts, &Change::latency_pct, "",
        mean_of("latency_delta_pct"));
  }
  std::vector<Comparison> optimal;
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    for (std::size_t batch = 0; batch < grid.batches().size(); ++batch) {
      const auto best = find_optimum(grid, model, batch, Objective::edp);
      if (!best) continue;
      if (auto one = compare(grid, model, batch, best->clock, best->datasets)) optimal.push_back(*std::move(one));
    }
  }
  add("Energy saving % at the EDP optimum", optimal, &Change::energy_saving_pct,
      "XIV/operating_points/1/energy_saving_range_pct", "");
  add("Latency change % at the EDP optimum", optimal, &Change::latency_pct,
      "XIV/operating_points/1/latency_delta_range_pct", "");
  return table;
}

Table joules_table(const Context& context) {
  const Grid& grid = context.grid;
  const double batch = grid.batches().empty() ? 1 : context.batch(grid.first_batch());
  Table table = context.table("table_16_joules",
                              fmt::format("Table XVI: energy by model at batch {:.0f}, {} against {}", batch,
                                          context.lowest_text(), context.baseline_text()),
                              "Per request: over all datasets. Per output token: all energy of the generating datasets "
                              "/ their generated tokens. The "
                              "paper's J are called \"per query\" in its text, but fit only per generated token; they "
                              "stand last for that reason.",
                              {column("model", "Model"),
                               column("joules_per_request_baseline", "J/request, baseline", 2),
                               column("joules_per_request_low", "J/request, low", 2),
                               column("joules_per_output_token_baseline", "J/output token, baseline", 3),
                               column("joules_per_output_token_low", "J/output token, low", 3),
                               column("energy_saving_pct", "Saving %"),
                               paper_column("energy_saving_pct"),
                               column("latency_delta_pct", "Latency change %"),
                               paper_column("latency_delta_pct"),
                               {"joules_unclear_baseline_published", "paper J, baseline", 2, true},
                               {"joules_unclear_low_published", "paper J, low", 2, true}});
  if (!grid.lowest()) return table;
  std::vector<Change> changes;
  std::size_t paper_rows = 0;
  const auto generating = grid.generating();
  for (std::size_t model = 0; model < grid.models().size(); ++model) {
    const auto one = compare(grid, model, grid.first_batch(), *grid.lowest());
    if (!one) continue;
    const auto text = compare(grid, model, grid.first_batch(), *grid.lowest(), generating);
    const auto name = first_batch_is_one(context) ? context.paper_row(*one) : std::nullopt;
    const auto paper = [&](const char* key) { return name ? cell(published("XVI", {*name}, key)) : Cell(); };
    changes.push_back(one->change);
    if (name) ++paper_rows;
    table.rows.push_back({cell(context.model(model)), cell(one->baseline.energy_j), cell(one->now.energy_j),
                          text ? cell(joules_per_output_token(text->baseline)) : Cell(),
                          text ? cell(joules_per_output_token(text->now)) : Cell(), cell(one->change.energy_saving_pct),
                          paper("saving_pct"), cell(one->change.latency_pct), paper("latency_delta_pct"),
                          paper("baseline_J"), paper("low_freq_J")});
  }
  if (changes.empty()) return table;
  const Change mean_change = average(changes);
  const bool same = paper_rows == kPaperModels && changes.size() == kPaperModels;
  const auto paper = [&](const char* path) { return same ? cell(published_number(path)) : Cell(); };
  table.rows.push_back({cell(std::string("Average")),
                        {},
                        {},
                        {},
                        {},
                        cell(mean_change.energy_saving_pct),
                        paper("XVI/average/saving_pct"),
                        cell(mean_change.latency_pct),
                        paper("XVI/average/latency_delta_pct"),
                        {},
                        {}});
  return table;
}

}  // namespace phasewatt::analysis
