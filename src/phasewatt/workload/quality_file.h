#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/quality_score.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/line_reader.h"

namespace phasewatt::workload {

/// Reads quality scores: JSONL when the first character is a brace, else CSV. Fields `id` (of the query, text or a
/// whole number), `model` and `quality` (a number, 0 to 1), in any order; JSONL allows no others, CSV ignores other
/// columns. Scores stand in the order of the file.
///
/// bad_input, naming file and line: a field that is missing or of another type, a quality outside 0 to 1, a second
/// score of one model for one query, a file without a score. Pure and thread-safe. Format: docs/tables.md.
Result<std::vector<QualityScore>> read_qualities(LineReader lines);
/// The same from memory; `name` stands in messages.
Result<std::vector<QualityScore>> read_qualities(std::string_view text, const std::string& name);

}  // namespace phasewatt::workload
