#include "phasewatt/workload/annotator_lines.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "phasewatt/base/text.h"
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

/// Reads one line; throws the sentence that tells what is wrong with it.
class ReplyReader {
 public:
  ReplyReader(std::string_view id, std::string_view text) : id_(id) {
    for (std::size_t i = 0; i < text.size(); i += first_code_points(text.substr(i), 1).size())
      begins_.push_back(static_cast<std::uint32_t>(i));
    begins_.push_back(static_cast<std::uint32_t>(text.size()));
  }

  Result<AnnotatorReply> read(const element& root) {
    object fields;
    if (root.get(fields) != simdjson::SUCCESS) return fail("is not an object");
    std::string_view id;
    if (fields["id"].get(id) != simdjson::SUCCESS) return fail("has no text field 'id'");
    if (id != id_) return fail(fmt::format("has the id {}", shown(id)), "replies come in the order of the requests");
    simdjson::dom::array entities;
    if (fields["entities"].get(entities) != simdjson::SUCCESS) return fail("has no list 'entities'");
    AnnotatorReply reply;
    for (const element entity : entities) PHASEWATT_TRY(add(reply, entity));
    std::sort(reply.entities.begin(), reply.entities.end(), [](const EntitySpan& a, const EntitySpan& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    return reply;
  }

  [[nodiscard]] Error fail(std::string_view what, std::string hint = "docs/annotators.md shows the protocol") const {
    return {ErrorCode::bad_input, fmt::format("the annotator's reply to {} {}", id_, what), std::move(hint)};
  }

 private:
  Status add(AnnotatorReply& reply, const element& entity) const {
    object fields;
    if (entity.get(fields) != simdjson::SUCCESS) return fail("holds an entity that is not an object");
    std::string_view label;
    if (fields["label"].get(label) != simdjson::SUCCESS) return fail("holds an entity without a text field 'label'");
    std::array<std::int64_t, 2> offsets{};
    for (const auto& [name, value] : {std::pair("start", offsets.data()), std::pair("end", offsets.data() + 1)})
      if (fields[name].get(*value) != simdjson::SUCCESS)
        return fail(fmt::format("holds an entity without a whole number '{}'", name));
    const auto [start, end] = offsets;
    const auto length = static_cast<std::int64_t>(begins_.size()) - 1;
    if (start < 0 || start >= end || end > length)
      return fail(fmt::format("holds an entity from {} to {}, outside the text's {} characters", start, end, length),
                  "offsets count Unicode code points from 0, and 'end' is exclusive");
    if (const auto type = entity_type_of(label))
      reply.entities.push_back(
          {begins_[static_cast<std::size_t>(start)], begins_[static_cast<std::size_t>(end)], *type});
    else
      ++reply.other[std::string(label)];
    return ok();
  }

  std::string_view id_;
  std::vector<std::uint32_t> begins_;  ///< byte of each code point, and the size
};

}  // namespace

std::string annotator_request(std::string_view id, std::string_view text) {
  std::string line = "{\"id\": ";
  append_json_string(line, id);
  line += ", \"text\": ";
  append_json_string(line, text);
  line += "}\n";
  return line;
}

std::optional<EntityType> entity_type_of(std::string_view label) {
  using Row = std::pair<std::string_view, EntityType>;
  static constexpr std::array kLabels{
      Row{"person", EntityType::person},     Row{"per", EntityType::person},
      Row{"org", EntityType::organization},  Row{"organization", EntityType::organization},
      Row{"gpe", EntityType::location},      Row{"loc", EntityType::location},
      Row{"fac", EntityType::location},      Row{"location", EntityType::location},
      Row{"facility", EntityType::location},
  };
  const std::string lower = to_lower_ascii(label);
  const auto* row = std::find_if(kLabels.begin(), kLabels.end(), [&](const Row& r) { return r.first == lower; });
  return row == kLabels.end() ? std::nullopt : std::optional(row->second);
}

Result<AnnotatorReply> parse_annotator_reply(std::string_view line, std::string_view id, std::string_view text) {
  ReplyReader reader(id, text);
  simdjson::dom::parser parser;
  element root;
  if (const auto error = parser.parse(line.data(), line.size()).get(root); error != simdjson::SUCCESS)
    return reader.fail(
        fmt::format("is not JSON ({}): {}", simdjson::error_message(error),
                    find_invalid_utf8(line) == std::string_view::npos ? shown(line) : "it is not UTF-8 either"),
        "an annotator writes one JSON object a line to its standard output and everything else to its standard error");
  return reader.read(root);
}

}  // namespace phasewatt::workload
