#include <string_view>

#include "phasewatt/report/format.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::report {
namespace {

// RFC 4180: a field with a comma, quote or line break is quoted, a quote inside is doubled.
std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string out = "\"";
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string to_csv(const analysis::Table& table) {
  std::string out;
  for (const analysis::Column& column : table.columns) out += quoted(column.key) + ',';
  out += "simulated\r\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) out += quoted(exact_cell(cell_at(row, i))) + ',';
    out += table.simulated ? "true\r\n" : "false\r\n";
  }
  return out;
}

}  // namespace phasewatt::report
