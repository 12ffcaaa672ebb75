#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "phasewatt/analysis/ablation.h"
#include "phasewatt/base/text.h"

namespace phasewatt::analysis {
namespace {

constexpr double kLevel = 0.05;

/// Some labelled queries: positions in Labels. The first group is all of them, the others one dataset each.
struct Group {
  std::string dataset;
  std::vector<std::size_t> positions;
};

std::vector<Group> groups_of(const WorkloadView& workload, const Labels& labels) {
  std::vector<Group> groups(1 + workload.datasets.size());
  std::vector<std::string> names;
  std::vector<std::size_t> dataset_of(workload.data.queries.size());
  for (std::size_t i = 0; i < workload.datasets.size(); ++i) {
    groups[i + 1].dataset = workload.datasets[i].id;
    names.push_back(workload.datasets[i].id);
    for (const std::size_t row : workload.datasets[i].rows) dataset_of[row] = i;
  }
  groups[0].dataset = label_apart("all, pooled", names);
  for (std::size_t position = 0; position < labels.rows.size(); ++position) {
    groups[0].positions.push_back(position);
    groups[1 + dataset_of[labels.rows[position]]].positions.push_back(position);
  }
  return groups;
}

struct Judged {
  std::optional<Auc> auc;
  std::optional<double> adjusted_p;  // Holm's, of features alone
};

/// One score in all groups.
struct ScoreRow {
  std::string title;
  bool feature = true;  // a feature or the length, and not a fitted model
  std::vector<Judged> by_group{};
  bool own_models = false;  // a regression per dataset, so nothing of the pooled queries
};

std::size_t easy_in(const Labels& labels, const Group& group) {
  std::size_t easy = 0;
  for (const std::size_t position : group.positions) easy += labels.easy[position];
  return easy;
}

/// Are there enough easy and hard queries for an AUC?
bool enough(const Labels& labels, const Group& group) {
  const std::size_t easy = easy_in(labels, group);
  return std::min(easy, group.positions.size() - easy) >= kLeastPerClass;
}

std::optional<Auc> auc_in(const std::vector<double>& scores, const Labels& labels, const Group& group) {
  if (!enough(labels, group)) return std::nullopt;
  std::vector<std::uint8_t> easy;
  easy.reserve(group.positions.size());
  for (const std::size_t position : group.positions) easy.push_back(labels.easy[position]);
  return auc(pick(scores, group.positions), easy);
}

ScoreRow judge(std::string title, bool feature, const std::vector<double>& scores, const Labels& labels,
               const std::vector<Group>& groups) {
  ScoreRow row{std::move(title), feature};
  for (const Group& group : groups)
    row.by_group.push_back({scores.empty() ? std::nullopt : auc_in(scores, labels, group), std::nullopt});
  return row;
}

/// A regression of its own in each dataset; nothing for the pooled queries.
ScoreRow judge_own_models(const WorkloadView& workload, const Labels& labels, const std::vector<Group>& groups) {
  ScoreRow row{"Logistic regression, fitted in the dataset", false, {{}}, true};
  for (std::size_t g = 1; g < groups.size(); ++g) {
    const auto decisions = model_scores(workload, labels, groups[g].positions);
    std::vector<double> scores(labels.rows.size());
    for (std::size_t i = 0; i < decisions.size(); ++i) scores[groups[g].positions[i]] = decisions[i];
    row.by_group.push_back({decisions.empty() ? std::nullopt : auc_in(scores, labels, groups[g]), std::nullopt});
  }
  return row;
}

/// Two families of tests: the features within the datasets, and the features on the pooled queries.
void adjust(std::vector<ScoreRow>& rows) {
  const auto family = [&](bool pooled) {
    std::vector<Judged*> members;
    for (ScoreRow& row : rows) {
      if (!row.feature) continue;
      for (std::size_t g = 0; g < row.by_group.size(); ++g)
        if ((g == 0) == pooled) members.push_back(&row.by_group[g]);
    }
    std::vector<std::optional<double>> p;
    p.reserve(members.size());
    for (const Judged* one : members) p.push_back(one->auc ? one->auc->p : std::nullopt);
    const auto adjusted = holm(p);
    for (std::size_t i = 0; i < members.size(); ++i) members[i]->adjusted_p = adjusted[i];
  };
  family(true);
  family(false);
}

std::vector<ScoreRow> judge_all(const WorkloadView& workload, const Labels& labels, const std::vector<Group>& groups) {
  std::vector<ScoreRow> rows;
  for (const FeatureColumn* feature : workload.features)
    rows.push_back(judge(feature->title, true, pick(feature->values, labels.rows), labels, groups));
  rows.push_back(judge("Length", true, pick(workload.lengths, labels.rows), labels, groups));
  rows.push_back(judge("Logistic regression, all features", false, model_scores(workload, labels, groups[0].positions),
                       labels, groups));
  rows.push_back(judge_own_models(workload, labels, groups));
  adjust(rows);
  return rows;
}

bool tells(const Judged& one) { return one.adjusted_p && *one.adjusted_p < kLevel; }

std::string signal_sentence(const WorkloadView& workload, LabelRule rule, const std::vector<ScoreRow>& rows,
                            const std::vector<Group>& groups) {
  std::vector<std::string> within;
  std::vector<std::string> between;
  bool any_within = false;
  for (const ScoreRow& row : rows) {
    if (!row.feature) continue;
    std::vector<std::string> where;
    for (std::size_t g = 1; g < groups.size(); ++g) {
      any_within = any_within || row.by_group[g].auc;
      if (tells(row.by_group[g]))
        where.push_back(fmt::format("{:.2f} in {}", row.by_group[g].auc->value, groups[g].dataset));
    }
    if (!where.empty())
      within.push_back(fmt::format("{} (AUC {})", to_lower_ascii(row.title), join(where, ", ")));
    else if (tells(row.by_group[0]))
      between.push_back(fmt::format("{} (pooled AUC {:.2f})", to_lower_ascii(row.title), row.by_group[0].auc->value));
  }
  if (!any_within) return "";
  std::string text = fmt::format(
      "{}Easy above {}, Holm-adjusted p < {}: ", workload.data.names.simulated_qualities ? "SIMULATED: " : "",
      rule == LabelRule::half ? "0.5" : "the dataset's median", kLevel);
  text += within.empty() ? "no feature tells easy from hard queries within a dataset"
                         : "within a dataset easy and hard queries are told apart by " + join(within, "; ");
  if (!between.empty() && groups.size() > 2)
    text += fmt::format(". Only over the pooled datasets and within none of them: {}", join(between, "; "));
  return text + ".";
}

}  // namespace

AucFindings auc_findings(const WorkloadView& workload, const LabelSets& labels) {
  AucFindings findings;
  findings.why_empty = "fewer than five easy or five hard queries";
  findings.table = workload.quality_table(
      "difficulty_auc", "AUC of telling easy from hard, pooled and within each dataset",
      fmt::format("AUC: share of pairs of an easy and a hard query in which the easy one has the higher score; 0.5 is "
                  "chance, below 0.5 a higher value means hard. 95 % intervals by DeLong. p: of AUC = 0.5, adjusted by "
                  "Holm over all features and datasets, and over the features of the pooled queries. Pooled, a feature "
                  "also scores by recognising the dataset. Regressions: out-of-fold scores, {} shuffled folds (seed "
                  "{}). Empty: fewer than {} easy or hard queries, or a value that does not vary.",
                  kFolds, kFoldSeed, kLeastPerClass),
      {column("labels", "Easy above"), column("score", "Score"), column("dataset", "Dataset"),
       column("easy_queries", "Easy", 0), column("hard_queries", "Hard", 0), column("auc", "AUC", 3),
       column("auc_low", "from", 3), column("auc_high", "to", 3), column("p_holm", "p (Holm)", 4)});
  for (std::size_t i = 0; i < kLabelRules.size(); ++i) {
    const Labels& one = labels.at(i);
    if (one.rows.empty()) continue;
    const auto groups = groups_of(workload, one);
    const auto rows = judge_all(workload, one, groups);
    const bool any = std::any_of(rows.begin(), rows.end(), [](const ScoreRow& row) {
      return std::any_of(row.by_group.begin(), row.by_group.end(), [](const Judged& j) { return j.auc.has_value(); });
    });
    if (!any) {
      if (std::any_of(groups.begin(), groups.end(), [&](const Group& group) { return enough(one, group); }))
        findings.why_empty = "neither a feature nor the length varies";
      continue;
    }
    for (const ScoreRow& row : rows) {
      for (std::size_t g = 0; g < groups.size(); ++g) {
        if (g == 1 && groups.size() == 2) continue;  // one dataset is the pooled queries
        if (g == 0 && row.own_models) continue;
        const std::size_t easy = easy_in(one, groups[g]);
        std::vector<Cell> cells{cell(std::string(to_string(kLabelRules.at(i)))), cell(row.title),
                                cell(groups[g].dataset), cell(easy), cell(groups[g].positions.size() - easy)};
        append_auc(cells, row.by_group[g].auc);
        cells.push_back(cell(row.by_group[g].adjusted_p));
        findings.table.rows.push_back(std::move(cells));
      }
    }
    if (auto sentence = signal_sentence(workload, kLabelRules.at(i), rows, groups); !sentence.empty())
      findings.sentences.push_back(std::move(sentence));
  }
  return findings;
}

}  // namespace phasewatt::analysis
