#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "phasewatt/analysis/quality_tables.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

// The paper's rules for keeping a feature (V-C and V-E).
constexpr double kLeastQualityR = 0.10;
constexpr double kMostRedundantR = 0.7;
constexpr double kMostLengthR = 0.5;
constexpr std::size_t kMostPoints = 1000;

/// The queries that have a quality, and these qualities.
struct Scored {
  std::vector<std::size_t> rows;
  std::vector<double> quality;
};

Scored scored(const std::vector<std::optional<double>>& values) {
  Scored result;
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!values[row]) continue;
    result.rows.push_back(row);
    result.quality.push_back(*values[row]);
  }
  return result;
}

std::optional<double> given_length(const std::vector<double>& feature, const Scored& quality,
                                   const std::vector<double>& lengths) {
  const auto r = pearson(feature, quality.quality);
  const auto r_length = pearson(feature, lengths);
  const auto length_quality = pearson(lengths, quality.quality);
  if (!r || !r_length || !length_quality) return std::nullopt;
  return partial_correlation(*r, *r_length, *length_quality);
}

struct Selection {
  const FeatureColumn* feature = nullptr;
  std::optional<double> quality_r;  ///< unweighted mean over the models
  std::optional<double> length_r;
  bool one_sign = true;
  std::vector<std::string> against;
};

Selection judge(const WorkloadView& workload, const FeatureColumn& feature) {
  Selection one{&feature, std::nullopt, pearson(feature.values, workload.lengths), true, {}};
  std::vector<double> by_model;
  for (const ModelQuality& model : workload.data.qualities) {
    const Scored quality = scored(model.values);
    if (const auto r = pearson(pick(feature.values, quality.rows), quality.quality)) by_model.push_back(*r);
  }
  one.quality_r = mean(by_model);
  one.one_sign = std::all_of(by_model.begin(), by_model.end(), [&](double r) { return (r > 0) == (by_model[0] > 0); });
  if (!one.quality_r) {
    one.against.emplace_back("does not vary, or quality does not");
    return one;
  }
  if (std::abs(*one.quality_r) <= kLeastQualityR)
    one.against.push_back(fmt::format("|r| with quality not above {:.2f}", kLeastQualityR));
  if (one.length_r && std::abs(*one.length_r) >= kMostLengthR)
    one.against.push_back(fmt::format("|r| with length not below {}", kMostLengthR));
  if (!one.one_sign) one.against.emplace_back("sign differs between models");
  return one;
}

}  // namespace

Table correlations_table(const WorkloadView& workload) {
  const std::string pooled = label_apart("all models", model_names(workload.data));
  Table table = workload.quality_table(
      "table_8_correlations", "Table VIII: correlation of features with quality by model",
      fmt::format(
          "Pearson's r over the queries a model answered, datasets pooled; 95 % intervals by Fisher's z. Given length: "
          "partial correlation. '{}': with the mean of the qualities of all models. Pooling mixes "
          "differences between datasets in; see AUC within datasets.",
          pooled),
      {column("feature", "Feature"), column("model", "Model"), column("queries", "Queries", 0), column("r", "r", 2),
       column("r_low", "from", 2), column("r_high", "to", 2), paper_column("r", 2),
       column("partial_r", "r given length", 2), column("partial_low", "from", 2), column("partial_high", "to", 2)});
  const bool same = workload.paper_profile && workload.paper_datasets;
  const auto add = [&](const std::string& title, const std::vector<double>& values, const std::string& model,
                       const Scored& of, Cell paper, bool partial) {
    const auto feature = pick(values, of.rows);
    std::vector<Cell> row{cell(title), cell(model), cell(of.rows.size())};
    append_correlation(row, pearson(feature, of.quality), of.rows.size());
    row.push_back(std::move(paper));
    append_correlation(row, partial ? given_length(feature, of, pick(workload.lengths, of.rows)) : std::nullopt,
                       of.rows.empty() ? 0 : of.rows.size() - 1);
    table.rows.push_back(std::move(row));
  };
  std::vector<Scored> by_model;
  for (const ModelQuality& model : workload.data.qualities) by_model.push_back(scored(model.values));
  const Scored all = scored(mean_quality(workload.data));
  for (const FeatureColumn* feature : workload.features) {
    const std::string key = paper_row_of(*feature, "VIII");
    for (std::size_t i = 0; i < by_model.size(); ++i) {
      const std::string& model = workload.data.qualities[i].model;
      const auto size = paper_model_size(model);
      add(feature->title, feature->values, model, by_model[i],
          same && size ? cell(published("VIII", {key}, *size)) : Cell(), true);
    }
    add(feature->title, feature->values, pooled, all, {}, true);
  }
  add("Length", workload.lengths, pooled, all,
      same && workload.paper ? cell(published_number("V/length_vs_quality_r")) : Cell(), false);
  say_of_paper(table, "The paper: 800 queries.");
  return table;
}

Table selection_table(const WorkloadView& workload) {
  Table table = workload.quality_table(
      "feature_selection", "Which features the paper's rules keep",
      fmt::format(
          "Kept: |r| with quality above {:.2f} (unweighted mean of the models' r), |r| with length below {}, the "
          "same sign for all models, and |r| below {} with every feature kept before; by |r| with quality, the "
          "strongest first. Judged on pooled datasets, as the paper does.{}",
          kLeastQualityR, kMostLengthR, kMostRedundantR,
          workload.paper_profile && workload.paper_datasets ? " The paper kept entity density and causal question."
                                                            : ""),
      {column("feature", "Feature"), column("quality_r", "r with quality", 2), column("length_r", "r with length", 2),
       column("one_sign", "Same sign"), column("kept", "Kept"), column("why_not", "Why not")});
  std::vector<Selection> all;
  for (const FeatureColumn* feature : workload.features) all.push_back(judge(workload, *feature));
  std::stable_sort(all.begin(), all.end(), [](const Selection& a, const Selection& b) {
    return std::abs(a.quality_r.value_or(0)) > std::abs(b.quality_r.value_or(0));
  });
  std::vector<const FeatureColumn*> kept;
  for (Selection& one : all) {
    for (const FeatureColumn* other : kept) {
      const auto r = pearson(one.feature->values, other->values);
      if (r && std::abs(*r) >= kMostRedundantR)
        one.against.push_back(fmt::format("|r| = {:.2f} with {}", std::abs(*r), to_lower_ascii(other->title)));
    }
    if (one.against.empty()) kept.push_back(one.feature);
    table.rows.push_back({cell(one.feature->title), cell(one.quality_r), cell(one.length_r),
                          one.quality_r ? cell(std::string(one.one_sign ? "yes" : "no")) : Cell(),
                          cell(std::string(one.against.empty() ? "yes" : "no")),
                          one.against.empty() ? Cell() : cell(join(one.against, "; "))});
  }
  return table;
}

Figure length_quality_figure(const WorkloadView& workload, const std::vector<std::optional<double>>& normalised) {
  const Labels labels = difficulty_labels(workload.data, normalised, LabelRule::half);
  const auto quality = mean_quality(workload.data);
  const Scored all = scored(quality);
  const auto r = pearson(pick(workload.lengths, all.rows), all.quality);
  const auto interval = r ? correlation_interval(*r, all.rows.size()) : std::nullopt;
  const std::size_t step = (labels.rows.size() + kMostPoints - 1) / kMostPoints;
  std::string text =
      "Quality: mean over the models, as scored. Easy: mean of the qualities normalised within each dataset above 0.5.";
  if (r) text += fmt::format(" r = {:.3f}", *r);
  if (interval) text += fmt::format(" ({:.3f} to {:.3f})", interval->low, interval->high);
  if (r)
    text += fmt::format(" over {} queries{}.", all.rows.size(),
                        workload.paper && workload.paper_datasets ? "; the paper: r = 0.002" : "");
  if (step > 1) text += fmt::format(" Drawn: one query in {}.", step);
  Figure figure;
  figure.data =
      workload.quality_table("figure_2_length_quality", "Figure 2: quality against input length", text,
                             {column("dataset", "Dataset"), column("difficulty", "Difficulty"),
                              column("length", fmt::format("Input {}", counted(workload.data.names.token_kind)), 0),
                              column("quality", "Mean quality of the models", 3)});
  figure.mark = Figure::Mark::point;
  figure.x = "length";
  figure.y = "quality";
  figure.color = "difficulty";
  for (std::size_t i = 0; i < labels.rows.size(); i += step) {
    const std::size_t row = labels.rows[i];
    figure.data.rows.push_back({cell(workload.data.queries[row].dataset),
                                cell(std::string(labels.easy[i] != 0 ? "easy" : "hard")), workload.lengths[row],
                                cell(quality[row])});
  }
  return figure;
}

}  // namespace phasewatt::analysis
