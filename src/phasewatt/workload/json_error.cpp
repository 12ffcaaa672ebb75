#include "phasewatt/workload/json_error.h"

#include <fmt/format.h>

#include "phasewatt/base/text.h"

namespace phasewatt::workload {
namespace {

constexpr const char* kOnePerLine = "one JSON object per line";

/// What follows the object or list at the front of `text`; npos when that does not end. Only braces, brackets and
/// strings are looked at, so that this tells something of broken JSON too.
std::size_t end_of_value(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '{' || c == '[')) {
      ++depth;
    } else if (!in_string && (c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

Error json_error(simdjson::error_code error, std::string_view where, std::string hint) {
  if (error == simdjson::MEMALLOC)
    return {ErrorCode::out_of_memory, fmt::format("{}: no memory to read the JSON", where), {}};
  // simdjson's own "Problem while parsing a string" helps nobody to find it.
  const std::string_view what = error == simdjson::STRING_ERROR ? "a text with half a surrogate pair or a bad escape"
                                                                : simdjson::error_message(error);
  return {ErrorCode::bad_input, fmt::format("{}: not valid JSON: {}", where, what), std::move(hint)};
}

Error json_line_error(simdjson::error_code error, std::string_view where, std::string_view text) {
  const auto bad = [&](std::string_view what, const char* hint) {
    return Error{ErrorCode::bad_input, fmt::format("{}: not valid JSON: {}", where, what), hint};
  };
  const bool structural = error != simdjson::MEMALLOC && error != simdjson::STRING_ERROR;
  if (!structural || text.empty() || (text.front() != '{' && text.front() != '['))
    return json_error(error, where, kOnePerLine);
  const std::size_t end = end_of_value(text);
  if (text.front() == '[' && end == std::string_view::npos)
    return bad("a list that does not end on this line",
               "one JSON object per line, without a list around them: jq -c '.[]' FILE writes them so");
  if (end == std::string_view::npos)
    return bad("the object does not end on this line", "one JSON object per line: jq -c . FILE writes them so");
  const std::string_view rest = trim(text.substr(end));
  if (rest == ",") return bad("a comma after the object", "one JSON object per line, with nothing between them");
  if (!rest.empty()) return bad("text after the object", kOnePerLine);
  return json_error(error, where, kOnePerLine);
}

}  // namespace phasewatt::workload
