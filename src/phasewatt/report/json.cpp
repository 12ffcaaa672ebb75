#include <nlohmann/json.hpp>

#include <cmath>

#include "phasewatt/report/format.h"
#include "phasewatt/report/writers.h"

namespace phasewatt::report {
namespace {

using Json = nlohmann::ordered_json;

Json cell_json(const analysis::Cell& cell) {
  if (const auto* number = std::get_if<double>(&cell); number != nullptr && std::isfinite(*number)) return *number;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return nullptr;
}

Json table_json(const analysis::Table& table) {
  Json columns = Json::array();
  for (const auto& column : table.columns) {
    columns.push_back(
        {{"key", column.key}, {"title", column.title}, {"digits", column.digits}, {"published", column.published}});
  }
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json object = Json::object();
    for (std::size_t i = 0; i < table.columns.size(); ++i) object[table.columns[i].key] = cell_json(cell_at(row, i));
    object["simulated"] = table.simulated;
    rows.push_back(std::move(object));
  }
  return {{"id", table.id},
          {"title", table.title},
          {"note", table.note},
          {"simulated", table.simulated},
          {"columns", std::move(columns)},
          {"rows", std::move(rows)}};
}

// Bytes that are not UTF-8 become U+FFFD, so that a strange name cannot make a report fail.
std::string dump(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string to_json(const analysis::Table& table) { return dump(table_json(table)); }

std::string to_json(const std::vector<analysis::Table>& tables) {
  Json list = Json::array();
  for (const auto& table : tables) list.push_back(table_json(table));
  return dump(list);
}

std::string to_json_lines(const analysis::Table& table) {
  const Json json = table_json(table);  // named, because a range-for does not keep a temporary's parts alive
  std::string lines;
  for (const auto& row : json.at("rows")) lines += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  return lines;
}

std::string to_json(const Page& page) {
  Json provenance = Json::array();
  for (const auto& [name, value] : page.provenance) provenance.push_back({{"name", name}, {"value", value}});
  Json tables = Json::array();
  for (const auto& table : page.tables) tables.push_back(table_json(table));
  Json figures = Json::array();
  for (const auto& figure : page.figures) figures.push_back(table_json(figure.data));
  return dump({{"schema", kReportSchema},
               {"title", page.title},
               {"program_version", page.program_version},
               {"simulated", page.simulated},
               {"sentences", page.sentences},
               {"provenance", std::move(provenance)},
               {"tables", std::move(tables)},
               {"figures", std::move(figures)}});
}

}  // namespace phasewatt::report
