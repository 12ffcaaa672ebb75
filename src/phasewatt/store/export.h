#pragma once

#include <filesystem>
#include <ostream>
#include <string>
#include <string_view>

#include "phasewatt/base/result.h"

/// Whole tables out of the database, and one number for all of them. Thread-safe; errors as in reader.h.
namespace phasewatt::store {

/// A table as CSV (RFC 4180), in key order, first line = column names; numbers read back exactly, NULL is an empty
/// cell. Every row has a column `simulated` (1 or 0). Unknown table: not_found, with the nearest name in the hint.
Status export_csv(const std::filesystem::path& path, std::string_view table, std::ostream& out);

/// Hexadecimal digest over the values of all rows of all tables except `session` and `study_option`, in key order:
/// equal for two databases that hold the same results, whatever happened while they were written. SHA-256, chained over
/// blocks of 1 MiB.
Result<std::string> content_digest(const std::filesystem::path& path);

}  // namespace phasewatt::store
