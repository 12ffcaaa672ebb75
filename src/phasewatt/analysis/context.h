#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/compare.h"
#include "phasewatt/analysis/grid.h"
#include "phasewatt/analysis/published.h"
#include "phasewatt/analysis/table.h"

/// What the tables of one study share: the grid, whether the paper's values may stand beside, and the words for it.
namespace phasewatt::analysis {

/// An empty cell for what is absent or not finite.
Cell cell(std::optional<double> value);
Cell cell(std::string text);
Cell cell(std::size_t count);

/// Each as a sentence with a blank before and a full stop.
std::string sentences(const std::vector<std::string>& parts);

/// A column of ours.
Column column(std::string key, std::string title, int digits = 1);
/// The paper's value of the column `key`: "<key>_published", titled "paper".
Column paper_column(const std::string& key, int digits = 1);

/// Refers to the grid, which must outlive it.
struct Context {
  explicit Context(const Grid& study);

  const Grid& grid;
  bool simulated;       ///< device or engine
  bool paper_datasets;  ///< the study has exactly the paper's four datasets
  bool paper_clocks;    ///< baseline and lowest clock are the paper's
  int clock_digits;     ///< for columns of clocks: 0 when all are whole numbers

  /// May a published value over all datasets, of the lowest clock against the baseline, stand beside these datasets?
  [[nodiscard]] bool comparable(const std::vector<std::size_t>& datasets) const;
  /// The paper's name when the model is one of the paper's and `comparable`; empty otherwise.
  [[nodiscard]] std::optional<std::string> paper_row(const Comparison& comparison) const;
  [[nodiscard]] const std::string& model(std::size_t index) const { return grid.models()[index]; }
  [[nodiscard]] double batch(std::size_t index) const { return grid.batches()[index]; }
  [[nodiscard]] Cell clock(std::size_t index) const;
  [[nodiscard]] Cell validity(const Comparison& comparison) const;  ///< the worst of the points in it
  [[nodiscard]] std::string baseline_text() const;                  ///< "2842 MHz" or "stock"
  [[nodiscard]] std::string lowest_text() const;

  /// "Simulated RTX PRO 6000, engine sim (eager). 420 points used, 3 void left out. …"
  [[nodiscard]] std::string source_note() const;
  /// How repeats and datasets are averaged.
  [[nodiscard]] std::string weight_note() const;
  /// Why published values stand beside or not.
  [[nodiscard]] std::string paper_note() const;

  /// A table with the study's marks; the note is `note` and the above, the last where a column is the paper's.
  [[nodiscard]] Table table(std::string id, std::string title, std::string_view note,
                            std::vector<Column> columns) const;
};

/// "960 MHz" or "stock clock".
std::string clock_words(const Grid& grid, std::size_t clock);

}  // namespace phasewatt::analysis
