#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"

namespace phasewatt::workload {

/// The longest line of a JSONL file and the longest record of a CSV file that readers take, in bytes.
inline constexpr std::size_t kMaxLineBytes = std::size_t{64} << 20U;

/// What every text file must satisfy: not empty, no NUL byte, valid UTF-8; errors name file and line. Gives the text
/// without a byte-order mark.
Result<std::string_view> check_text(std::string_view text, const std::string& name);

/// A CSV file with a header line (RFC 4180; line ends LF, CRLF or CR; a quote inside an unquoted field is an ordinary
/// character; blank lines are skipped). Borrows the text. Not thread-safe.
class CsvTable {
 public:
  /// Reads the header; `name` stands in messages.
  static Result<CsvTable> open(std::string_view text, std::string name);

  [[nodiscard]] bool has(std::string_view column) const;
  /// Index of a column; an error that lists the columns when it is not there.
  [[nodiscard]] Result<std::size_t> column(std::string_view column_name) const;

  /// Goes to the next record; false at the end of the file.
  Result<bool> next();
  [[nodiscard]] const std::string& field(std::size_t column) const { return fields_[column]; }
  /// Line on which the current record begins.
  [[nodiscard]] std::int64_t line() const { return record_line_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  CsvTable(std::string_view text, std::string name) : rest_(text), name_(std::move(name)) {}

  Status read_record();
  Result<bool> read_field(std::string& field);
  Status read_quoted(std::string& field);
  bool take_line_end();

  std::string_view rest_;
  std::string name_;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::int64_t line_ = 1;
  std::int64_t record_line_ = 1;
};

}  // namespace phasewatt::workload
