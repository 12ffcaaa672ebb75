#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace phasewatt::workload {

/// The ids of a file's rows, to find one that is used twice. A row without an id is called by its number. Keeps an id's
/// hash of 64 bits and its line in a hash table, about 42 bytes together, and nothing for rows before the first id, so
/// that a file of millions of rows can be streamed; two ids of a million are taken for one in one file of forty
/// million. What is wrong is said as the end of a sentence that begins with the field's name. Not thread-safe.
class RowIds {
 public:
  /// Notes the id of the row on `line`; says whose it was before.
  std::optional<std::string> add(std::string_view id, std::int64_t line);
  /// Notes that the row with that number has no id of its own; says whose id the number is.
  std::optional<std::string> add_number(std::int64_t row);

 private:
  /// By hash: the line of a row with an id, or -1 - number of a row without.
  std::unordered_map<std::size_t, std::int64_t> rows_;
  std::int64_t unnamed_ = 0;  ///< rows before the first id, all called by their number
};

}  // namespace phasewatt::workload
