#pragma once

#include <algorithm>
#include <limits>
#include <string>

#include "phasewatt/report/page.h"

/// A page with everything a report can hold: each mark, the paper's layer, facets, missing values, and names that try
/// to break out of every format.
namespace phasewatt::report::sample {

inline constexpr const char* kNasty = "</script><img src=x onerror=alert(1)>\"'&|`{{title}}`";

inline analysis::Table table() {
  analysis::Table t;
  t.id = "table_11_dvfs";
  t.title = "Table XI: DVFS results at 180 MHz against 2842 MHz";
  t.note =
      "Sample paper:200 (200 queries of each dataset), profile paper, 3 repeats, means over datasets. Method "
      "sim_truth. "
      "A point whose clock did not hold is left out; an empty cell is a value that is not known. " +
      std::string(kNasty);
  t.columns = {{"model", "Model"},
               {"batch", "Batch", 0},
               {"energy_saving_pct", "Energy saving (%)", 1},
               {"energy_saving_pct_published", "paper", 1, true},
               {"latency_delta_pct", "Latency change (%)", 1},
               {"latency_delta_pct_published", "paper", 1, true},
               {"prefill_delta_pct", "Prefill latency change (%)", 1},
               {"decode_delta_pct", "Decode latency change (%)", 1},
               {"prefill_share_pct", "Prefill share of time (%)", 1},
               {"joules", "Energy per query (J)", 3},
               {"edp", "Energy-delay product (J s)", 3}};
  const char* models[] = {"Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Qwen2.5-14B", kNasty};
  double size = 1;
  for (const char* model : models) {
    for (const double batch : {1.0, 4.0, 8.0}) {
      t.rows.push_back({std::string(model),
                        batch,
                        42.0 - size / 3,
                        41.2 - size / 2,
                        -0.0,
                        {},
                        812.5 + size * batch,
                        1.25 * batch,
                        std::numeric_limits<double>::quiet_NaN(),
                        size * 7.123456789,
                        size * batch * 0.3});
    }
    size *= 2.4;
  }
  t.simulated = true;
  return t;
}

inline analysis::Table plain_table() {
  analysis::Table t;
  t.id = "table_5_entropy";
  t.title = "Table V: token entropy of the prompts";
  t.columns = {{"dataset", "Dataset"}, {"mean", "Mean (bit)", 3}, {"mean_published", "paper", 3, true}};
  t.rows = {{std::string("boolq"), 5.9871, 5.987}, {std::string("hellaswag"), 6.1, {}}};
  return t;
}

inline analysis::Figure energy_line() {
  analysis::Figure f;
  f.data.id = "figure_3_energy_per_token";
  f.data.title = "Figure 3: energy per generated token against the SM clock, batch 1";
  f.data.note = "One line per model; the paper gives the two end clocks only.";
  f.data.columns = {{"model", "Model"},
                    {"source", "Source"},
                    {"clock_mhz", "SM clock (MHz)", 0},
                    {"joules_per_token", "Energy per token (J)", 2}};
  const char* models[] = {"Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Qwen2.5-14B", kNasty};
  double size = 1.5;
  for (const char* model : models) {
    for (const double clock : {180.0, 623.0, 1067.0, 1511.0, 1954.0, 2398.0, 2842.0}) {
      const double volts = clock / 2842;
      f.data.rows.push_back({std::string(model), std::string("ours"), clock, size * (0.45 + 0.5 * volts * volts)});
    }
    f.data.rows.push_back({std::string(model), std::string("paper"), 180.0, size * 0.6});
    f.data.rows.push_back({std::string(model), std::string("paper"), 2842.0, size * 1.05});
    size *= 1.7;
  }
  f.data.simulated = true;
  f.x = "clock_mhz";
  f.y = "joules_per_token";
  f.color = "model";
  f.published = "source";
  return f;
}

inline analysis::Figure saving_bars() {
  analysis::Figure f;
  f.data.id = "figure_5_batch";
  f.data.title = "Figure 5: what 180 MHz saves and costs by batch size";
  f.data.columns = {
      {"quantity", "Quantity"}, {"source", "Source"}, {"batch", "Batch size", 0}, {"pct", "Change (%)", 1}};
  for (const double batch : {1.0, 4.0, 8.0}) {
    for (const char* source : {"ours", "paper"}) {
      const double off = source[0] == 'p' ? 4 : 0;
      f.data.rows.push_back({std::string("Energy saving"), std::string(source), batch, 40 - batch + off});
      f.data.rows.push_back({std::string("Latency change"), std::string(source), batch, -2 + batch * 3 + off});
    }
  }
  f.data.simulated = true;
  f.mark = analysis::Figure::Mark::bar;
  f.x = "batch";
  f.y = "pct";
  f.color = "quantity";
  f.published = "source";
  return f;
}

// Two quantities side by side, the source as colour; only one of them was published.
inline analysis::Figure facet_bars() {
  analysis::Figure f = saving_bars();
  f.data.id = "figure_5_facets";
  f.data.rows.erase(std::remove_if(f.data.rows.begin(), f.data.rows.end(),
                                   [](const auto& row) {
                                     return row[0] == analysis::Cell(std::string("Latency change")) &&
                                            row[1] == analysis::Cell(std::string("paper"));
                                   }),
                    f.data.rows.end());
  f.color = "source";
  f.facet = "quantity";
  return f;
}

inline analysis::Figure unpublished_line() {
  analysis::Figure f = energy_line();
  f.data.id = "figure_3_unpublished";
  f.data.rows.resize(7);
  return f;
}

inline analysis::Figure no_data() {
  analysis::Figure f = energy_line();
  f.data.id = "figure_0_empty";
  f.data.rows.clear();
  return f;
}

inline analysis::Figure facet_points() {
  analysis::Figure f;
  f.data.id = "figure_9_points";
  f.data.title = "Figure 9: energy against latency, by dataset";
  f.data.note = kNasty;
  f.data.columns = {{"dataset", "Dataset"},
                    {"batch", "Batch", 0},
                    {"latency.s", "Latency (s)", 2},
                    {"energy[j]", "Energy (J)", 1},
                    {"source", "Source"}};
  for (const char* dataset : {"boolq", "hellaswag", "truthfulqa", "narrativeqa"}) {
    for (int i = 0; i < 12; ++i) {
      f.data.rows.push_back({std::string(dataset), double(1 + i % 3), 1.0 + 0.3 * i, 30.0 - i * 1.5 + (i % 4),
                             std::string(i % 6 == 0 && dataset[0] != 'n' ? "paper" : "ours")});
    }
  }
  f.data.rows.push_back({std::string("boolq"), 1.0, {}, std::numeric_limits<double>::infinity(), std::string("ours")});
  f.data.simulated = true;
  f.mark = analysis::Figure::Mark::point;
  f.x = "latency.s";
  f.y = "energy[j]";
  f.color = "batch";
  f.facet = "dataset";
  f.published = "source";
  return f;
}

inline Page page() {
  Page p;
  p.title = "Sample study <b>&amp;</b> report";
  p.program_version = "0.1.0";
  p.simulated = true;
  p.sentences = {
      "Run decode at 180 MHz: it saves 41.7 % of the energy and costs 0.4 % of the time (5 models, batch 1).",
      "2 of 105 points are void, because the clock did not hold.", kNasty};
  p.provenance = {{"GPU", "NVIDIA RTX PRO 6000 (simulated, gpu-sim/1)"},
                  {"Specification", "rtx-pro-6000 0f343b0931126a20f133d67c2b018a3b5b0f343b0931126a20f133d67c2b018a"},
                  {kNasty, kNasty}};
  p.tables = {table(), plain_table()};
  p.figures = {energy_line(), saving_bars(), facet_points(), facet_bars(), unpublished_line(), no_data()};
  return p;
}

}  // namespace phasewatt::report::sample
