#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"

namespace phasewatt::workload {

struct JsonLine;  // keeps simdjson out of this header

/// One line of a JSONL file, an object. Getters record the first error, which names file, line and field, and return an
/// empty value after it, so that a reader reads as a list of fields. `null` counts as absent. Lives during the
/// callback.
class JsonRow {
 public:
  explicit JsonRow(const JsonLine& line) : line_(line) {}

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] bool is_string(std::string_view key) const;
  [[nodiscard]] std::int64_t line() const;

  std::string text(std::string_view key);  ///< required, with at least one word in it
  std::string text_or_empty(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);    ///< whole or not
  std::vector<std::string> texts(std::string_view key);  ///< empty when absent

  /// Any other field is an error with the nearest valid name.
  void allow_only(std::span<const std::string> keys);
  /// Records an error at a field, unless there is one already.
  void fail(std::string_view key, std::string_view what, std::string hint = {});
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void fail_type(std::string_view key, std::string_view wanted);

  const JsonLine& line_;
  std::optional<Error> error_;
};

/// Calls `row` for each line that is not blank, until it returns false; stops with the first error. Line ends LF or
/// CRLF. `name` stands in messages. A file without a row is an error.
Status for_each_json_row(std::string_view text, const std::string& name, const std::function<bool(JsonRow&)>& row);

}  // namespace phasewatt::workload
