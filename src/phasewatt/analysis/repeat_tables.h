#pragma once

#include <string>
#include <vector>

#include "phasewatt/analysis/context.h"

/// What the repeats of each cell say: how they scatter, which lie apart, and whether a clock differs from the baseline.
/// docs/statistics.md has the methods, docs/tables.md the columns.
namespace phasewatt::analysis {

/// A repeat that lies apart from the others of its cell. It is flagged and stays in every table.
struct Outlier {
  const RunRecord* record = nullptr;
  std::string measure;  ///< "energy" or "latency"
  double value = 0;     ///< joules per request, or seconds per batch
  double median = 0;    ///< of the cell
  double score = 0;     ///< modified z-score, beyond ±kOutlierScore
};

/// In the order of the cells. Cells with fewer than kOutlierRepeats repeats have none.
std::vector<Outlier> outliers(const Grid& grid);

/// Points that are an outlier in any measure.
std::size_t outlier_points(const std::vector<Outlier>& found);

/// Every outlier; without rows when there is none.
Table outliers_table(const Context& context);

/// Mean, median, bootstrap interval and coefficient of variation of each model × dataset × batch × clock. Without rows
/// when no cell has two repeats.
Table spread_table(const Context& context);

/// Each clock against the baseline over paired repeats, with a verdict. Without rows when no cell has two repeats.
Table paired_table(const Context& context);

}  // namespace phasewatt::analysis
