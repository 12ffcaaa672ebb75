#pragma once

#include <simdjson.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"

/// Entities as JSON: a list of {"start", "end", "label"} with offsets in Unicode code points, end exclusive. For
/// readers of this room. Pure and thread-safe.
namespace phasewatt::workload {

struct EntityList {
  std::vector<EntitySpan> entities;          ///< in bytes of the text, ordered by begin, then end
  std::map<std::string, std::size_t> other;  ///< entities with a label that has no type, by label
};

/// What is wrong with a list, as the end of a sentence that names it.
struct EntityListError {
  std::string what;
  std::string hint;
};

/// Reads a list into `out`; `text` is what its offsets count in.
std::optional<EntityListError> read_entities(const simdjson::dom::array& list, std::string_view text, EntityList& out);

}  // namespace phasewatt::workload
