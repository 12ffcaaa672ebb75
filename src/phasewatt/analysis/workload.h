#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/analysis/table.h"
#include "phasewatt/base/records.h"

/// Section V of the paper for any queries: what they are, which of their features go with answer quality, and whether
/// the features tell easy queries from hard ones. All are pure functions of `WorkloadData`; any thread may call them.
/// Columns and formulas: docs/tables.md; decisions: docs/decisions/008-workload-analysis.md.
namespace phasewatt::analysis {

/// One feature of all queries.
struct FeatureColumn {
  std::string key;               ///< name in thresholds and exports, "entity_density"
  std::string title;             ///< heading for people
  std::string paper_key;         ///< which of the paper's features it stands for, as in Features; empty = none
  double scale = 1;              ///< means are printed times this, 100 for a share in per cent
  int digits = 2;                ///< digits of such a mean
  std::string mean_title{};      ///< heading of such a mean; empty = `title`
  std::vector<double> values{};  ///< one per query, finite
};

/// One query: where it comes from and how long it is.
struct WorkloadQuery {
  std::string id;
  std::string dataset;
  Task task = Task::generation;
  double length = 0;  ///< tokens of WorkloadNames::token_kind
};

/// What one model scored.
struct ModelQuality {
  std::string model;
  std::vector<std::optional<double>> values;  ///< one per query, 0..1; absent = not scored
};

/// A query is called easy when each of these features is below its limit.
struct Threshold {
  std::string feature;  ///< FeatureColumn::key
  double below = 0;
};

/// How the queries and qualities came about; stands in the notes.
struct WorkloadNames {
  std::string profile = "paper";  ///< feature profile; published values stand beside only for "paper"
  TokenKind token_kind = TokenKind::word;
  std::string tokenizer;                        ///< whose tokens; empty = said by the kind
  std::vector<std::string> samples;             ///< one sentence per dataset, as in StudyPlan::samples
  std::vector<std::string> models;              ///< for Table I; empty leaves its model part out
  std::map<std::string, double> output_tokens;  ///< mean generated tokens per request, by dataset, where known
  bool simulated = false;                       ///< `output_tokens` come from a simulated engine: marks Table I
  bool simulated_qualities = false;             ///< the qualities do: marks every table about quality
};

/// What is described.
struct WorkloadData {
  WorkloadNames names;
  std::vector<WorkloadQuery> queries;
  std::vector<FeatureColumn> features;  ///< a column of another length or with a value that is not finite is left out
  std::vector<ModelQuality> qualities;  ///< in the order to show, small to large; empty = no tables about quality
  std::vector<Threshold> easy_below;    ///< the rule that Table X validates; empty leaves it out
};

/// What a workload says.
struct WorkloadFindings {
  std::vector<Table> tables;  ///< in reading order
  std::vector<Figure> figures;
  std::vector<std::string> sentences;  ///< what the tables show, and what was left out and why
};

/// What the queries are: Tables I–V and the features' redundancy, published values beside. No queries, no tables.
WorkloadFindings describe_queries(const WorkloadData& data);

/// What goes with quality: Figure 2, Tables VI–X, feature selection, AUC within datasets. Nothing without qualities;
/// what cannot be computed is an empty cell or a left-out table with a sentence. A quality that is not within 0..1
/// counts as absent.
WorkloadFindings describe_difficulty(const WorkloadData& data);

/// The tables of both, in this order. The sentences begin with which features tell easy queries from hard ones, and end
/// with what was left out.
WorkloadFindings describe_workload(const WorkloadData& data);

}  // namespace phasewatt::analysis
