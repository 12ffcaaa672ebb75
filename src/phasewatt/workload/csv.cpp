#include "phasewatt/workload/csv.h"

#include <fmt/format.h>

#include <algorithm>

#include "phasewatt/base/text.h"

namespace phasewatt::workload {
namespace {

Error bad(const std::string& name, std::int64_t line, std::string_view what, std::string hint = {}) {
  return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", name, line, what), std::move(hint)};
}

}  // namespace

Result<CsvTable> CsvTable::open(std::string_view text, std::string name) {
  return open(LineReader::over(text, std::move(name)));
}

Result<CsvTable> CsvTable::open(LineReader lines) {
  CsvTable table(std::move(lines));
  PHASEWATT_ASSIGN(const bool any, table.skip_blank_lines());
  if (!any) return Error{ErrorCode::bad_input, fmt::format("{}: the file is empty", table.name()), {}};
  PHASEWATT_TRY(table.read_record());
  table.header_ = table.fields_;
  for (auto& column : table.header_) column = std::string(trim(column));
  for (std::size_t i = 0; i < table.header_.size(); ++i)
    if (std::find(table.header_.begin(), table.header_.begin() + static_cast<std::ptrdiff_t>(i), table.header_[i]) !=
        table.header_.begin() + static_cast<std::ptrdiff_t>(i))
      return bad(table.name(), table.record_line_,
                 fmt::format("column '{}' stands twice in the header", table.header_[i]));
  return table;
}

bool CsvTable::has(std::string_view column_name) const {
  return std::find(header_.begin(), header_.end(), column_name) != header_.end();
}

Result<std::size_t> CsvTable::column(std::string_view column_name) const {
  const auto found = std::find(header_.begin(), header_.end(), column_name);
  if (found == header_.end())
    return bad(name(), 1, fmt::format("no column '{}' in the header", column_name), "columns: " + join(header_, ", "));
  return static_cast<std::size_t>(found - header_.begin());
}

Result<bool> CsvTable::next() {
  PHASEWATT_ASSIGN(const bool any, skip_blank_lines());
  if (!any) return false;
  PHASEWATT_TRY(read_record());
  if (fields_.size() != header_.size())
    return bad(name(), record_line_, fmt::format("{} fields, but the header has {}", fields_.size(), header_.size()),
               "a field with a comma, a quote or a line break must stand in double quotes");
  return true;
}

/// Goes to the next line that holds anything; false at the end of the file.
Result<bool> CsvTable::skip_blank_lines() {
  do {
    PHASEWATT_ASSIGN(const bool more, lines_.next());
    if (!more) return false;
    rest_ = lines_.line();
  } while (at_line_end());
  return true;
}

Status CsvTable::read_record() {
  record_line_ = lines_.number();
  record_bytes_ = rest_.size();
  fields_.clear();
  for (bool more = true; more;) {
    fields_.emplace_back();
    PHASEWATT_ASSIGN(more, read_field(fields_.back()));
  }
  return ok();
}

/// Reads one field and what ends it; true when a comma did.
Result<bool> CsvTable::read_field(std::string& field) {
  if (!rest_.empty() && rest_.front() == '"') {
    PHASEWATT_TRY(read_quoted(field));
  } else {
    field = rest_.substr(0, rest_.find_first_of(",\r\n"));
    rest_.remove_prefix(field.size());
  }
  if (!rest_.empty() && rest_.front() == ',') {
    rest_.remove_prefix(1);
    return true;
  }
  if (at_line_end()) return false;
  return bad(name(), lines_.number(), "text after the closing quote of a field",
             "write a quote inside a quoted field twice");
}

/// A quoted field may go on over several lines.
Status CsvTable::read_quoted(std::string& field) {
  const std::int64_t first_line = lines_.number();
  rest_.remove_prefix(1);
  while (true) {
    const std::size_t quote = rest_.find('"');
    field += rest_.substr(0, quote);
    if (quote == std::string_view::npos) {
      PHASEWATT_ASSIGN(const bool more, lines_.next());
      if (!more)
        return bad(name(), first_line, "a quote that is never closed", "write a quote inside a quoted field twice");
      rest_ = lines_.line();
      record_bytes_ += rest_.size();
      if (record_bytes_ > kMaxLineBytes)
        return bad(name(), record_line_, fmt::format("a record longer than {} MiB", kMaxLineBytes >> 20U),
                   "probably a quote that is never closed");
      continue;
    }
    rest_.remove_prefix(quote + 1);
    if (rest_.empty() || rest_.front() != '"') return ok();
    field += '"';
    rest_.remove_prefix(1);
  }
}

bool CsvTable::at_line_end() const { return rest_.empty() || rest_.front() == '\n' || rest_.front() == '\r'; }

}  // namespace phasewatt::workload
