#include "phasewatt/workload/row_ids.h"

#include <charconv>
#include <functional>
#include <string>

namespace phasewatt::workload {

std::optional<std::int64_t> RowIds::add(std::string_view id, std::int64_t line) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  // Only a number as it is printed can be the number of a row.
  const bool is_number = error == std::errc{} && end == id.data() + id.size() && std::to_string(number) == id;
  if (is_number && number >= 0 && number < unnamed_) return number + 1;
  return note(id, line);
}

std::optional<std::int64_t> RowIds::add_number(std::int64_t row, std::int64_t line) {
  if (lines_.empty()) {
    unnamed_ = row + 1;
    return std::nullopt;
  }
  return note(std::to_string(row), line);
}

std::optional<std::int64_t> RowIds::note(std::string_view id, std::int64_t line) {
  const auto [known, fresh] = lines_.emplace(std::hash<std::string_view>{}(id), line);
  return fresh ? std::nullopt : std::optional(known->second);
}

}  // namespace phasewatt::workload
