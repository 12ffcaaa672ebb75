#include "phasewatt/report/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "phasewatt/base/text.h"

namespace phasewatt::report {

using analysis::Cell;

std::string format_number(double value, int digits) {
  if (!std::isfinite(value)) return {};
  std::string text = fmt::format("{:.{}f}", value, std::clamp(digits, 0, 17));
  if (text.front() == '-' && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string exact_number(double value) {
  if (!std::isfinite(value)) return {};
  return value == 0 ? "0" : fmt::format("{}", value);
}

const Cell& cell_at(const std::vector<Cell>& row, std::size_t column) {
  static const Cell missing;
  return column < row.size() ? row[column] : missing;
}

std::string cell_text(const Cell& cell, const analysis::Column& column) {
  if (const auto* number = std::get_if<double>(&cell)) return format_number(*number, column.digits);
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : std::string{};
}

std::string exact_cell(const Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell)) return exact_number(*number);
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : std::string{};
}

analysis::Table for_people(analysis::Table table) {
  for (std::size_t i = table.columns.size(); i-- > 0;) {
    const analysis::Column& column = table.columns[i];
    const bool blank = std::all_of(table.rows.begin(), table.rows.end(),
                                   [&](const auto& row) { return cell_text(cell_at(row, i), column).empty(); });
    if (!column.published || !blank) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    table.columns.erase(table.columns.begin() + at);
    for (auto& row : table.rows)
      if (i < row.size()) row.erase(row.begin() + at);
  }
  return table;
}

bool is_numeric(const analysis::Table& table, std::size_t column) {
  return std::none_of(table.rows.begin(), table.rows.end(),
                      [&](const auto& row) { return std::holds_alternative<std::string>(cell_at(row, column)); });
}

std::string heading(const analysis::Column& column) {
  if (!column.published || to_lower_ascii(column.title).find("paper") != std::string::npos) return column.title;
  return column.title + " (paper)";
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const bool c1 = byte == 0xC2U && next >= 0x80U && next < 0xA0U;
    out += byte < 0x20U || byte == 0x7FU || c1 ? ' ' : text[i];
    if (c1) ++i;
  }
  return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  while (!(text = trim(text)).empty()) {
    const std::string_view word = text.substr(0, text.find_first_of(" \t\r\n"));
    text.remove_prefix(word.size());
    if (!line.empty() && display_width(line) + 1 + display_width(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace phasewatt::report
