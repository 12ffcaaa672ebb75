#include "phasewatt/workload/row_ids.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>

namespace phasewatt::workload {
namespace {

std::size_t id_hash(std::string_view id) { return std::hash<std::string_view>{}(id); }

std::string is_number_of(std::string_view id, std::int64_t row) {
  return fmt::format("'{}' is the number of row {}, counted from 0, which has no id", id, row);
}

}  // namespace

std::optional<std::string> RowIds::add(std::string_view id, std::int64_t line) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  // Only a number as it is printed can be the number of a row.
  const bool is_number = error == std::errc{} && end == id.data() + id.size() && std::to_string(number) == id;
  if (is_number && number >= 0 && number < unnamed_) return is_number_of(id, number);
  const auto [known, fresh] = rows_.emplace(id_hash(id), line);
  if (fresh) return std::nullopt;
  if (known->second < 0) return is_number_of(id, -1 - known->second);
  return fmt::format("repeats '{}' of line {}", id, known->second);
}

std::optional<std::string> RowIds::add_number(std::int64_t row) {
  if (rows_.empty()) {
    unnamed_ = row + 1;
    return std::nullopt;
  }
  const auto [known, fresh] = rows_.emplace(id_hash(std::to_string(row)), -1 - row);
  if (fresh) return std::nullopt;
  return fmt::format("is missing, and the row's number {} is the id of line {}", row, known->second);
}

}  // namespace phasewatt::workload
