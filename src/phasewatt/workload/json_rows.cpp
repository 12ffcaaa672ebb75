#include "phasewatt/workload/json_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/csv.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {

struct JsonLine {
  const std::string& name;
  std::int64_t number = 0;
  simdjson::dom::object object;
};

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::optional<element> find(const JsonLine& line, std::string_view key) {
  element value;
  if (line.object.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return value;
}

std::string_view kind_of(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY: return "a list";
    case element_type::OBJECT: return "an object";
    case element_type::STRING: return "text";
    case element_type::BOOL: return "true or false";
    case element_type::NULL_VALUE: return "null";
    default: return "a number";
  }
}

/// NUL and broken UTF-8 can come out of escapes, where the check of the file does not see them.
bool is_clean(std::string_view text) {
  return text.find('\0') == std::string_view::npos && simdjson::validate_utf8(text.data(), text.size());
}

}  // namespace

bool JsonRow::has(std::string_view key) const { return find(line_, key).has_value(); }

bool JsonRow::is_string(std::string_view key) const {
  const auto value = find(line_, key);
  return value && value->is_string();
}

std::int64_t JsonRow::line() const { return line_.number; }

std::string JsonRow::text(std::string_view key) {
  if (!has(key)) {
    fail(key, "is missing");
    return {};
  }
  std::string text = text_or_empty(key);
  if (!error_ && count_words(text) == 0) fail(key, "is empty");
  return text;
}

std::string JsonRow::text_or_empty(std::string_view key) {
  const auto value = find(line_, key);
  if (!value) return {};
  std::string_view text;
  if (value->get(text) != simdjson::SUCCESS) {
    fail_type(key, "text");
    return {};
  }
  if (!is_clean(text)) fail(key, "holds a NUL or half a surrogate pair");
  return std::string(text);
}

std::optional<bool> JsonRow::boolean(std::string_view key) {
  const auto value = find(line_, key);
  bool truth = false;
  if (!value) return std::nullopt;
  if (value->get(truth) == simdjson::SUCCESS) return truth;
  fail_type(key, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> JsonRow::integer(std::string_view key) {
  const auto value = find(line_, key);
  std::int64_t number = 0;
  if (!value) return std::nullopt;
  if (value->get(number) == simdjson::SUCCESS) return number;
  fail_type(key, "a whole number");
  return std::nullopt;
}

std::optional<double> JsonRow::number(std::string_view key) {
  const auto value = find(line_, key);
  double number = 0;
  if (!value) return std::nullopt;
  if (value->get(number) == simdjson::SUCCESS) return number;
  fail_type(key, "a number");
  return std::nullopt;
}

std::vector<std::string> JsonRow::texts(std::string_view key) {
  std::vector<std::string> texts;
  const auto value = find(line_, key);
  if (!value) return texts;
  simdjson::dom::array array;
  if (value->get(array) != simdjson::SUCCESS) {
    fail_type(key, "a list of texts");
    return texts;
  }
  for (const element item : array) {
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS)
      fail(key, fmt::format("must be a list of texts, but item {} is {}", texts.size(), kind_of(item)));
    else if (!is_clean(text) || count_words(text) == 0)
      fail(key, fmt::format("has an empty or broken text as item {}", texts.size()));
    if (error_) return {};
    texts.emplace_back(text);
  }
  return texts;
}

void JsonRow::allow_only(std::span<const std::string> keys) {
  for (const auto field : line_.object)
    if (std::find(keys.begin(), keys.end(), field.key) == keys.end())
      fail(field.key, "is unknown", did_you_mean(field.key, keys));
}

void JsonRow::fail(std::string_view key, std::string_view what, std::string hint) {
  if (error_) return;
  error_ = Error{ErrorCode::bad_input, fmt::format("{}:{}: field '{}' {}", line_.name, line_.number, key, what),
                 std::move(hint)};
}

void JsonRow::fail_type(std::string_view key, std::string_view wanted) {
  const auto value = find(line_, key);
  fail(key, fmt::format("must be {}, not {}", wanted, value ? kind_of(*value) : "absent"));
}

Status for_each_json_row(std::string_view text, const std::string& name, const std::function<bool(JsonRow&)>& row) {
  PHASEWATT_ASSIGN(std::string_view rest, check_text(text, name));
  const auto bad = [&](std::int64_t number, std::string_view what, std::string hint) {
    return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", name, number, what), std::move(hint)};
  };
  simdjson::dom::parser parser;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const std::string_view whole = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(whole.size() + 1, rest.size()));
    if (whole.size() > kMaxLineBytes)
      return bad(number, fmt::format("a line longer than {} MiB", kMaxLineBytes >> 20U), "one JSON object per line");
    const std::string_view line = trim(whole);
    if (line.empty()) continue;

    element document;
    simdjson::dom::object object;
    if (const auto error = parser.parse(line.data(), line.size()).get(document); error != simdjson::SUCCESS)
      return bad(number, fmt::format("not valid JSON: {}", simdjson::error_message(error)), "one JSON object per line");
    if (document.get(object) != simdjson::SUCCESS)
      return bad(number, fmt::format("{} where an object is needed", kind_of(document)), "one JSON object per line");
    const JsonLine current{name, number, object};
    JsonRow fields(current);
    const bool more = row(fields);
    if (fields.error()) return *fields.error();
    if (!more) break;
  }
  return ok();
}

}  // namespace phasewatt::workload
