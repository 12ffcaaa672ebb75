#include "phasewatt/workload/csv.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "phasewatt/base/text.h"

namespace phasewatt::workload {
namespace {

std::int64_t line_at(std::string_view text, std::size_t offset) {
  return 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
}

Error bad(const std::string& name, std::int64_t line, std::string_view what, std::string hint = {}) {
  return Error{ErrorCode::bad_input, fmt::format("{}:{}: {}", name, line, what), std::move(hint)};
}

}  // namespace

Result<std::string_view> check_text(std::string_view text, const std::string& name) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return bad(name, line_at(text, nul), "a NUL byte", "the file is damaged or not a text file");
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    const std::size_t offset = std::min(find_invalid_utf8(text), text.size());
    return bad(name, line_at(text, offset), "not valid UTF-8", "save the file as UTF-8");
  }
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) text.remove_prefix(kByteOrderMark.size());
  if (trim(text).empty()) return Error{ErrorCode::bad_input, fmt::format("{}: the file is empty", name), {}};
  return text;
}

Result<CsvTable> CsvTable::open(std::string_view text, std::string name) {
  PHASEWATT_ASSIGN(const std::string_view checked, check_text(text, name));
  CsvTable table(checked, std::move(name));
  while (table.take_line_end()) {
  }
  PHASEWATT_TRY(table.read_record());
  table.header_ = table.fields_;
  for (auto& column : table.header_) column = std::string(trim(column));
  for (std::size_t i = 0; i < table.header_.size(); ++i)
    if (std::find(table.header_.begin(), table.header_.begin() + static_cast<std::ptrdiff_t>(i), table.header_[i]) !=
        table.header_.begin() + static_cast<std::ptrdiff_t>(i))
      return bad(table.name_, table.record_line_,
                 fmt::format("column '{}' stands twice in the header", table.header_[i]));
  return table;
}

bool CsvTable::has(std::string_view column_name) const {
  return std::find(header_.begin(), header_.end(), column_name) != header_.end();
}

Result<std::size_t> CsvTable::column(std::string_view column_name) const {
  const auto found = std::find(header_.begin(), header_.end(), column_name);
  if (found == header_.end())
    return bad(name_, 1, fmt::format("no column '{}' in the header", column_name), "columns: " + join(header_, ", "));
  return static_cast<std::size_t>(found - header_.begin());
}

Result<bool> CsvTable::next() {
  while (take_line_end()) {
  }
  if (rest_.empty()) return false;
  PHASEWATT_TRY(read_record());
  if (fields_.size() != header_.size())
    return bad(name_, record_line_, fmt::format("{} fields, but the header has {}", fields_.size(), header_.size()),
               "a field with a comma, a quote or a line break must stand in double quotes");
  return true;
}

Status CsvTable::read_record() {
  const std::string_view begin = rest_;
  record_line_ = line_;
  fields_.clear();
  for (bool more = true; more;) {
    fields_.emplace_back();
    PHASEWATT_ASSIGN(more, read_field(fields_.back()));
    if (begin.size() - rest_.size() > kMaxLineBytes)
      return bad(name_, record_line_, fmt::format("a record longer than {} MiB", kMaxLineBytes >> 20U),
                 "probably a quote that is never closed");
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
  if (rest_.empty() || take_line_end()) return false;
  return bad(name_, line_, "text after the closing quote of a field", "write a quote inside a quoted field twice");
}

Status CsvTable::read_quoted(std::string& field) {
  const std::int64_t first_line = line_;
  rest_.remove_prefix(1);
  while (true) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos)
      return bad(name_, first_line, "a quote that is never closed", "write a quote inside a quoted field twice");
    const std::string_view piece = rest_.substr(0, quote);
    line_ += std::count(piece.begin(), piece.end(), '\n');
    field += piece;
    rest_.remove_prefix(quote + 1);
    if (rest_.empty() || rest_.front() != '"') return ok();
    field += '"';
    rest_.remove_prefix(1);
  }
}

bool CsvTable::take_line_end() {
  if (rest_.empty() || (rest_.front() != '\n' && rest_.front() != '\r')) return false;
  rest_.remove_prefix(rest_.substr(0, 2) == "\r\n" ? 2 : 1);
  ++line_;
  return true;
}

}  // namespace phasewatt::workload
