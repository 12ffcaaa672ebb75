#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"

/// Strict TOML reading (toml++): every key must be asked for, every error names file and line and the nearest valid
/// key.
namespace phasewatt {

/// A table of a TOML file. Getters record the first error and return a default after it, so that a parser reads as a
/// list of fields; `finish()` reports that error, or any key that no getter asked for. A copy shares the file and the
/// error with its origin. Not thread-safe.
class TomlTable {
 public:
  /// Parses `text`; `name` stands in messages. Syntax errors name the line.
  static Result<TomlTable> parse(std::string_view text, std::string_view name);

  [[nodiscard]] bool has(std::string_view key) const;

  // Required values; a missing or mistyped one is an error. Integers are accepted where a number is asked for.
  double number(std::string_view key);
  std::int64_t integer(std::string_view key);
  std::string string(std::string_view key);
  bool boolean(std::string_view key);
  std::vector<double> numbers(std::string_view key);
  std::vector<std::int64_t> integers(std::string_view key);
  std::vector<std::string> strings(std::string_view key);
  std::vector<std::vector<double>> number_rows(std::string_view key);

  // The same with a default when the key is absent.
  double number(std::string_view key, double otherwise);
  std::int64_t integer(std::string_view key, std::int64_t otherwise);
  std::string string(std::string_view key, std::string otherwise);
  bool boolean(std::string_view key, bool otherwise);

  /// A sub-table; an empty one (and an error) when missing.
  TomlTable table(std::string_view key);
  /// An array of tables `[[key]]`; empty when absent.
  std::vector<TomlTable> tables(std::string_view key);

  /// Kinds of a value, where a key may hold several ("auto:7" or a list).
  [[nodiscard]] bool is_string(std::string_view key) const;
  [[nodiscard]] bool is_array(std::string_view key) const;
  /// Elements of a mixed array of numbers and strings, each as text with its kind.
  struct Scalar {
    std::optional<double> number;
    std::string text;
  };
  std::vector<Scalar> scalars(std::string_view key);

  /// Line of a key's value in the file, 0 when absent.
  [[nodiscard]] int line(std::string_view key) const;
  /// Records "name:line: what" as an error at the key, unless there is one already.
  void fail(std::string_view key, std::string what, std::string hint = {});

  /// The first error of this file, or one for each key in this table that nobody asked for.
  Status finish();

 private:
  struct Impl;
  explicit TomlTable(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace phasewatt
