#include <string_view>

#include "phasewatt/report/format.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::report {
namespace {

// Text as itself: the characters that mean something in a line of GitHub Markdown are escaped.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (std::string_view("\\`*[]<>|&~").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string mark(bool simulated) { return simulated ? " — " + std::string(kSimulated) : std::string(); }

std::string in_italics(const std::string& text, bool yes) { return yes && !text.empty() ? "*" + text + "*" : text; }

std::string grid(const analysis::Table& whole) {
  const analysis::Table table = for_people(whole);
  std::string out = "|";
  for (const auto& column : table.columns) out += " " + in_italics(escaped(heading(column)), column.published) + " |";
  out += "\n|";
  for (std::size_t i = 0; i < table.columns.size(); ++i) out += is_numeric(table, i) ? " ---: |" : " --- |";
  out += '\n';
  for (const auto& row : table.rows) {
    out += '|';
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const analysis::Column& column = table.columns[i];
      out += " " + in_italics(escaped(cell_text(cell_at(row, i), column)), column.published) + " |";
    }
    out += '\n';
  }
  return out;
}

std::string under_heading(const analysis::Table& table, std::string_view before, std::string_view after) {
  std::string out = "## " + escaped(table.title) + mark(table.simulated) + "\n\n";
  out.append(before).append(grid(table)).append(after);
  if (!table.note.empty()) out += "\n" + escaped(table.note) + "\n";
  return out;
}

}  // namespace

std::string to_markdown(const analysis::Table& table) { return under_heading(table, {}, {}); }

std::string to_markdown(const Page& page) {
  std::string out = "# " + escaped(page.title) + mark(page.simulated) + "\n\n";
  if (page.simulated) out += "**" + std::string(kSimulated) + ": " + escaped(page.banner) + ".**\n\n";
  for (const std::string& sentence : page.sentences) out += "- " + escaped(sentence) + "\n";
  for (const analysis::Table& table : page.tables) out += "\n" + to_markdown(table);
  for (const analysis::Figure& figure : page.figures) {
    const std::string before = "Vega-Lite: [figures/" + figure.data.id + ".vl.json](figures/" + figure.data.id +
                               ".vl.json)\n\n<details><summary>Data</summary>\n\n";
    out += "\n" + under_heading(figure.data, before, "\n</details>\n");
  }
  out += "\n## Where the numbers come from\n\n| What | Value |\n| --- | --- |\n";
  for (const auto& [name, value] : page.provenance) out += "| " + escaped(name) + " | " + escaped(value) + " |\n";
  out += "| phasewatt | " + escaped(page.program_version) + " |\n";
  return out;
}

}  // namespace phasewatt::report
