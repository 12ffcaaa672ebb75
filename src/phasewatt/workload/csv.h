#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "phasewatt/base/result.h"
#include "phasewatt/workload/line_reader.h"

namespace phasewatt::workload {

/// A CSV file with a header line (RFC 4180; line ends LF, CRLF or CR; a quote inside an unquoted field is an ordinary
/// character; blank lines are skipped), read record by record in the memory of one. Not thread-safe.
class CsvTable {
 public:
  /// Reads the header.
  static Result<CsvTable> open(LineReader lines);
  /// The same from memory; the text must outlive the table. `name` stands in messages.
  static Result<CsvTable> open(std::string_view text, std::string name);

  /// As the header names them.
  [[nodiscard]] const std::vector<std::string>& columns() const { return header_; }
  [[nodiscard]] bool has(std::string_view column) const;
  /// Index of a column; an error that lists the columns when it is not there.
  [[nodiscard]] Result<std::size_t> column(std::string_view column_name) const;

  /// Goes to the next record; false at the end of the file.
  Result<bool> next();
  [[nodiscard]] const std::string& field(std::size_t column) const { return fields_[column]; }
  /// Line on which the current record begins.
  [[nodiscard]] std::int64_t line() const { return record_line_; }
  [[nodiscard]] const std::string& name() const { return lines_.name(); }
  [[nodiscard]] const LineReader& lines() const { return lines_; }

 private:
  explicit CsvTable(LineReader lines) : lines_(std::move(lines)) {}

  Result<bool> skip_blank_lines();
  Status read_record();
  Result<bool> read_field(std::string& field);
  Status read_quoted(std::string& field);
  [[nodiscard]] bool at_line_end() const;

  LineReader lines_;
  std::string_view rest_;  ///< of the current line
  std::size_t record_bytes_ = 0;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::int64_t record_line_ = 1;
};

}  // namespace phasewatt::workload
