#include <algorithm>
#include <string_view>

#include "phasewatt/report/format.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::report {
namespace {

constexpr std::size_t kNoteWidth = 100;
constexpr std::size_t kHeadingWidth = 12;  // headings break at words beyond this, so that tables stay narrow
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kPlain = "\x1b[0m";

struct TextColumn {
  std::vector<std::string> heading;
  std::vector<std::string> cells;
  std::size_t width = 0;
  bool right = false;
  bool published = false;
};

TextColumn lay_out(const analysis::Table& table, std::size_t index) {
  const analysis::Column& column = table.columns[index];
  TextColumn out;
  out.right = is_numeric(table, index);
  out.published = column.published;
  for (const auto& row : table.rows) {
    out.cells.push_back(printable(cell_text(cell_at(row, index), column)));
    out.width = std::max(out.width, display_width(out.cells.back()));
  }
  out.heading = wrap(printable(heading(column)), std::max(out.width, kHeadingWidth));
  for (const std::string& line : out.heading) out.width = std::max(out.width, display_width(line));
  return out;
}

class Painter {
 public:
  explicit Painter(bool color) : color_(color) {}
  [[nodiscard]] std::string operator()(std::string_view code, std::string_view text) const {
    if (!color_ || text.empty()) return std::string(text);
    return std::string(code).append(text).append(kPlain);
  }

 private:
  bool color_;
};

std::string pad(const std::string& text, const TextColumn& column) {
  const std::string space(column.width - std::min(column.width, display_width(text)), ' ');
  return column.right ? space + text : text + space;
}

// One line across all columns; trailing spaces are dropped.
template <class CellOf>
std::string line(const std::vector<TextColumn>& columns, const Painter& paint, CellOf cell_of) {
  std::string out;
  for (const TextColumn& column : columns) {
    if (&column != &columns.front()) out += "  ";
    const std::string padded = pad(cell_of(column), column);
    out += column.published ? paint(kDim, padded) : padded;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + '\n';
}

}  // namespace

std::string to_text(const analysis::Table& table, bool color) {
  const analysis::Table shown = for_people(table);
  const Painter paint(color);
  std::vector<TextColumn> columns;
  std::size_t heading_lines = 0;
  for (std::size_t i = 0; i < shown.columns.size(); ++i) {
    columns.push_back(lay_out(shown, i));
    heading_lines = std::max(heading_lines, columns.back().heading.size());
  }

  std::string out = paint(kBold, printable(table.title));
  if (table.simulated) out += "  " + paint(kYellow, kSimulated);
  out += '\n';
  for (std::size_t i = 0; i < heading_lines; ++i) {
    out += line(columns, paint, [&](const TextColumn& column) {
      const std::size_t blank = heading_lines - column.heading.size();  // headings stand on the rule
      return i < blank ? std::string() : column.heading[i - blank];
    });
  }
  out += line(columns, paint, [](const TextColumn& column) { return std::string(column.width, '-'); });
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    out += line(columns, paint, [&](const TextColumn& column) { return column.cells[row]; });
  }
  for (const std::string& note : wrap(printable(table.note), kNoteWidth)) out += note + '\n';
  return out;
}

}  // namespace phasewatt::report
