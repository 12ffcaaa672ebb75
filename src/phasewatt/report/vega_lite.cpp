#include "phasewatt/report/vega_lite.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "phasewatt/base/text.h"
#include "phasewatt/report/format.h"

namespace phasewatt::report {
namespace {

using Json = nlohmann::ordered_json;
using analysis::Figure;

constexpr int kWidth = 640;
constexpr int kHeight = 300;
constexpr int kFacetWidth = 260;
constexpr int kFacetHeight = 200;
constexpr std::string_view kLayerColumn = "_layer";  // "ours" or "paper", whatever the analysis calls them

// In Vega-Lite a dot or bracket in a field name means a path unless it is escaped.
std::string field_name(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (std::string_view(".[]\\\"'").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::size_t find_column(const analysis::Table& table, std::string_view key) {
  const auto found =
      std::find_if(table.columns.begin(), table.columns.end(), [&](const auto& column) { return column.key == key; });
  return static_cast<std::size_t>(found - table.columns.begin());
}

// The column's names in the order of the data.
Json names_in_order(const analysis::Table& table, std::size_t column) {
  Json out = Json::array();
  for (const auto& row : table.rows) {
    const auto* name = std::get_if<std::string>(&cell_at(row, column));
    if (name != nullptr && std::find(out.begin(), out.end(), *name) == out.end()) out.push_back(*name);
  }
  return out;
}

// What a column is called and which kind of scale it gets. Names keep the order of the data.
Json field(const analysis::Table& table, const std::string& key, bool as_category) {
  const std::size_t index = find_column(table, key);
  Json out{{"field", field_name(key)}, {"title", index < table.columns.size() ? table.columns[index].title : key}};
  const bool numeric = is_numeric(table, index);
  out["type"] = numeric && !as_category ? "quantitative" : "nominal";
  if (!numeric) out["sort"] = names_in_order(table, index);
  return out;
}

Json tooltip(const analysis::Table& table) {
  Json out = Json::array();
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const analysis::Column& column = table.columns[i];
    Json entry{{"field", field_name(column.key)}, {"title", column.title}, {"type", "nominal"}};
    if (is_numeric(table, i)) {
      entry["type"] = "quantitative";
      entry["format"] = fmt::format(".{}f", std::clamp(column.digits, 0, 17));
    }
    out.push_back(std::move(entry));
  }
  return out;
}

Json encoding(const Figure& figure) {
  const bool bar = figure.mark == Figure::Mark::bar;
  Json out{{"x", field(figure.data, figure.x, bar)}, {"y", field(figure.data, figure.y, false)}};
  if (out["x"]["type"] == "quantitative") out["x"]["scale"] = {{"zero", false}};
  if (bar) out["x"]["axis"] = {{"labelAngle", 0}};
  if (figure.mark == Figure::Mark::point) out["y"]["scale"] = {{"zero", false}};
  // A colour for "ours" and "paper" would say what the layers' shapes say already.
  if (!figure.color.empty() && figure.color != figure.published) {
    out["color"] = field(figure.data, figure.color, true);
    if (bar) {
      out["xOffset"] = out["color"];
      out["xOffset"].erase("title");
    }
  }
  out["tooltip"] = tooltip(figure.data);
  return out;
}

Json ours_mark(Figure::Mark mark) {
  switch (mark) {
    case Figure::Mark::line: return {{"type", "line"}, {"strokeWidth", 2}, {"point", {{"filled", true}, {"size", 36}}}};
    case Figure::Mark::bar: return {{"type", "bar"}};
    case Figure::Mark::point: return {{"type", "point"}, {"filled", true}, {"size", 48}, {"opacity", 0.85}};
  }
  return {};
}

Json paper_mark(Figure::Mark mark) {
  Json point{{"shape", "diamond"}, {"filled", false}, {"fill", "white"}, {"size", 64}, {"strokeWidth", 1.6}};
  if (mark == Figure::Mark::line) {
    return {{"type", "line"}, {"strokeWidth", 1.5}, {"strokeDash", {5, 4}}, {"point", std::move(point)}};
  }
  point["type"] = "point";
  // On a bar of the same colour the diamond would not be seen.
  if (mark == Figure::Mark::bar) point["stroke"] = "#1c1f24";
  point["opacity"] = 1;
  return point;
}

bool has_published(const Figure& figure) {
  const std::size_t column = find_column(figure.data, figure.published);
  return std::any_of(figure.data.rows.begin(), figure.data.rows.end(),
                     [&](const auto& row) { return is_published(cell_at(row, column)); });
}

// Vega warns of a scale without data, so a facet gets a scale of its own only where each has all layers.
bool each_facet_has_all_layers(const Figure& figure) {
  const std::size_t facet = find_column(figure.data, figure.facet);
  const std::size_t source = find_column(figure.data, figure.published);
  std::set<analysis::Cell> ours;
  std::set<analysis::Cell> paper;
  for (const auto& row : figure.data.rows)
    (is_published(cell_at(row, source)) ? paper : ours).insert(cell_at(row, facet));
  return ours == paper || paper.empty();
}

Json layers(const Figure& figure) {
  const bool published = has_published(figure);
  const auto layer = [&](std::string_view name, Json mark) {
    Json out{{"name", name}, {"mark", std::move(mark)}};
    if (published) {
      out["transform"] = Json::array({{{"filter", {{"field", kLayerColumn}, {"equal", name}}}}});
    }
    return out;
  };
  Json out = Json::array({layer("ours", ours_mark(figure.mark))});
  if (published) {
    out.push_back(layer("paper", paper_mark(figure.mark)));
    if (figure.mark == Figure::Mark::bar) {
      // A fixed stroke, so the layer carries no colour; the offset still puts it on its bar.
      out.back()["encoding"] = {{"color", {{"value", "#1c1f24"}}}};
    }
  }
  return out;
}

Json values(const Figure& figure) {
  const analysis::Table& table = figure.data;
  const std::size_t published = find_column(table, figure.published);
  Json out = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const analysis::Cell& cell = cell_at(row, i);
      Json& value = object[table.columns[i].key];
      if (const auto* number = std::get_if<double>(&cell); number != nullptr && std::isfinite(*number)) value = *number;
      if (const auto* text = std::get_if<std::string>(&cell)) value = *text;
    }
    if (!figure.published.empty()) object[kLayerColumn] = is_published(cell_at(row, published)) ? "paper" : "ours";
    object["simulated"] = table.simulated;
    out.push_back(std::move(object));
  }
  return out;
}

Json subtitle(const Figure& figure) {
  Json out = Json::array();
  if (figure.data.simulated) out.push_back(kSimulated);
  if (has_published(figure)) {
    out.push_back(figure.mark == Figure::Mark::line ? "hollow and dashed: the paper's values"
                                                    : "hollow: the paper's values");
  }
  return out;
}

}  // namespace

bool is_published(const analysis::Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr && to_lower_ascii(*text).rfind("paper", 0) == 0;
}

std::string to_vega_lite(const Figure& figure) {
  const analysis::Table& table = figure.data;
  const bool faceted = !figure.facet.empty();
  std::string description = table.title;
  if (table.simulated) description.append(" — ").append(kSimulated);
  if (!table.note.empty()) description += ". " + table.note;

  Json spec{{"$schema", "https://vega.github.io/schema/vega-lite/v5.json"},
            {"title", {{"text", table.title}, {"subtitle", subtitle(figure)}, {"anchor", "start"}}},
            {"description", description},
            {"usermeta", {{"id", table.id}, {"simulated", table.simulated}}},
            {"data", {{"values", values(figure)}}}};
  Json view{{"width", faceted ? kFacetWidth : kWidth},
            {"height", faceted ? kFacetHeight : kHeight},
            {"encoding", encoding(figure)},
            {"layer", layers(figure)}};
  if (faceted) {
    spec["facet"] = field(table, figure.facet, true);
    spec["columns"] = 2;
    spec["spec"] = std::move(view);
    // Bars start at zero, and the facets of a bar chart may be different quantities.
    if (figure.mark == Figure::Mark::bar && each_facet_has_all_layers(figure))
      spec["resolve"] = {{"scale", {{"y", "independent"}}}};
  } else {
    spec.update(view);
  }
  return spec.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace phasewatt::report
