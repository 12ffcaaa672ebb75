#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"

/// The lines that go to an external annotator and come back: docs/annotators.md. Pure and thread-safe.
namespace phasewatt::workload {

/// {"id": …, "text": …} and a line end, in ASCII, so that no locale and no line splitter of the other side changes it.
/// Both must be valid UTF-8.
std::string annotator_request(std::string_view id, std::string_view text);

/// The type behind a label, in any case: PERSON, PER → person; ORG, ORGANIZATION → organization; GPE, LOC, FAC,
/// LOCATION, FACILITY → location. Absent for all others.
std::optional<EntityType> entity_type_of(std::string_view label);

struct AnnotatorReply {
  std::vector<EntitySpan> entities;          ///< in bytes of the text, ordered by begin, then end
  std::map<std::string, std::size_t> other;  ///< entities with a label that has no type, by label
};

/// Reads {"id": …, "entities": [{"start", "end", "label"}, …]} with offsets in Unicode code points, end exclusive.
/// Other fields are allowed. bad_input when it is not that, has another id or an offset outside the text; messages
/// begin with "the annotator's reply to <id>". A text has less than 4 GiB.
Result<AnnotatorReply> parse_annotator_reply(std::string_view line, std::string_view id, std::string_view text);

}  // namespace phasewatt::workload
