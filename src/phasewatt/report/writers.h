#pragma once

#include <string>
#include <vector>

#include "phasewatt/analysis/table.h"
#include "phasewatt/report/page.h"

/// One field list, many formats. All are pure and thread-safe; none fails. Published columns are set apart and
/// simulated tables say so in every format. Text, Markdown and HTML leave out published columns without any value.
namespace phasewatt::report {

/// For the terminal: title, aligned columns, note wrapped to 100 columns; ends in a newline. `color` adds ANSI escapes
/// (bold title, yellow SIMULATED, dim published values). Control characters in names become spaces.
std::string to_text(const analysis::Table& table, bool color);

/// A heading, a GitHub table (published values in italics) and the note.
std::string to_markdown(const analysis::Table& table);
/// The whole report: sentences, tables, the figures' data, provenance.
std::string to_markdown(const Page& page);

/// RFC 4180 (CRLF, header of column keys), numbers in full, missing as empty, and a last column `simulated`.
std::string to_csv(const analysis::Table& table);

/// {id, title, note, simulated, columns, rows}; each row an object of column keys and `simulated`, missing as null.
std::string to_json(const analysis::Table& table);
/// The same as an array.
std::string to_json(const std::vector<analysis::Table>& tables);
/// One row per line (JSON Lines), without title and note.
std::string to_json_lines(const analysis::Table& table);
/// The content of tables.json: schema, title, sentences, provenance, tables and figures (docs/report.md).
std::string to_json(const Page& page);
/// The value of "schema" in tables.json.
inline constexpr const char* kReportSchema = "phasewatt-report/1";

}  // namespace phasewatt::report
