#pragma once

#include <string>
#include <string_view>

#include "phasewatt/report/page.h"

namespace phasewatt::report {

/// The whole report as one HTML file that needs nothing else and loads nothing: style, scripts, data and figures are
/// inside, and its content security policy forbids the rest. The same page gives the same bytes. Built without figures
/// (PHASEWATT_WEB=OFF), it says so and shows their data. Pure and thread-safe.
std::string to_html(const Page& page);

/// Text as HTML, for element content and quoted attributes.
std::string escape_html(std::string_view text);

/// JSON that cannot end a script element: every "<" as \u003c, which is the same JSON.
std::string escape_json_for_html(std::string_view json);

}  // namespace phasewatt::report
