#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/records.h"
#include "phasewatt/base/result.h"
#include "phasewatt/workload/line_reader.h"

namespace phasewatt::workload {

struct JsonLine;  // keeps simdjson out of this header

/// One line of a JSONL file, an object. Getters record the first error, which names file, line and field, and return an
/// empty value after it, so that a reader reads as a list of fields. `null` counts as absent. Lives until the next row
/// is read.
class JsonRow {
 public:
  explicit JsonRow(const JsonLine& line) : line_(line) {}

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] bool is_string(std::string_view key) const;
  [[nodiscard]] bool is_integer(std::string_view key, std::int64_t number) const;  ///< that very one
  [[nodiscard]] std::int64_t line() const;

  std::string text(std::string_view key);  ///< required, with at least one word in it
  std::string text_or_empty(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);    ///< whole or not
  std::vector<std::string> texts(std::string_view key);  ///< empty when absent

  /// Entities of `text` (docs/annotators.md); absent when the field is.
  std::optional<std::vector<EntitySpan>> entities(std::string_view key, std::string_view text);

  /// Any other field is an error with the nearest valid name, and so is one that stands twice. At most 32 keys.
  void allow_only(std::span<const std::string> keys);
  /// Records an error at a field, unless there is one already.
  void fail(std::string_view key, std::string_view what, std::string hint = {});
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  void fail_type(std::string_view key, std::string_view wanted);

  const JsonLine& line_;
  std::optional<Error> error_;
};

/// The rows of a JSONL file, one at a time. Blank lines are skipped. Every error is bad_input and names file and line;
/// a file without a row is an error. Not thread-safe.
class JsonRows {
 public:
  explicit JsonRows(LineReader lines);
  JsonRows(JsonRows&&) noexcept;
  JsonRows& operator=(JsonRows&&) noexcept;
  ~JsonRows();

  /// Goes to the next row; false at the end.
  Result<bool> next();
  /// The current row; lives until next() is called.
  [[nodiscard]] JsonRow& row();
  [[nodiscard]] const LineReader& lines() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Calls `row` for each row of a text in memory, until it returns false; stops with the first error. `name` stands in
/// messages.
Status for_each_json_row(std::string_view text, const std::string& name, const std::function<bool(JsonRow&)>& row);

}  // namespace phasewatt::workload
