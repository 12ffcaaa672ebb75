#include "phasewatt/workload/annotator_lines.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdint>
#include <utility>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/entity_list.h"
#include "phasewatt/workload/json_error.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

void append_escaped_unit(std::string& to, std::uint32_t unit) {
  fmt::format_to(std::back_inserter(to), "\\u{:04x}", unit);
}

void append_json_string(std::string& to, std::string_view text) {
  to += '"';
  while (!text.empty()) {
    const std::string_view character = first_code_points(text, 1);
    const char32_t c = first_code_point(character);
    text.remove_prefix(character.size());
    if (c == '"' || c == '\\') {
      to += '\\';
      to += static_cast<char>(c);
    } else if (c >= 0x20 && c < 0x7F) {
      to += static_cast<char>(c);
    } else if (c < 0x10000) {
      append_escaped_unit(to, c);
    } else {
      append_escaped_unit(to, 0xD800U + ((c - 0x10000U) >> 10U));
      append_escaped_unit(to, 0xDC00U + ((c - 0x10000U) & 0x3FFU));
    }
  }
  to += '"';
}

/// A value of the program's is shown in messages, but not all of a long one.
std::string shown(std::string_view value) {
  constexpr std::size_t kShown = 60;
  const auto start = first_code_points(value, kShown);
  return fmt::format("'{}{}'", start, start.size() < value.size() ? "…" : "");
}

/// The error of a reply, which begins with whose reply it is.
Error fail(std::string_view id, std::string_view what, std::string hint = "docs/annotators.md shows the protocol") {
  return {ErrorCode::bad_input, fmt::format("the annotator's reply to {} {}", id, what), std::move(hint)};
}

Result<AnnotatorReply> read_reply(const element& root, std::string_view wanted_id, std::string_view text) {
  object fields;
  if (root.get(fields) != simdjson::SUCCESS) return fail(wanted_id, "is not an object");
  std::string_view id;
  if (fields["id"].get(id) != simdjson::SUCCESS) return fail(wanted_id, "has no text field 'id'");
  if (id != wanted_id)
    return fail(wanted_id, fmt::format("has the id {}", shown(id)), "replies come in the order of the requests");
  simdjson::dom::array entities;
  if (fields["entities"].get(entities) != simdjson::SUCCESS) return fail(wanted_id, "has no list 'entities'");
  EntityList list;
  if (const auto error = read_entities(entities, text, list)) return fail(wanted_id, error->what, error->hint);
  return AnnotatorReply{std::move(list.entities), std::move(list.other)};
}

}  // namespace

std::string annotator_request(std::string_view id, std::string_view text) {
  std::string line = "{\"id\": ";
  append_json_string(line, id);
  line += ", \"text\": ";
  append_json_string(line, text);
  line += "}\n";
  return line;
}

Result<AnnotatorReply> parse_annotator_reply(std::string_view line, std::string_view id, std::string_view text) {
  simdjson::dom::parser parser;
  element root;
  const auto error = parser.parse(line.data(), line.size()).get(root);
  if (error == simdjson::MEMALLOC) return json_error(error, fmt::format("the annotator's reply to {}", id), {});
  if (error != simdjson::SUCCESS)
    return fail(
        id,
        fmt::format("is not JSON ({}): {}", simdjson::error_message(error),
                    find_invalid_utf8(line) == std::string_view::npos ? shown(line) : "it is not UTF-8 either"),
        "an annotator writes one JSON object a line to its standard output and everything else to its standard error");
  return read_reply(root, id, text);
}

}  // namespace phasewatt::workload
