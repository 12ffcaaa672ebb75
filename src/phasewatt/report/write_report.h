#pragma once

#include <filesystem>

#include "phasewatt/base/result.h"
#include "phasewatt/report/page.h"

namespace phasewatt::report {

/// Writes the report folder (docs/report.md): index.html, report.md, tables.json, tables/*.csv, figures/*.csv and
/// figures/*.vl.json. All is written into a folder beside it and renamed at the end, so that a failure leaves nothing
/// half-written and an older report stays until the new one is whole.
///
/// exists: `folder` is not empty and `force` is not given, or it holds something that is not a report of ours, which
/// `force` does not replace. io: the operating system refused. internal: an id that is no file name, or one used twice.
Status write_report(const Page& page, const std::filesystem::path& folder, bool force);

}  // namespace phasewatt::report
