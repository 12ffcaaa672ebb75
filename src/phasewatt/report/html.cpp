#include "phasewatt/report/html.h"

#include <fmt/format.h>

#include <functional>
#include <map>

#include "phasewatt/base/files.h"
#include "phasewatt/report/format.h"
#include "phasewatt/report/vega_lite.h"
#include "phasewatt/report/web_files.h"

namespace phasewatt::report {
namespace {

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out;
  for (;;) {
    const std::size_t at = text.find(what);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += by;
    text.remove_prefix(at + what.size());
  }
}

std::string sim_tag(bool simulated) {
  return simulated ? fmt::format(" <span class=\"sim\">{}</span>", kSimulated) : std::string();
}

std::string cell_class(const analysis::Table& table, std::size_t column) {
  const bool number = is_numeric(table, column);
  const bool published = table.columns[column].published;
  if (!number && !published) return {};
  return fmt::format(" class=\"{}{}{}\"", number ? "num" : "", number && published ? " " : "", published ? "pub" : "");
}

// The first column names the row where it is text; numbers are data cells.
std::string table_html(const analysis::Table& whole, std::string_view caption_id) {
  const analysis::Table table = for_people(whole);
  std::string out = fmt::format(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{0}\">\n<table>\n"
      "<caption id=\"{0}\"><span>{1}{2}</span></caption>\n<thead><tr>",
      caption_id, escape_html(table.title), sim_tag(table.simulated));
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    classes.push_back(cell_class(table, i));
    out += fmt::format("<th scope=\"col\"{}>{}</th>", classes[i], escape_html(heading(table.columns[i])));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string text = escape_html(cell_text(cell_at(row, i), table.columns[i]));
      out += i == 0 ? fmt::format("<th scope=\"row\"{}>{}</th>", classes[i], text)
                    : fmt::format("<td{}>{}</td>", classes[i], text);
    }
    out += "</tr>\n";
  }
  return out + "</tbody>\n</table>\n</div>\n";
}

std::string note_html(const analysis::Table& table) {
  return table.note.empty() ? std::string() : fmt::format("<p class=\"note\">{}</p>\n", escape_html(table.note));
}

std::string table_section(const analysis::Table& table) {
  const std::string id = escape_html(table.id);
  return fmt::format("<section class=\"item\" id=\"{}\">\n{}{}</section>\n", id, table_html(table, id + "-caption"),
                     note_html(table));
}

std::string figure_section(const analysis::Figure& figure) {
  const analysis::Table& table = figure.data;
  const std::string id = escape_html(table.id);
  const std::string_view spoken = table.simulated ? " (SIMULATED)" : "";
  std::string out =
      fmt::format("<figure class=\"item\" id=\"{0}\" aria-label=\"{1}{2}\">\n<figcaption>{1}{3}</figcaption>\n", id,
                  escape_html(table.title), spoken, sim_tag(table.simulated));
  if (table.rows.empty()) {
    out += "<p class=\"nofigure\">There is no data for this figure.</p>\n";
  } else if (script_files().empty()) {
    out +=
        "<p class=\"nofigure\">Built without figures: this program was made with PHASEWATT_WEB=OFF. The data stands "
        "below.</p>\n";
  } else {
    out += fmt::format("<div class=\"plot\"></div>\n<script type=\"application/json\" class=\"spec\">{}</script>\n",
                       escape_json_for_html(to_vega_lite(figure)));
  }
  out += note_html(table);
  out += fmt::format("<details><summary>Data of this figure</summary>\n{}</details>\n</figure>\n",
                     table_html(table, id + "-caption"));
  return out;
}

std::string provenance_html(const Page& page) {
  std::string out = "<dl>\n";
  for (const auto& [name, value] : page.provenance) {
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_html(name), escape_html(value));
  }
  return out + fmt::format("<dt>phasewatt</dt><dd>{}</dd>\n</dl>\n", escape_html(page.program_version));
}

std::string contents_html(const Page& page) {
  const auto entry = [](const analysis::Table& table) {
    return fmt::format("<li><a href=\"#{}\">{}</a></li>\n", escape_html(table.id), escape_html(table.title));
  };
  std::string out;
  for (const auto& figure : page.figures) out += entry(figure.data);
  for (const auto& table : page.tables) out += entry(table);
  return out;
}

// A script as the content of a script element; in JavaScript "<\/" means "</". (Neither occurs in the pinned
// libraries.)
std::string inline_script(std::string_view code) {
  return replaced(replaced(code, "</script", "<\\/script"), "<!--", "<\\!--");
}

std::string scripts_html(std::string_view nonce) {
  std::string out;
  for (const EmbeddedFile& file : script_files()) {
    const std::string kind = file.name.ends_with(".js") ? fmt::format("nonce=\"{}\"", nonce) : "type=\"text/plain\"";
    out += fmt::format("<script {}>\n{}</script>\n", kind, inline_script(file.content));
  }
  return out;
}

std::string_view page_file(std::string_view name) {
  const EmbeddedFile* file = find_embedded(page_files(), name);
  return file != nullptr ? file->content : std::string_view();
}

// Fills {{name}} in one pass, so that a value that contains {{name}} stays as it is.
std::string filled(std::string_view text, const std::map<std::string_view, std::string, std::less<>>& values) {
  std::string out;
  for (;;) {
    const std::size_t begin = text.find("{{");
    const std::size_t end = text.find("}}", begin);
    out += text.substr(0, begin);
    if (begin == std::string_view::npos || end == std::string_view::npos) return out;
    const auto value = values.find(text.substr(begin + 2, end - begin - 2));
    if (value != values.end()) out += value->second;
    text.remove_prefix(end + 2);
  }
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escape_json_for_html(std::string_view json) { return replaced(json, "<", "\\u003c"); }

std::string to_html(const Page& page) {
  std::string figures;
  for (const auto& figure : page.figures) figures += figure_section(figure);
  std::string tables;
  for (const auto& table : page.tables) tables += table_section(table);
  std::string sentences;
  for (const std::string& sentence : page.sentences) sentences += fmt::format("<li>{}</li>\n", escape_html(sentence));
  // Only scripts with the nonce run. It depends on all content, so content cannot know it, and it is the same each
  // time.
  const std::string nonce = sha256_hex(figures + tables + sentences + page.title).substr(0, 32);
  const std::string banner = page.simulated
                                 ? fmt::format("<p class=\"banner\" role=\"note\"><strong>{}</strong>: {}.</p>\n",
                                               kSimulated, escape_html(page.banner))
                                 : std::string();

  return filled(page_file("page.html"), {{"nonce", nonce},
                                         {"title", escape_html(page.title)},
                                         {"title_mark", page.simulated ? fmt::format("{} · ", kSimulated) : ""},
                                         {"style", std::string(page_file("page.css"))},
                                         {"banner", banner},
                                         {"sentences", sentences},
                                         {"contents", contents_html(page)},
                                         {"figures", figures},
                                         {"tables", tables},
                                         {"provenance", provenance_html(page)},
                                         {"scripts", scripts_html(nonce)},
                                         {"page_script", inline_script(page_file("page.js"))}});
}

}  // namespace phasewatt::report
