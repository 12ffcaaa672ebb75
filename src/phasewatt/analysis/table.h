#pragma once

#include <string>
#include <variant>
#include <vector>

/// What analysis hands to report: plain tables and figures. A missing number is an empty cell, never 0.
namespace phasewatt::analysis {

/// How a column is printed and what it means. `key` is the name in CSV and JSON and carries the unit
/// ("energy_saving_pct").
struct Column {
  std::string key;
  std::string title;       ///< heading for people
  int digits = 1;          ///< digits after the point, for numbers
  bool published = false;  ///< the paper's value, set apart from ours
};

using Cell = std::variant<std::monostate, double, std::string>;

/// One table. `id` is stable and a file name ("table_11_dvfs"); `simulated` puts the word SIMULATED on every rendering
/// and a column `simulated` into every export.
struct Table {
  std::string id;
  std::string title;  ///< "Table XI: DVFS results at 180 MHz against 2842 MHz"
  std::string note;   ///< sample, profile, method, rules: whatever a reader needs to trust the numbers
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as `columns`
  bool simulated = false;
};

/// One figure: long-form data and which column goes where.
struct Figure {
  enum class Mark { line, bar, point };
  Table data;  ///< id, title and note are the figure's
  Mark mark = Mark::line;
  std::string x;  ///< column keys
  std::string y;
  std::string color;      ///< empty = none
  std::string facet;      ///< empty = none
  std::string published;  ///< column that tells "ours" from "paper"; empty = none
};

}  // namespace phasewatt::analysis
