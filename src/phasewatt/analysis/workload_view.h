#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "phasewatt/analysis/context.h"
#include "phasewatt/analysis/stats.h"
#include "phasewatt/analysis/workload.h"

/// What the tables of one workload share: its datasets, the features that can be used, and the words of the notes.
namespace phasewatt::analysis {

struct DatasetRows {
  std::string id;
  Task task = Task::generation;
  std::vector<std::size_t> rows;  ///< its queries, in order
};

/// What a view asks of its data.
bool lengths_finite(const WorkloadData& data);

/// Refers to the data, which must outlive it and have finite lengths.
struct WorkloadView {
  explicit WorkloadView(const WorkloadData& workload);

  const WorkloadData& data;
  std::vector<DatasetRows> datasets;           ///< in order of first appearance
  std::vector<const FeatureColumn*> features;  ///< those with one finite value per query
  std::vector<std::string> broken_features;    ///< titles of the others
  std::vector<double> lengths;                 ///< by query
  bool paper = false;                          ///< profile `paper` and words: published values may stand beside
  bool paper_profile = false;                  ///< profile `paper`
  bool paper_datasets = false;                 ///< the datasets are the paper's four
  std::string note;                            ///< "Profile paper; token kind word. boolq: …"

  /// The feature that stands for one of the paper's, or nullptr.
  [[nodiscard]] const FeatureColumn* paper_feature(std::string_view key) const;
  /// The feature of that key, or nullptr.
  [[nodiscard]] const FeatureColumn* feature(std::string_view key) const;
  /// The paper's name of a dataset where its value may stand beside.
  [[nodiscard]] std::optional<std::string> paper_name(const DatasetRows& dataset) const;

  [[nodiscard]] Table table(const char* id, const std::string& title, const std::string& text,
                            std::vector<Column> columns) const;
  /// A table about quality: the note counts queries and models, and simulated qualities mark it and its title.
  [[nodiscard]] Table quality_table(const char* id, const std::string& title, const std::string& text,
                                    std::vector<Column> columns) const;
};

/// What lengths of this kind count: "words", "ICU words", "BPE tokens".
std::string_view counted(TokenKind kind);

/// Does any published column hold a value?
bool holds_published(const Table& table);

/// Adds what the note says of the paper where a published value stands beside.
void say_of_paper(Table& table, std::string_view sentence);

/// The label of a row over all, told apart from names that are equal to it: "all models (pooled row)".
std::string label_apart(std::string label, const std::vector<std::string>& names);

/// The names of the models that have qualities.
std::vector<std::string> model_names(const WorkloadData& data);

/// `values` at `rows`.
std::vector<double> pick(const std::vector<double>& values, const std::vector<std::size_t>& rows);

/// How a table of the paper names one of its features; empty when it does not.
std::string paper_row_of(const FeatureColumn& feature, std::string_view table);

/// Both ends as cells; empty where absent.
void append_interval(std::vector<Cell>& row, const std::optional<Interval>& interval);

/// r with its interval as three cells.
void append_correlation(std::vector<Cell>& row, std::optional<double> r, std::size_t n);

}  // namespace phasewatt::analysis
