#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

/// Why a text is not JSON, in words that help. For readers of this room. Pure and thread-safe.
namespace phasewatt::workload {

/// The error for `text` that simdjson refused: "where: not valid JSON: …", or out_of_memory.
Error json_error(simdjson::error_code error, std::string_view where, std::string hint);

/// The same for a text that should be one object on one line of a file: tells an object that goes on over several
/// lines, a list of objects, and what follows an object.
Error json_line_error(simdjson::error_code error, std::string_view where, std::string_view text);

}  // namespace phasewatt::workload
