#include "phasewatt/workload/json_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bitset>

#include "phasewatt/base/text.h"
#include "phasewatt/workload/entity_list.h"
#include "phasewatt/workload/json_error.h"
#include "phasewatt/workload/unicode.h"

namespace phasewatt::workload {

struct JsonLine {
  std::string name;
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

bool JsonRow::is_integer(std::string_view key, std::int64_t number) const {
  const auto value = find(line_, key);
  std::int64_t found = 0;
  return value && value->get(found) == simdjson::SUCCESS && found == number;
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

std::optional<std::vector<EntitySpan>> JsonRow::entities(std::string_view key, std::string_view text) {
  const auto value = find(line_, key);
  if (!value) return std::nullopt;
  simdjson::dom::array array;
  EntityList list;
  if (value->get(array) != simdjson::SUCCESS)
    fail_type(key, "a list of entities");
  else if (const auto error = read_entities(array, text, list))
    fail(key, error->what, error->hint);
  return std::move(list.entities);
}

void JsonRow::allow_only(std::span<const std::string> keys) {
  std::bitset<32> seen;
  for (const auto field : line_.object) {
    const auto key = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), field.key) - keys.begin());
    if (key == keys.size()) return fail(field.key, "is unknown", did_you_mean(field.key, keys));
    if (seen.test(key)) return fail(field.key, "stands twice", "keep one of the two");
    seen.set(key);
  }
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

struct JsonRows::State {
  LineReader lines;
  simdjson::dom::parser parser;
  JsonLine line;
  std::optional<JsonRow> row;
  bool any = false;

  explicit State(LineReader reader) : lines(std::move(reader)), line{lines.name(), 0, {}} {}
};

JsonRows::JsonRows(LineReader lines) : state_(std::make_unique<State>(std::move(lines))) {}
JsonRows::JsonRows(JsonRows&&) noexcept = default;
JsonRows& JsonRows::operator=(JsonRows&&) noexcept = default;
JsonRows::~JsonRows() = default;

const LineReader& JsonRows::lines() const { return state_->lines; }
JsonRow& JsonRows::row() { return *state_->row; }

Result<bool> JsonRows::next() {
  State& state = *state_;
  std::string_view text;
  while (text.empty()) {
    PHASEWATT_ASSIGN(const bool more, state.lines.next());
    if (!more && !state.any)
      return Error{ErrorCode::bad_input, fmt::format("{}: the file is empty", state.lines.name()), {}};
    if (!more) return false;
    text = trim(state.lines.line());
  }
  state.any = true;
  const auto where = [&] { return fmt::format("{}:{}", state.lines.name(), state.lines.number()); };
  element document;
  if (const auto error = state.parser.parse(text.data(), text.size()).get(document); error != simdjson::SUCCESS)
    return json_line_error(error, where(), text);
  if (document.get(state.line.object) != simdjson::SUCCESS)
    return Error{ErrorCode::bad_input, fmt::format("{}: {} where an object is needed", where(), kind_of(document)),
                 "one JSON object per line"};
  state.line.number = state.lines.number();
  state.row.emplace(state.line);
  return true;
}

Status for_each_json_row(std::string_view text, const std::string& name, const std::function<bool(JsonRow&)>& row) {
  JsonRows rows(LineReader::over(text, name));
  while (true) {
    PHASEWATT_ASSIGN(const bool more, rows.next());
    if (!more) return ok();
    const bool go_on = row(rows.row());
    if (rows.row().error()) return *rows.row().error();
    if (!go_on) return ok();
  }
}

}  // namespace phasewatt::workload
