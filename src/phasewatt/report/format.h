#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/analysis/table.h"

/// How numbers, cells and headings look, shared by all writers. All are pure and thread-safe.
namespace phasewatt::report {

/// The word on everything that comes from a simulated device or engine.
inline constexpr std::string_view kSimulated = "SIMULATED";

/// `value` with `digits` after the point; never "-0.0"; empty when not finite.
std::string format_number(double value, int digits);

/// The shortest decimal that reads back as the same double, for exports; empty when not finite.
std::string exact_number(double value);

/// The cell of a row; an empty one where the row is too short.
const analysis::Cell& cell_at(const std::vector<analysis::Cell>& row, std::size_t column);

/// A cell for people: numbers with the column's digits, missing as nothing.
std::string cell_text(const analysis::Cell& cell, const analysis::Column& column);

/// A cell for machines: numbers in full, missing as nothing.
std::string exact_cell(const analysis::Cell& cell);

/// What people read of a table: without the published columns that are empty in all rows. Exports keep them.
analysis::Table for_people(analysis::Table table);

/// True when no cell of the column is text, so that it is set right-aligned.
bool is_numeric(const analysis::Table& table, std::size_t column);

/// The heading; the paper's columns end in "(paper)" unless their title already names the paper.
std::string heading(const analysis::Column& column);

/// Code points of UTF-8 text: its width in a terminal, East Asian wide characters apart.
std::size_t display_width(std::string_view text);

/// Control characters (C0, DEL and C1) become spaces, so that a name can neither break a line nor steer a terminal.
std::string printable(std::string_view text);

/// Words of `text` in lines of at most `width`; a longer word has a line of its own.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace phasewatt::report
