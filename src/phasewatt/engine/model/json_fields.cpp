#include "phasewatt/engine/model/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace phasewatt::engine::model {

using Json = nlohmann::json;

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kMost = 80;
  std::string out = "'";
  for (const char c : text.substr(0, kMost)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (text.size() > kMost ? "...'" : "'");
}

Result<Json> parse_object(std::string_view text, std::string_view name, int most_depth, bool unique_keys) {
  std::unordered_set<std::string> keys;
  std::optional<std::string> twice;
  bool deep = false;
  // What lies too deep is dropped while it is read, so that a file of brackets does not fill the memory.
  const Json::parser_callback_t watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1 && unique_keys &&
        !keys.insert(parsed.get_ref<const std::string&>()).second)
      twice = parsed.get_ref<const std::string&>();
    if ((event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start) &&
        depth >= most_depth) {
      deep = true;
      return false;
    }
    return true;
  };
  const auto bad = [&](const std::string& what) {
    return Error{ErrorCode::bad_input, fmt::format("{}: {}", name, what), {}};
  };
  try {
    Json json = Json::parse(text.begin(), text.end(), watch);
    if (deep) return bad(fmt::format("is nested deeper than {} levels", most_depth));
    if (twice) return bad(fmt::format("the key {} comes twice", in_quotes(*twice)));
    if (!json.is_object()) return bad("is not a JSON object");
    return json;
  } catch (const Json::parse_error& error) {
    constexpr std::size_t kBefore = 40;
    std::string_view before = text.substr(0, error.byte);
    if (before.size() > kBefore) before.remove_prefix(before.size() - kBefore);
    const bool no_number = (before.ends_with('N') && !before.ends_with("\\N")) || before.ends_with('I');
    return bad(fmt::format("is not valid JSON at byte {}, at the end of {}{}", error.byte, in_quotes(before),
                           no_number ? " (NaN and Infinity are no JSON)" : ""));
  } catch (const Json::exception& error) {   // a number out of range
    std::string_view number = error.what();  // "... overflow parsing '1e999'"
    number.remove_prefix(std::min(number.size(), number.find('\'') + 1));
    return bad(fmt::format("holds a number that is out of range: {}", in_quotes(number.substr(0, number.find('\'')))));
  }
}

const Json* Fields::find(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::fail(ErrorCode code, const char* key, const std::string& what, const std::string& hint) {
  if (!problem_) problem_ = Error{code, fmt::format("{}: {}{} {}", file_, prefix_, key, what), hint};
}

std::optional<std::int64_t> Fields::integer(const char* key, std::int64_t least, std::int64_t most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) {
    bad(key, "must be an integer");
    return std::nullopt;
  }
  // A number above the range of int64 is stored unsigned.
  const bool huge = value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  if (huge || value->get<std::int64_t>() < least || value->get<std::int64_t>() > most) {
    bad(key, fmt::format("is {}, and must be from {} to {}", value->dump(), least, most));
    return std::nullopt;
  }
  return value->get<std::int64_t>();
}

std::int64_t Fields::needed_integer(const char* key, std::int64_t least, std::int64_t most) {
  if (find(key) == nullptr) bad(key, "is missing");
  return integer(key, least, most).value_or(least);
}

std::optional<double> Fields::number(const char* key, double least, double most) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    bad(key, "must be a number");
    return std::nullopt;
  }
  const auto read = value->get<double>();
  if (!std::isfinite(read) || read < least || read > most) {
    bad(key, fmt::format("is {:g}, and must be from {:g} to {:g}", read, least, most));
    return std::nullopt;
  }
  return read;
}

double Fields::needed_number(const char* key, double least, double most) {
  if (find(key) == nullptr) bad(key, "is missing");
  return number(key, least, most).value_or(least);
}

bool Fields::flag(const char* key, bool otherwise) {
  const Json* value = find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) {
    bad(key, "must be true or false");
    return otherwise;
  }
  return value->get<bool>();
}

std::optional<std::string> Fields::text(const char* key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    bad(key, "must be a string");
    return std::nullopt;
  }
  return value->get<std::string>();
}

}  // namespace phasewatt::engine::model
