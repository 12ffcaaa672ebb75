#pragma once

#include <span>

#include "phasewatt/base/embedded.h"

namespace phasewatt::report {

/// web/page.html, page.css and page.js, compiled in (cmake/web.cmake).
std::span<const EmbeddedFile> page_files();

/// The libraries of the figures in the order in which they load, and licenses.txt; empty when built with
/// PHASEWATT_WEB=OFF.
std::span<const EmbeddedFile> script_files();

}  // namespace phasewatt::report
