#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

namespace phasewatt::workload {

/// The ids of a file's rows, to find one that is used twice. A row without an id is called by its number. Keeps 64 bits
/// of an id's hash and nothing for rows before the first id, so that a file of millions of rows can be streamed; two
/// ids of a million are taken for one in one file of forty million. Not thread-safe.
class RowIds {
 public:
  /// Notes the id of the row on `line`; gives the line that had it before.
  std::optional<std::int64_t> add(std::string_view id, std::int64_t line);
  /// Notes that the row with that number has no id of its own.
  std::optional<std::int64_t> add_number(std::int64_t row, std::int64_t line);

 private:
  std::optional<std::int64_t> note(std::string_view id, std::int64_t line);

  std::unordered_map<std::size_t, std::int64_t> lines_;
  std::int64_t unnamed_ = 0;  ///< rows before the first id, all called by their number
};

}  // namespace phasewatt::workload
